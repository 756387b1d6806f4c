// SPDX-License-Identifier: Apache-2.0
#include "action/copy/copy.h"

#include <fmt/format.h>

#include <algorithm>

#include "action/api/outcome.h"
#include "action/copy/stages.h"
#include "action/objects/manifest_object.h"
#include "action/objects/selecting.h"
#include "cloud/locks.h"
#include "xfer/transfer.h"

namespace tutti::action {
namespace {

using objects::human_bytes;
using objects::objects_text;

// Of what is written.
Result<cloud::Lock> lock_param(const Value& with, Instant now) {
  TRY(const std::string until, objects::text_param(with, "retain_until"));
  TRY(const std::string mode, objects::text_param(with, "retain_mode"));
  return cloud::parse_lock(until, mode.empty() ? "governance" : mode, with.get_bool("legal_hold"),
                           now);
}

struct Wanted {
  xfer::Request request;
  std::optional<cloud::Located> manifest;
};

Result<Wanted> wanted_of(const objects::Services& services, const AttemptInfo& info,
                         const Value& with, Keys keys, Instant now) {
  TRY(cloud::Located from, objects::open_param(services, info, with, "from"));
  TRY(std::vector<cloud::Located> to, objects::open_params(services, info, with, "to"));
  TRY(const std::string if_exists, objects::text_param(with, "if_exists"));
  TRY(const std::string verify, objects::text_param(with, "verify"));
  xfer::Request request{.from = std::move(from), .to = std::move(to)};
  request.journal = services.journal;
  request.sha256 = true;  // the manifest's digest stands for the content
  TRY(request.if_exists, transfer::parse_if_exists(if_exists.empty() ? "fail" : if_exists));
  TRY(request.verify, xfer::parse_verify(verify.empty() ? "store" : verify));
  TRY(request.filter, objects::filter_param(with, now));
  TRY(request.order, objects::order_param(with));
  TRY(request.renames, objects::rename_param(with));
  TRY(request.failures_max, objects::failures_param(with));
  TRY(request.pull, objects::pull_param(with));
  TRY(request.lock, lock_param(with, now));
  TRY(request.storage_class, objects::text_param(with, "class"));
  request.from_exactly = objects::is_object(with["from"]);
  request.allow_empty = with.get_bool("allow_empty");
  request.tags = with.get_bool("tags");
  TRY(request.stages, stages_param(services, with, keys));
  request.keep_names = with.get_bool("keep_names");
  // The same for every attempt of this task run.
  request.origin = fmt::format("{}/{}", to_text(info.id.run), info.id.task.value);
  TRY(std::optional<cloud::Located> manifest, objects::manifest_param(services, info, with));
  objects::leave_out(request.filter, request.from, manifest);
  return Wanted{.request = std::move(request), .manifest = std::move(manifest)};
}

Value output_of(const xfer::Report& report, const std::vector<xfer::Entry>& entries) {
  return Value::of({{"objects", report.objects},
                    {"bytes", report.bytes},
                    {"skipped", report.skipped},
                    {"failed", report.failed},
                    {"manifest", objects::manifest_value(entries)}});
}

std::string proof_text(const xfer::Report& report) {
  std::string text;
  constexpr std::string_view words[3] = {"proven equal end to end", "proven by the store's CRC32C",
                                         "compared by size only"};
  for (size_t i = 0; i < 3; ++i) {
    if (report.proofs.at(i) > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", report.proofs.at(i), words[i]);
    }
  }
  return text;
}

// What the plan says of destinations that exist, no more than is known before the bytes are read.
void add_existing(Preview& preview, const transfer::Plan& plan) {
  const auto add = [&](transfer::Act act, std::string_view text) {
    const auto count = std::ranges::count(plan.steps, act, &transfer::Step::act);
    if (count > 0) {
      preview.steps.push_back(
          {.what = fmt::format(fmt::runtime(text), objects_text(static_cast<uint64_t>(count))),
           .objects = count});
    }
  };
  add(transfer::Act::skip, "{} there already: left, whatever it holds");
  add(transfer::Act::equal, "{} there already, equal by SHA-256: left");
  add(transfer::Act::compare,
      "{} there already, of the same size: the bytes are compared; equal is left, different fails");
  add(transfer::Act::conflict, "would fail: {} there already and must not be, or different");
}

class Copy final : public Action {
 public:
  explicit Copy(objects::Services services) : services_(std::move(services)) {}
  const Schema& schema() const override { return schema_; }

  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override {
    Preview preview{.unknown = objects::unknown_params(with, {"from", "to", "manifest"})};
    std::ranges::move(objects::unknown_filters(with), std::back_inserter(preview.unknown));
    if (!preview.unknown.empty()) {
      co_return preview;
    }
    CO_TRY(Wanted wanted, wanted_of(services_, info, with, Keys::leave, ctx.clock().wall()));
    const std::string to = with["to"].is_string() ? with["to"].as_string() : to_json(with["to"]);
    CO_TRY(const xfer::Preview would, co_await xfer::preview(ctx, std::move(wanted.request)));
    const transfer::Plan& plan = would.plan;
    for (const std::string& each : would.missing) {
      preview.steps.push_back({.what = fmt::format("fail: there is no {}", each)});
    }
    preview.steps.push_back({.what = fmt::format("copy {} to {}", objects_text(plan.objects), to),
                             .objects = plan.objects,
                             .bytes = plan.bytes});
    add_existing(preview, plan);
    objects::add_manifest_step(preview, with);
    co_return preview;
  }

  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override {
    auto wanted = wanted_of(services_, attempt.info(), with, Keys::read, ctx.clock().wall());
    if (!wanted.has_value()) {
      co_return outcome_of(ctx, std::move(wanted).error());
    }
    xfer::Request& request = wanted->request;
    CO_OK(co_await say_class(ctx, attempt, request));
    request.on_progress = objects::progress_to(attempt);
    objects::Noted noted;
    request.on_entry = noted.taker();
    auto report = co_await xfer::run(ctx, std::move(request), services_.cpu);
    auto kept = co_await objects::put_manifest(ctx, attempt, wanted->manifest, noted.entries());
    if (noted.failed() > 0) {
      CO_OK(co_await attempt.log(ctx, Stream::system, noted.failures_text()));
    }
    if (!report.has_value()) {
      co_return noted.ended_outcome(ctx, std::move(report).error());
    }
    CO_OK(co_await attempt.log(
        ctx, Stream::system,
        fmt::format("copied {} ({}), {} skipped; {}\n", objects_text(report->objects),
                    human_bytes(report->bytes), report->skipped, proof_text(*report))));
    if (const std::string pulls = xfer::pulls_text(*report); !pulls.empty()) {
      CO_OK(co_await attempt.log(ctx, Stream::system, pulls + "\n"));
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
    Value output = output_of(*report, noted.entries());
    co_return report->failed > 0 ? noted.failed_outcome(ctx, std::move(output))
                                 : Outcome(Done{.output = std::move(output)});
  }

 private:
  static Task<Unit> say_class(rt::Context& ctx, Attempt& attempt, xfer::Request& request) {
    if (request.storage_class.empty()) {
      co_return Unit{};
    }
    for (const cloud::Located& to : request.to) {
      const cloud::Capabilities& can = to.store->capabilities();
      if (can.storage_classes.empty()) {
        CO_OK(co_await attempt.log(
            ctx, Stream::system,
            fmt::format("class {}: {} has no storage classes, so it is only recorded in the "
                        "manifest ({})\n",
                        request.storage_class, can.provider, to.base)));
      }
    }
    co_return Unit{};
  }

  objects::Services services_;
  Schema schema_ = copy_schema();
};

}  // namespace

Schema copy_schema() {
  Schema schema{.name = "copy",
                .summary = "Copies an object, a prefix or what a glob matches, verified."};
  schema.params = {
      {.name = "from",
       .kind = ParamKind::address,
       .doc = "What to copy: an object, a prefix (ends with /) or a glob (* ** ? [] {a,b}).",
       .required = true},
      {.name = "to",
       .kind = ParamKind::address,
       .doc = "Where to: a name, or a prefix (ends with /) below which names are kept.",
       .required = true,
       .many = true},
      {.name = "if_exists",
       .doc = "What happens to a destination that exists; verify: it must be equal.",
       .choices = {"fail", "skip", "replace", "verify"},
       .fallback = "fail"},
      {.name = "verify",
       .doc = "How each copy is proven: read back, by the store's own check, or by size.",
       .choices = {"full", "sample:N%", "store", "none"},
       .fallback = "store"},
      {.name = "class", .doc = "Storage class, where the destination has classes."},
      {.name = "tags",
       .kind = ParamKind::boolean,
       .doc = "Tags are copied, too: one more request for each object.",
       .fallback = "false"},
      {.name = "retain_until",
       .doc = "What is written cannot be removed before: a time (UTC), or so long from now (90d)."},
      {.name = "retain_mode",
       .doc = "governance: whoever has the permission can end it sooner; compliance: nobody can.",
       .choices = {"governance", "compliance"},
       .fallback = "governance"},
      {.name = "legal_hold",
       .kind = ParamKind::boolean,
       .doc = "What is written cannot be removed until the hold is taken away.",
       .fallback = "false"},
      {.name = "allow_empty",
       .kind = ParamKind::boolean,
       .doc = "Nothing to copy, or a name that is not there, is no failure.",
       .fallback = "false"}};
  objects::add_filter_params(schema);
  objects::add_order_params(schema);
  objects::add_rename_param(schema);
  objects::add_failures_param(schema);
  objects::add_pull_param(schema);
  objects::add_manifest_param(schema);
  add_stage_params(schema);
  schema.outputs = {
      {"objects", "integer", "Objects written, counted for each destination."},
      {"bytes", "integer", "Bytes of those."},
      {"skipped", "integer", "Objects that were there already and left."},
      {"failed", "integer", "Objects that were not copied; then the task has failed."},
      {"manifest", "{digest, objects, text}", "One JSON line for each object, and its digest."}};
  return schema;
}

std::unique_ptr<Action> make_copy(objects::Services services) {
  return std::make_unique<Copy>(std::move(services));
}

}  // namespace tutti::action
