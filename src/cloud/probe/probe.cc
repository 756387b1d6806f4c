// SPDX-License-Identifier: Apache-2.0
#include "cloud/probe/probe.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cloud/body.h"
#include "cloud/site.h"
#include "rt/file.h"
#include "rt/scope.h"

namespace tutti::cloud::probe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view written_text = "written by `tutti connections test`, to be removed\n";
constexpr size_t names_max = 5;  // of buckets that are shown
constexpr uint64_t free_bytes_min = 1ULL << 30;

constexpr Step network_steps[] = {Step::name,   Step::connection, Step::tls,
                                  Step::answer, Step::clock,      Step::credentials};
constexpr Step store_steps[] = {Step::list, Step::read};
constexpr Step write_steps[] = {Step::write, Step::remove};

// One connection that is being asked.
struct Course {
  const Connections& connections;
  Wanted wanted;
  rt::Executor blocking;
  std::shared_ptr<Site> site = nullptr;
  Located located = {};
  Checks checks = {};
  std::string credentials = {};  // where they were found
};

bool is_folder(const Course& course) {
  return course.site != nullptr && !course.site->facts().folder.empty();
}
bool has_region(const Course& course) {
  return course.site != nullptr && !course.site->facts().region.empty();
}

// What was not tried, and why.
void skip_rest(Course& course) {
  const std::string why =
      course.checks.any_failed() ? "as an earlier check failed" : "nothing is there to be asked";
  if (!is_folder(course)) {
    course.checks.skip_all(network_steps, why);
  }
  if (has_region(course)) {
    course.checks.skip(Step::region, why);
  }
  if (!is_folder(course) || !course.site->facts().one_bucket) {
    course.checks.skip(Step::bucket, why);
  }
  course.checks.skip_all(store_steps, why);
  if (course.wanted.write) {
    course.checks.skip_all(write_steps, why);
  }
}

// The service has looked at the signature and found it good.
void accepted(Course& course) {
  if (!is_folder(course)) {
    course.checks.ok(Step::credentials, course.credentials);
  }
}

// A refusal of the store. What comes before the step it speaks of went well.
void note_failure(Course& course, Error error, Step asked) {
  const Step step = step_of(error, asked);
  if (step > Step::region && !is_retryable(error.code)) {
    accepted(course);
  }
  if (step == Step::bucket && error.remedy.empty()) {
    error.remedy = "check the bucket's name, and the connection's account";
  }
  course.checks.fail(step, std::move(error));
}

std::string shown(const std::vector<std::string>& names) {
  const size_t count = std::min(names.size(), names_max);
  return fmt::format("{}{}",
                     fmt::join(names.begin(), names.begin() + static_cast<ptrdiff_t>(count), ", "),
                     names.size() > count ? ", ..." : "");
}

// ---- a service without a bucket

Task<Unit> ask_buckets(rt::Context& ctx, Course& course) {
  const std::string name_one =
      fmt::format("name one: tutti connections test {} --bucket NAME", course.wanted.connection);
  auto names = co_await course.site->buckets(ctx);
  CO_OK(ctx.check());
  if (names.has_value()) {
    accepted(course);
    course.checks.skip(Step::bucket, names->empty() ? fmt::format("none is there; {}", name_one)
                                                    : fmt::format("{} seen: {}; {}", names->size(),
                                                                  shown(*names), name_one));
  } else if (step_of(names.error(), Step::list) != Step::list) {
    note_failure(course, std::move(names).error(), Step::list);
  } else if (is_retryable(names.error().code)) {
    note_failure(course, std::move(names).error(), Step::bucket);
  } else if (names.error().code == Code::denied) {
    accepted(course);  // it knows who asks, and that they may not
    course.checks.skip(Step::bucket, fmt::format("they may not list buckets; {}", name_one));
  } else {
    course.checks.skip(Step::bucket, fmt::format("{}; {}", names.error().what, name_one));
    course.checks.skip(Step::credentials, fmt::format("{}; nobody was asked whether they are good",
                                                      course.credentials));
  }
  if (!course.checks.any_failed()) {
    course.checks.skip_all(store_steps, "without a bucket");
    if (course.wanted.write) {
      course.checks.skip_all(write_steps, "without a bucket");
    }
  }
  co_return Unit{};
}

// ---- one bucket

Task<Unit> check_region(rt::Context& ctx, Course& course) {
  auto region = co_await course.site->region(ctx, course.located.ref.bucket);
  CO_OK(ctx.check());
  const std::string& set = course.site->facts().region;
  if (!region.has_value()) {
    course.checks.fail(Step::region, std::move(region).error());
  } else if (*region == set) {
    course.checks.ok(Step::region, set);
  } else {
    course.checks.ok(Step::region,
                     fmt::format("{}, not {}: each command asks twice. Set `region: {}`", *region,
                                 set, *region));
  }
  co_return Unit{};
}

