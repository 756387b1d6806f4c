// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "app/owner_start.h"
#include "rt/wait.h"
#include "store/disk.h"

namespace tutti::app {
namespace {

constexpr Duration hello_patience = seconds(10);
constexpr Duration first_look = milliseconds(1);
constexpr Duration longest_look = milliseconds(20);

std::string name_of(const OwnerIdentity& owner) {
  return owner.pid == 0 ? "the project's owner"
                        : fmt::format("the project's owner (process {})", owner.pid);
}

Error silent_error(const std::filesystem::path& folder) {
  const OwnerIdentity owner = OwnerLock::holder(folder);
  return {
      .code = Code::unavailable,
      .what = name_of(owner) + " does not answer",
      .where = folder.string(),
      .remedy = owner.pid == 0
                    ? "see .tutti/owner.log"
                    : fmt::format("is it stopped? `kill -CONT {0}` lets it go on, `kill -9 {0}` "
                                  "ends it; the next command starts a new one",
                                  owner.pid)};
}

Error other_version_error(const control::Hello& owner, const std::string& ours) {
  return {
      .code = Code::conflict,
      .what = fmt::format("the project's owner (process {}) is tutti {}, which tutti {} cannot "
                          "speak to, and it still has runs to finish",
                          owner.pid, owner.version, ours),
      .remedy = fmt::format("wait until they have ended, or `kill {}`: the next command goes on "
                            "with them",
                            owner.pid)};
}

Error held_error(const control::Hello& owner) {
  return {.code = Code::conflict,
          .what = fmt::format("the connections or secrets of the project were changed, and another "
                              "command still uses the owner (process {}) that has the old ones",
                              owner.pid),
          .remedy = "end that command, then try again"};
}

// Connects, if somebody listens. An owner that accepts and says nothing is stopped or stuck.
Task<std::unique_ptr<cli::Remote>> connect(rt::Context& ctx, OwnerCall call) {
  const auto folder = state_folder(call.project);
  rt::Context soon = ctx.with_timeout(hello_patience);
  auto remote = co_await cli::connect_remote(soon, folder / "sock", call.version);
  if (!remote.has_value() && remote.error().code == Code::timed_out && ctx.check().has_value()) {
    co_return fail(silent_error(folder));
  }
  co_return remote;
}

// At most three runs that keep the owner busy, for people.
Task<std::string> busy_runs(rt::Context& ctx, cli::Remote& remote) {
  CO_TRY(const auto runs, co_await remote.runs(ctx, {.rows_max = 100}));
  std::string names;
  size_t named = 0;
  for (const control::RunView& run : runs) {
    if (!run.ended && named < 3) {
      names += fmt::format("{}{} of {}", named++ == 0 ? "" : ", ", to_text(run.id), run.workflow);
    }
  }
  co_return names;
}

Error other_settings_error(const std::string& busy) {
  return {.code = Code::conflict,
          .what = fmt::format("the connections or secrets of the project (in tutti.yaml, or the "
                              "environment variables they come from) were changed while a run "
                              "works with the old ones{}{}",
                              busy.empty() ? "" : ": run ", busy),
          .remedy =
              "wait until it has ended or `tutti cancel` it, then try again; or undo the "
              "change"};
}

// What becomes of an owner of another version or other settings: an idle one ends (false), with a
// busy one we speak if we can (true) and nothing begins with old settings, which do not matter to
// who only looks.
Task<bool> accepts(rt::Context& ctx, cli::Remote& remote, OwnerCall call) {
  const control::Hello& owner = remote.owner_hello();
  const bool same_settings = !call.starts || owner.settings.value_or("") == call.settings;
  if (owner.version == call.version && owner.protocol == control::protocol_version &&
      same_settings) {
    co_return true;
  }
  const auto asked = co_await remote.retire(ctx);
  if (!asked.has_value() || owner.protocol != control::protocol_version) {
    co_return false;
  }
  const auto view = co_await remote.owner(ctx);
  if (!view.has_value()) {
    co_return false;
  }
  if (view->busy_runs > 0 && !same_settings) {
    CO_TRY(const std::string busy, co_await busy_runs(ctx, remote));
    co_return fail(other_settings_error(busy));
  }
  co_return view->busy_runs > 0 || (view->clients > 1 && same_settings);
}

// Waits between two looks: an owner is being started by another command, or is ending.
class Patience {
 public:
  Patience(rt::Context& ctx, Duration all) : end_(ctx.clock().boot() + all) {}
  bool over(rt::Context& ctx) const { return ctx.clock().boot() >= end_; }
  Task<Unit> wait(rt::Context& ctx) {
    CO_OK(co_await rt::delay(ctx, next_));
    next_ = std::min(next_ * 2, longest_look);
    co_return Unit{};
  }

 private:
  BootInstant end_;
  Duration next_ = first_look;
};

Task<Unit> start_patiently(rt::Context& ctx, OwnerCall call, OwnerLock lock) {
  rt::Context soon = ctx.with_timeout(call.patience);
  auto started = co_await start_owner(soon, call, std::move(lock));
  if (!started.has_value() && started.error().code == Code::timed_out && ctx.check().has_value()) {
    co_return fail(silent_error(state_folder(call.project)));
  }
  co_return started;
}

}  // namespace

Task<std::unique_ptr<cli::Remote>> connect_or_start_owner(rt::Context& ctx, OwnerCall call) {
  call.project = std::filesystem::absolute(call.project);
  const auto folder = state_folder(call.project);
  CO_OK(store::prepare_state_folder(folder));
  Patience patience(ctx, call.patience);
  std::optional<control::Hello> other;  // than we want
  while (true) {
    auto remote = co_await connect(ctx, call);
    if (remote.has_value()) {
      CO_TRY(const bool accepted, co_await accepts(ctx, **remote, call));
      CO_OK(ctx.check());
      if (accepted) {
        co_return std::move(*remote);
      }
      other = (*remote)->owner_hello();
      remote->reset();  // it ends when its last client has left
    } else if (remote.error().code != Code::not_found) {
      co_return fail(std::move(remote).error());
    }
    if (patience.over(ctx)) {
      co_return fail(!other                           ? silent_error(folder)
                     : other->version == call.version ? held_error(*other)
                                                      : other_version_error(*other, call.version));
    }
    CO_TRY(std::optional<OwnerLock> lock, OwnerLock::try_take(folder));
    if (lock) {
      CO_OK(co_await start_patiently(ctx, call, std::move(*lock)));
      continue;
    }
    CO_OK(co_await patience.wait(ctx));
  }
}

}  // namespace tutti::app
