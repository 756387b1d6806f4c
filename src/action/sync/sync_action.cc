// SPDX-License-Identifier: Apache-2.0
#include "action/sync/sync_action.h"

#include <algorithm>

#include <fmt/format.h>

#include "action/api/outcome.h"
#include "action/objects/manifest_object.h"
#include "action/objects/selecting.h"
#include "xfer/sync.h"

namespace tutti::action {
namespace {

using objects::human_bytes;
using objects::objects_text;

constexpr int64_t max_delete_default = 1000;

Result<xfer::Same> parse_same(std::string_view text) {
  if (text.empty() || text == "time") {
    return xfer::Same::time;
  }
  if (text == "digest" || text == "size") {
    return text == "size" ? xfer::Same::size : xfer::Same::digests;
  }
  return fail(Code::bad_input, fmt::format("same: '{}' is not known", text),
              "write time, digest or size");
}

struct Wanted {
  xfer::SyncRequest request;
  std::optional<cloud::Located> manifest;
};

Result<Wanted> wanted_of(const objects::Services& services, const AttemptInfo& info,
                         const Value& with, Instant now) {
  xfer::SyncRequest request;
  TRY(request.from, objects::open_param(services, info, with, "from"));
  TRY(request.to, objects::open_param(services, info, with, "to"));
  if (!with["backup"].is_null()) {
    TRY(request.backup, objects::open_param(services, info, with, "backup"));
  }
  TRY(const std::string same, objects::text_param(with, "same"));
  TRY(request.same, parse_same(same));
  TRY(const std::string verify, objects::text_param(with, "verify"));
  TRY(request.verify, xfer::parse_verify(verify.empty() ? "store" : verify));
  TRY(const int64_t removes_max, objects::int_param(with, "max_delete", max_delete_default, 0));
  request.removes_max = static_cast<uint64_t>(removes_max);
  TRY(request.filter, objects::filter_param(with, now));
  TRY(request.failures_max, objects::failures_param(with));
  TRY(request.pull, objects::pull_param(with));
  request.tags = with.get_bool("tags");
  request.remove_extra = with.get_bool("delete");
  request.journal = services.journal;
  TRY(std::optional<cloud::Located> manifest, objects::manifest_param(services, info, with));
  objects::leave_out(request.filter, request.from, manifest);
  objects::leave_out(request.filter, request.to, manifest);
  return Wanted{.request = std::move(request), .manifest = std::move(manifest)};
}

std::string said(const xfer::SyncReport& report, bool removes) {
  std::string text = fmt::format("copied {} ({}), the same: {}, ", objects_text(report.copied),
                                 human_bytes(report.bytes), report.same);
  text += removes ? fmt::format("removed: {}", report.removed)
                  : fmt::format("only at the destination: {}", report.extra);
  if (report.backed_up > 0) {
    text += fmt::format(", kept: {}", report.backed_up);
  }
  return removes && report.failed > 0 ? text + "; nothing was removed, as not everything was copied"
                                      : text;
}

class Sync final : public Action {
 public:
  explicit Sync(objects::Services services) : services_(std::move(services)) {}
  const Schema& schema() const override { return schema_; }

  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override {
    Preview preview{.unknown = objects::unknown_params(with, {"from", "to", "backup", "manifest"})};
    std::ranges::move(objects::unknown_filters(with), std::back_inserter(preview.unknown));
    if (!preview.unknown.empty()) {
      co_return preview;
    }
    CO_TRY(Wanted wanted, wanted_of(services_, info, with, ctx.clock().wall()));
    xfer::SyncRequest& request = wanted.request;
    request.dry_run = true;
    const bool removes = request.remove_extra;
    const std::string to = objects::shown_address(with["to"]);
    CO_TRY(const xfer::SyncReport report,
           co_await xfer::sync(ctx, std::move(request), services_.cpu));
    preview.steps.push_back({.what = fmt::format("copy {} to {}", objects_text(report.copied), to),
                             .objects = report.copied,
                             .bytes = report.bytes});
    if (removes && report.removed > 0) {
      preview.steps.push_back(
          {.what = fmt::format("remove {} of {}", objects_text(report.removed), to),
           .objects = report.removed});
    }
    objects::add_manifest_step(preview, with);
    co_return preview;
  }

  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override {
    auto wanted = wanted_of(services_, attempt.info(), with, ctx.clock().wall());
    if (!wanted.has_value()) {
      co_return outcome_of(ctx, std::move(wanted).error());
    }
    xfer::SyncRequest& request = wanted->request;
    const bool removes = request.remove_extra;
    request.on_progress = objects::progress_to(attempt);
    objects::Noted noted;
    request.on_entry = noted.taker();
    auto report = co_await xfer::sync(ctx, std::move(request), services_.cpu);
    auto kept = co_await objects::put_manifest(ctx, attempt, wanted->manifest, noted.entries());
    if (noted.failed() > 0) {
      CO_OK(co_await attempt.log(ctx, Stream::system, noted.failures_text()));
    }
    if (!report.has_value()) {
      co_return noted.ended_outcome(ctx, std::move(report).error());
    }
    CO_OK(co_await attempt.log(ctx, Stream::system, said(*report, removes) + "\n"));
    if (!report->pulls.empty()) {
      CO_OK(co_await attempt.log(ctx, Stream::system, report->pulls + "\n"));
    }
    if (const std::string losses = xfer::losses_text(report->losses, {}, true); !losses.empty()) {
      CO_OK(co_await attempt.log(ctx, Stream::system, losses + "\n"));
    }
    if (const std::string rest = xfer::left_out_text(report->left_out); !rest.empty()) {
      CO_OK(co_await attempt.log(ctx, Stream::system, rest + "\n"));
    }
    if (!kept.has_value() && report->failed == 0) {
      co_return noted.ended_outcome(ctx, std::move(kept).error());
    }
    Value output = Value::of({{"copied", report->copied},
                              {"bytes", report->bytes},
                              {"same", report->same},
                              {"failed", report->failed},
                              {"removed", report->removed},
                              {"backed_up", report->backed_up},
                              {"manifest", objects::manifest_value(noted.entries())}});
    co_return report->failed > 0 ? noted.failed_outcome(ctx, std::move(output))
                                 : Outcome(Done{.output = std::move(output)});
  }

