// SPDX-License-Identifier: Apache-2.0
#include "sim/sim_store.h"

#include <fmt/format.h>

#include "rt/wait.h"

namespace tutti::sim {
namespace {

Error dead() { return rt::cancelled_error("the owner is dead"); }

Error refusal() {
  return {.code = Code::unavailable,
          .what = "the disk refuses to write",
          .where = {},
          .remedy = {},
          .retry_after = std::nullopt,
          .provider_code = "SQLITE_IOERR"};
}

Error full() {
  return {.code = Code::unavailable,
          .what = "the disk is full",
          .where = {},
          .remedy = "free space",
          .retry_after = std::nullopt,
          .provider_code = "SQLITE_FULL"};
}

enum How : int64_t { applied, died_before, died_after, refused, lost_reply, disk_full };

}  // namespace

SimStore::SimStore(World& world, Checks& checks, uint64_t owner, std::function<void()> die)
    : world_(world),
      checks_(checks),
      owner_(owner),
      die_(std::move(die)),
      disk_(store::make_memory_store(world.disk)) {}

Task<Unit> SimStore::travel(rt::Context& ctx, const char* what) {
  if (!alive_) {
    co_return fail(dead());
  }
  const uint64_t call = ++calls_;
  CO_OK(co_await rt::delay(ctx, microseconds(world_.dice.between(20, 2'500))));
  if (!alive_) {
    co_return fail(dead());
  }
  if (world_.faults() &&
      world_.odd(8, About::store_fault, owner_, call, 0,
                 fmt::format("owner {}: store call {} ({}) fails", owner_, call, what))) {
    co_return fail(refusal());
  }
  co_return Unit{};
}

void SimStore::note(int64_t how) const {
  world_.note({.did = Did::commit, .a = how, .b = static_cast<int64_t>(world_.commits)});
}

Task<Unit> SimStore::apply(rt::Context& ctx, store::Commit commit) {
  const store::Commit kept = commit;
  CO_OK(co_await disk_->commit(ctx, std::move(commit)));
  note(applied);
  checks_.after_commit(kept);
  co_return Unit{};
}

Task<Unit> SimStore::commit(rt::Context& ctx, store::Commit commit) {
  if (!alive_) {
    co_return fail(dead());
  }
  const uint64_t number = ++world_.commits;
  rt::Context io = ctx.uncancellable();
  const auto odd = [this, number](uint32_t permille, uint64_t which, std::string_view what) {
    return world_.faults() && world_.odd(permille, About::commit_fault, number, which, 0,
                                         fmt::format("commit {} {}", number, what));
  };
  if (odd(10, 1, "finds the disk full, for a while")) {
    world_.disk_full_until = world_.loop.now() + milliseconds(world_.draw_between(
                                                     100, 20'000, About::commit_fault, number, 2));
  }
  CO_OK(co_await rt::delay(io, microseconds(world_.dice.between(50, 4'000))));
  if (!alive_) {  // killed while the disk was working: the commit is there or not
    if (world_.odd(500, About::landing, number, 0, 0, fmt::format("commit {} lands", number))) {
      CO_OK(co_await apply(io, std::move(commit)));
    }
    co_return fail(dead());
  }
  if (world_.faults() && world_.loop.now() < world_.disk_full_until) {
    note(disk_full);
    co_return fail(full());
  }
  if (odd(6, 3, "is where the owner dies, before it")) {
    note(died_before);
    die_();
    co_return fail(dead());
  }
  if (odd(12, 4, "is refused")) {
    note(refused);
    co_return fail(refusal());
  }
  if (odd(8, 5, "is lost on its way, and its reply")) {
    note(lost_reply);
    co_return fail(Code::unknown_outcome, "the reply was lost");
  }
  CO_OK(co_await apply(io, std::move(commit)));
  if (odd(8, 6, "is where the owner dies, after it")) {
    note(died_after);
    die_();
    co_return fail(dead());
  }
  if (odd(10, 7, "is done, and its reply lost")) {
    note(lost_reply);
    co_return fail(Code::unknown_outcome, "the reply was lost");
  }
  co_return Unit{};
}

Task<store::Claimed> SimStore::claim(rt::Context& ctx, std::optional<store::Epoch> held) {
  CO_OK(co_await travel(ctx, "claim"));
  co_return co_await disk_->claim(ctx, held);
}

Task<store::RunImage> SimStore::load_run(rt::Context& ctx, RunId run) {
  CO_OK(co_await travel(ctx, "load_run"));
  co_return co_await disk_->load_run(ctx, run);
}

Task<std::vector<store::RunRow>> SimStore::runs(rt::Context& ctx, store::RunsQuery query) {
  CO_OK(co_await travel(ctx, "runs"));
  co_return co_await disk_->runs(ctx, std::move(query));
}

Task<std::vector<store::AttemptRow>> SimStore::attempts(rt::Context& ctx, RunId run) {
  CO_OK(co_await travel(ctx, "attempts"));
  co_return co_await disk_->attempts(ctx, run);
}

Task<std::vector<store::OutputRow>> SimStore::outputs(rt::Context& ctx,
                                                      std::vector<store::OutputKey> keys) {
  CO_OK(co_await travel(ctx, "outputs"));
  co_return co_await disk_->outputs(ctx, std::move(keys));
}

Task<Unit> SimStore::put_blob(rt::Context& ctx, Digest digest, std::string bytes) {
  CO_OK(co_await travel(ctx, "put_blob"));
  co_return co_await disk_->put_blob(ctx, digest, std::move(bytes));
}

Task<std::string> SimStore::get_blob(rt::Context& ctx, Digest digest) {
  CO_OK(co_await travel(ctx, "get_blob"));
  co_return co_await disk_->get_blob(ctx, digest);
}

Task<Unit> SimStore::close(rt::Context&) { co_return Unit{}; }

}  // namespace tutti::sim
