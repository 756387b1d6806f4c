// SPDX-License-Identifier: Apache-2.0
#include "xfer/pull.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/ascii.h"

namespace tutti::xfer {
namespace {

using cloud::Key;
using cloud::ObjectMeta;

constexpr uint64_t automatic_bytes_least = 1U << 20U;  // below, two requests cost less than four
constexpr uint64_t refusals_max = 3;                   // where none was pulled
constexpr Duration url_valid = hours(1);

std::optional<std::array<unsigned, 4>> ipv4_of(std::string_view host) {
  std::array<unsigned, 4> numbers{};
  const char* at = host.data();
  const char* const end = at + host.size();
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) {
      return std::nullopt;
    }
    const auto parsed = std::from_chars(at, end, numbers.at(i));
    if (parsed.ec != std::errc() || numbers.at(i) > 255) {
      return std::nullopt;
    }
    at = parsed.ptr;
  }
  return at == end ? std::optional(numbers) : std::nullopt;
}

bool is_public_ipv4(const std::array<unsigned, 4>& ip) {
  return ip[0] != 0 && ip[0] != 10 && ip[0] != 127 && !(ip[0] == 100 && ip[1] / 64 == 1) &&
         !(ip[0] == 169 && ip[1] == 254) && !(ip[0] == 172 && ip[1] / 16 == 1) &&
         !(ip[0] == 192 && ip[1] == 168) && ip[0] < 224;
}

// Between brackets, in lower case.
bool is_public_ipv6(std::string_view ip) {
  return !ip.starts_with("::") && !ip.starts_with("fc") && !ip.starts_with("fd") &&
         !ip.starts_with("fe8") && !ip.starts_with("fe9") && !ip.starts_with("fea") &&
         !ip.starts_with("feb");
}

bool is_public_name(std::string_view host) {
  constexpr std::string_view inner[] = {".local", ".localhost", ".internal", ".lan", ".home.arpa"};
  return host.contains('.') && std::ranges::none_of(inner, [host](std::string_view ending) {
           return host.ends_with(ending);
         });
}

// A source of Azure is asked for its version by the service that reads it; what others make of that
// condition is nowhere promised.
bool asks_if_match(const cloud::Located& from) { return from.ref.provider == "azure"; }

Task<Unit> check_unchanged(rt::Context& ctx, cloud::ObjectStore& store, Key key, std::string etag) {
  CO_TRY(const ObjectMeta now, co_await store.head(ctx, std::move(key)));
  co_return now.etag == etag
      ? Result<Unit>(Unit{})
      : fail(Code::conflict, "the source was changed while it was read", "list or look again");
}

cloud::PullSource source_of(const Run& run, const Job& job) {
  const cloud::Located& from = run.request.from;
  const Key key = job.source.key;
  return {.url = [store = from.store,
                  key](rt::Context& ctx) { return store->presign(ctx, key, {.valid = url_valid}); },
          .meta = job.source,
          .asks_if_match = asks_if_match(from),
          .unchanged = [store = from.store, key, etag = job.source.etag](
                           rt::Context& ctx) { return check_unchanged(ctx, *store, key, etag); }};
}

void note_refusal(Run& run, const Error& error) {
  Report& report = run.report;
  if (report.pulls_refused++ == 0) {
    report.pull_refusal = error.what;
  }
  const uint64_t pulled = report.routes.at(static_cast<size_t>(Route::pulled));
  if (pulled == 0 && report.pulls_refused >= refusals_max) {
    run.pulls = false;
  }
}

Task<Entry> prove_pulled(rt::Context& ctx, Run& run, Job job, ObjectMeta written) {
  const auto& known = job.source.digests;
  const bool common = std::ranges::any_of(
      known, [&](const Digest& each) { return written.digest(each.kind) == each; });
  const Verification& verify = run.request.verify;
  const bool reads =
      verify.policy != Verify::none && (!common || verify.reads_back(job.key.text, written.etag));
  Proof proof = common ? Proof::store : Proof::size;
  if (reads && known.empty()) {
    CO_TRY(Entry compared, co_await compare_bytes(ctx, run, job, written.etag));
    co_return compared;
  }
  if (reads) {
    CO_TRY(proof,
           co_await prove(ctx, run, job, written, {.bytes = job.source.size, .digests = known}));
  }
  Entry entry = entry_of(ctx, run, job);
  entry.proof = proof;
  entry.digests = known;
  for (const Digest& each : written.digests) {
    if (std::ranges::find(known, each.kind, &Digest::kind) == known.end()) {
      entry.digests.push_back(each);
    }
  }
  entry.digests_from_store = true;
  co_return entry;
}