Task<Unit> check_read(rt::Context& ctx, Course& course, ObjectMeta meta, Step step) {
  ObjectStore& store = *course.located.store;
  const GetOptions options{.range = meta.size == 0 ? std::nullopt : std::optional(Range{0, 1})};
  Result<Unit> done{Unit{}};
  auto opened = co_await store.get(ctx, meta.key, options);
  if (!opened.has_value()) {
    done = fail(std::move(opened).error());
  } else if (auto chunk = co_await opened->source->next(ctx); !chunk.has_value()) {
    done = fail(std::move(chunk).error());
  }
  CO_OK(ctx.check());
  if (done.has_value()) {
    course.checks.ok(step, address_of(course.located, meta.key));
  } else if (done.error().provider_code == "InvalidObjectState" ||
             done.error().provider_code == "BlobArchived") {
    course.checks.skip(step, fmt::format("{} is archived", address_of(course.located, meta.key)));
  } else {
    note_failure(course, std::move(done).error(), step);
  }
  co_return Unit{};
}

Task<Unit> check_list(rt::Context& ctx, Course& course) {
  auto page = co_await course.located.store->list(ctx, {.prefix = course.located.key, .limit = 1});
  CO_OK(ctx.check());
  if (!page.has_value()) {
    note_failure(course, std::move(page).error(), Step::list);
    course.checks.skip(Step::read, "no object is known");
    co_return Unit{};
  }
  accepted(course);
  if (!course.located.ref.bucket.empty()) {
    course.checks.ok(Step::bucket, course.located.ref.bucket);
  }
  if (page->objects.empty()) {
    course.checks.ok(Step::list, "nothing is there yet");
    course.checks.skip(Step::read, "no object is there");
    co_return Unit{};
  }
  course.checks.ok(Step::list, "objects are seen");
  co_return co_await check_read(ctx, course, page->objects.front(), Step::read);
}

std::string random_name(rt::Random& random) {
  return fmt::format("tutti-test-{:016x}{:016x}", random.next(), random.next());
}

Task<Unit> check_write(rt::Context& ctx, Course& course) {
  ObjectStore& store = *course.located.store;
  Key key = course.located.key;
  key.text += (key.text.empty() || key.text.ends_with('/') ? "" : "/") + random_name(ctx.random());
  const std::string where = address_of(course.located, key);
  auto written = co_await store.put(
      ctx, key, held_body(std::make_shared<const std::string>(written_text)), {});
  const bool done = written.has_value();
  const bool maybe = !done && written.error().code != Code::denied;
  Result<Unit> read{Unit{}};
  if (done) {
    course.checks.ok(Step::write, where);
    read = co_await check_read(ctx, course, std::move(*written), Step::read);
  } else {
    note_failure(course, std::move(written).error(), Step::write);
    course.checks.skip(Step::remove, "nothing was written");
  }
  if (done || maybe) {
    rt::Context after = ctx.uncancellable().with_timeout(seconds(30));
    auto removed = co_await store.remove(after, key, {});
    if (removed.has_value()) {
      course.checks.ok(Step::remove, where);
    } else if (done) {
      removed.error().remedy +=
          fmt::format("{}remove {} by hand", removed.error().remedy.empty() ? "" : "; ", where);
      course.checks.fail(Step::remove, std::move(removed).error());
    }
  }
  co_return read;  // cancelled or not, what was written is removed
}

// ---- the whole

// False: nothing more can be asked.
Task<bool> check_credentials(rt::Context& ctx, Course& course) {
  auto found = co_await course.site->credentials(ctx);
  CO_OK(ctx.check());
  if (!found.has_value()) {
    course.checks.fail(Step::credentials, std::move(found).error());
    co_return false;
  }
  course.credentials = std::move(*found);
  co_return true;
}

Task<Unit> ask_bucket(rt::Context& ctx, Course& course) {
  auto located = course.connections.open(
      course.wanted.profile,
      Address{.connection = course.wanted.connection, .rest = course.wanted.rest});
  if (!located.has_value()) {
    course.checks.fail(Step::settings, std::move(located).error());
    co_return Unit{};
  }
  course.located = std::move(*located);
  if (const fs::path folder = course.site->facts().folder / course.located.ref.bucket;
      is_folder(course) && !fs::is_directory(folder)) {
    course.checks.skip(Step::bucket, fmt::format("{} is made when first written", folder.string()));
  } else {
    CO_OK(co_await check_list(ctx, course));
  }
  if (has_region(course) && !course.checks.failed(Step::list) &&
      !course.checks.failed(Step::region) && course.checks.has(Step::bucket)) {
    CO_OK(co_await check_region(ctx, course));
  }
  const bool known =
      !course.checks.failed(Step::credentials) && !course.checks.failed(Step::bucket);
  if (course.wanted.write && known) {
    CO_OK(co_await check_write(ctx, course));
  }
  co_return Unit{};
}