 private:
  objects::Services services_;
  Schema schema_ = sync_schema();
};

}  // namespace

Schema sync_schema() {
  Schema schema{.name = "sync", .summary = "Makes a prefix equal to another one, verified."};
  schema.params = {
      {.name = "from",
       .kind = ParamKind::address,
       .doc = "The prefix to take (ends with /). Without any object it is an error.",
       .required = true},
      {.name = "to",
       .kind = ParamKind::address,
       .doc = "The prefix to make equal to it.",
       .required = true},
      {.name = "same",
       .doc = "When an object counts as equal: by size and time, by its digest, or by its size.",
       .choices = {"time", "digest", "size"},
       .fallback = "time"},
      {.name = "delete",
       .kind = ParamKind::boolean,
       .doc = "Remove what only the destination has, last of all.",
       .fallback = "false"},
      {.name = "max_delete",
       .kind = ParamKind::integer,
       .doc = "Where more would be removed, nothing is and the task fails.",
       .fallback = "1000"},
      {.name = "backup",
       .kind = ParamKind::address,
       .doc = "A prefix that gets what would be replaced or removed, before it is."},
      {.name = "verify",
       .doc = "How each copy is proven: read back, by the store's own check, or by size.",
       .choices = {"full", "sample:N%", "store", "none"},
       .fallback = "store"},
      {.name = "tags",
       .kind = ParamKind::boolean,
       .doc = "Tags are copied, too: one more request for each object.",
       .fallback = "false"}};
  objects::add_filter_params(schema);
  objects::add_failures_param(schema);
  objects::add_pull_param(schema);
  objects::add_manifest_param(schema);
  schema.outputs = {
      {"copied", "integer", "Objects written."},
      {"bytes", "integer", "Bytes of those."},
      {"same", "integer", "Objects left as they were."},
      {"failed", "integer",
       "Objects that were not copied; then nothing is removed and the task has failed."},
      {"removed", "integer", "Objects removed from the destination."},
      {"backed_up", "integer", "Objects the backup has now."},
      {"manifest", "{digest, objects, text}", "One JSON line for each copied object."}};
  return schema;
}

std::unique_ptr<Action> make_sync(objects::Services services) {
  return std::make_unique<Sync>(std::move(services));
}

}  // namespace tutti::action