// What was found to be wrong only when it was read back is not left lying there.
Task<Error> take_back(rt::Context& ctx, Job job, std::string etag, Error error) {
  if (error.code == Code::corrupt || error.code == Code::conflict) {
    rt::Context patient = ctx.uncancellable().with_timeout(seconds(30));
    const auto removed =
        co_await job.to->store->remove(patient, job.key, {.if_match = std::move(etag)});
    if (removed.has_value()) {
      error.remedy = "it was removed again; --pull never sends the bytes through here";
    }
  }
  co_return error;
}

}  // namespace

Result<Pull> parse_pull(std::string_view text) {
  constexpr std::pair<std::string_view, Pull> names[] = {
      {"auto", Pull::automatic}, {"always", Pull::always}, {"never", Pull::never}};
  const auto* at = std::ranges::find(names, text, &std::pair<std::string_view, Pull>::first);
  return at != std::end(names) ? Result<Pull>(at->second)
                               : fail(Code::bad_input, fmt::format("pull: '{}' is not known", text),
                                      "write auto, always or never");
}

std::string pulls_text(const Report& report) {
  const uint64_t pulled = report.routes.at(static_cast<size_t>(Route::pulled));
  std::string text;
  if (pulled > 0) {
    text = fmt::format("{} read by the destination's service itself", pulled);
  }
  if (report.pulls_refused > 0) {
    text += fmt::format("{}{} asked of it in vain, so the bytes passed through here: {}",
                        text.empty() ? "" : "; ", report.pulls_refused, report.pull_refusal);
  }
  return text;
}

bool is_public_url(std::string_view url) {
  constexpr std::string_view scheme = "https://";
  if (!url.starts_with(scheme)) {
    return false;
  }
  url.remove_prefix(scheme.size());
  std::string host = ascii_lower(std::string(url.substr(0, url.find_first_of("/?#"))));
  if (host.starts_with('[')) {
    return is_public_ipv6(std::string_view(host).substr(1));
  }
  host = host.substr(0, host.find(':'));
  const auto ipv4 = ipv4_of(host);
  return ipv4 ? is_public_ipv4(*ipv4) : is_public_name(host);
}

Task<Unit> prepare_pulls(rt::Context& ctx, Run& run) {
  const Request& request = run.request;
  cloud::ObjectStore& from = *request.from.store;
  const bool asked =
      request.pull != Pull::never && request.stages.empty() && from.capabilities().far &&
      std::ranges::any_of(
          request.to, [](const cloud::Located& to) { return to.store->capabilities().pulls_urls; });
  if (asked) {
    // Where nothing can be signed, as without a key, nothing can be pulled.
    const auto url = co_await from.presign(ctx, {"tutti"}, {.valid = url_valid});
    run.pulls = url.has_value() && (request.pull == Pull::always || is_public_url(*url));
  }
  co_return Unit{};
}

bool may_pull(const Run& run, const Job& job) {
  return run.pulls && job.to->store->capabilities().pulls_urls && job.source.size > 0 &&
         (run.request.pull == Pull::always || job.source.size >= automatic_bytes_least);
}

Task<std::optional<Entry>> pull_object(rt::Context& ctx, Run& run, Job job,
                                       std::optional<ObjectMeta> existing) {
  CO_OK(co_await know_source(ctx, run, job));
  CO_TRY(const cloud::Tags tags, co_await tags_of(ctx, run, job.source.key));
  cloud::PutOptions put = put_options(run, job, tags, existing);
  auto written = co_await job.to->store->pull(ctx, job.key, source_of(run, job), std::move(put));
  if (!written.has_value() && written.error().code == Code::unsupported) {
    note_refusal(run, written.error());
    co_return std::nullopt;
  }
  CO_OK(written);
  if (written->size != job.source.size) {
    co_return fail(Code::corrupt,
                   fmt::format("the service read {} of {} bytes", written->size, job.source.size));
  }
  auto proven = co_await prove_pulled(ctx, run, job, *written);
  if (!proven.has_value() && !existing) {
    CO_TRY(Error wrong, co_await take_back(ctx, job, written->etag, std::move(proven).error()));
    co_return fail(std::move(wrong));
  }
  CO_TRY(Entry entry, std::move(proven));
  entry.route = Route::pulled;
  entry.to.etag = written->etag;
  entry.to.version = written->version;
  entry.done = existing ? Done::replaced : Done::written;
  entry.class_kept = !job.to->store->capabilities().storage_classes.empty();
  run.progress.bytes_done += job.source.size;
  co_return std::optional(std::move(entry));
}

}  // namespace tutti::xfer