Task<Unit> run(rt::Context& ctx, Course& course) {
  const SiteFacts& facts = course.site->facts();
  if (is_folder(course)) {
    check_folder(facts.folder, facts.made_when_written, course.checks);
    if (course.checks.failed(Step::folder)) {
      co_return Unit{};
    }
  }
  CO_TRY(const bool found, co_await check_credentials(ctx, course));
  if (!facts.url.empty()) {
    CO_TRY(const bool reached, co_await probe_url(ctx, facts.url, &course.checks, course.blocking));
    if (!reached) {
      course.checks.skip(Step::credentials,
                         fmt::format("{}; nobody could be asked", course.credentials));
      co_return Unit{};
    }
  }
  if (!found) {
    co_return Unit{};
  }
  if (course.wanted.rest.empty() && !facts.one_bucket) {
    co_return co_await ask_buckets(ctx, course);
  }
  co_return co_await ask_bucket(ctx, course);
}

}  // namespace

void check_folder(const fs::path& folder, bool made, Checks& checks) {
  std::error_code ec;
  const bool there = fs::exists(folder, ec);
  if (there && !fs::is_directory(folder, ec)) {
    return checks.fail(Step::folder, {.code = Code::bad_input,
                                      .what = fmt::format("{} is not a folder", folder.string()),
                                      .remedy = "name another one in tutti.yaml"});
  }
  fs::path nearest = folder;  // that exists
  while (!fs::exists(nearest, ec) && nearest.has_relative_path()) {
    nearest = nearest.parent_path();
  }
  if (!there && !made) {
    return checks.fail(Step::folder, {.code = Code::not_found,
                                      .what = fmt::format("there is no folder {}", folder.string()),
                                      .remedy = fmt::format("mkdir -p '{}'", folder.string())});
  }
  if (access(nearest.c_str(), R_OK | W_OK | X_OK) != 0) {
    return checks.fail(Step::folder,
                       {.code = Code::denied,
                        .what = fmt::format("{} cannot be read and written", nearest.string()),
                        .remedy = fmt::format("chmod u+rwx '{}'", nearest.string())});
  }
  checks.ok(Step::folder,
            there ? folder.string() : fmt::format("{}, made when first written", folder.string()));
  struct statvfs info{};
  if (statvfs(nearest.c_str(), &info) != 0) {
    return checks.fail(Step::space, rt::error_of_errno(errno, "looking at the disk", nearest));
  }
  const uint64_t free = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  const std::string text = fmt::format("{} MB free", free / 1'000'000);
  if (free >= free_bytes_min) {
    return checks.ok(Step::space, text);
  }
  checks.fail(Step::space, {.code = Code::unavailable,
                            .what = fmt::format("only {}", text),
                            .remedy = "free some: writes fail when the disk is full"});
}

Task<bool> probe_url(rt::Context& ctx, std::string url, Checks* checks, rt::Executor blocking) {
  CO_OK(ctx.check());
  const net::Reach found =
      co_await rt::offload(std::move(blocking), [url] { return net::reach(url); });
  CO_OK(ctx.check());
  constexpr std::pair<net::Stage, Step> stages[] = {{net::Stage::name, Step::name},
                                                    {net::Stage::connection, Step::connection},
                                                    {net::Stage::tls, Step::tls},
                                                    {net::Stage::answer, Step::answer}};
  const std::string by = fmt::format("{}{}", found.proxy ? "the proxy " : "", found.address);
  const std::string texts[] = {found.proxy ? "the proxy's" : "resolved", by,
                               "the certificate is trusted",
                               fmt::format("status {}", found.status)};
  for (const auto& [stage, step] : stages) {
    if (found.stage == stage) {
      Error error = *found.error;
      if (found.proxy && step <= Step::connection && error.code == Code::unavailable) {
        error.remedy =
            "check the proxy that https_proxy or http_proxy names; no_proxy leaves it out";
      }
      checks->fail(step, std::move(error));
      co_return false;
    }
    if (step == Step::tls && !found.tls) {
      checks->skip(step, "the endpoint is http://");
    } else {
      checks->ok(step, texts[static_cast<size_t>(stage)]);
    }
  }
  if (!found.server_time) {
    checks->skip(Step::clock, "the service does not say its time");
    co_return true;
  }
  Check clock = check_clock(ctx.clock().wall() - *found.server_time);
  if (clock.error) {
    checks->fail(Step::clock, *std::move(clock.error));
  } else {
    checks->ok(Step::clock, std::move(clock.what));
  }
  co_return true;
}

Task<Checks> probe(rt::Context& ctx, const Connections& connections, Wanted wanted,
                   rt::Executor blocking) {
  Course course{.connections = connections, .wanted = std::move(wanted), .blocking = blocking};
  auto site = connections.site(course.wanted.profile, course.wanted.connection);
  if (!site.has_value()) {
    course.checks.fail(Step::settings, std::move(site).error());
    skip_rest(course);
    co_return course.checks;
  }
  course.site = std::move(*site);
  CO_OK(co_await run(ctx, course));
  skip_rest(course);
  if (!course.checks.failed(Step::settings)) {
    course.checks.ok(Step::settings, "");
  }
  co_return course.checks;
}

}  // namespace tutti::cloud::probe
