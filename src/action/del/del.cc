// SPDX-License-Identifier: Apache-2.0
#include "action/del/del.h"

#include <fmt/format.h>

#include "action/api/outcome.h"
#include "xfer/remove.h"

namespace tutti::action {
namespace {

constexpr int64_t max_default = 10'000;

Task<xfer::Counted> count_with(rt::Context& ctx, const objects::Services* services,
                               std::string profile, Value with) {
  const AttemptInfo info{.profile = std::move(profile)};
  CO_TRY(const int64_t max, objects::int_param(with, "max", max_default, 0));
  CO_TRY(xfer::Selected selected,
         co_await objects::select_param(ctx, services, info, with, "target"));
  auto counted = co_await xfer::count(ctx, std::move(selected), static_cast<uint64_t>(max));
  if (!counted.has_value() && counted.error().code == Code::bad_input) {
    counted.error().remedy = "narrow `target`, or raise `max`";
  }
  co_return counted;
}

class Delete final : public Action {
 public:
  explicit Delete(objects::Services services) : services_(std::move(services)) {}
  const Schema& schema() const override { return schema_; }

  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override {
    Preview preview{.unknown = objects::unknown_params(with, {"target"})};
    if (!preview.unknown.empty()) {
      co_return preview;
    }
    const std::string what = objects::shown_address(with["target"]);
    CO_TRY(const xfer::Counted target, co_await count_with(ctx, &services_, info.profile, with));
    preview.steps.push_back(
        {.what = fmt::format("remove {} of {}", objects::objects_text(target.objects.size()), what),
         .objects = target.objects.size()});
    co_return preview;
  }

  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override {
    auto target = co_await count_with(ctx, &services_, attempt.info().profile, std::move(with));
    if (!target.has_value()) {
      co_return outcome_of(ctx, std::move(target).error());
    }
    const size_t number = target->objects.size();
    const uint64_t bytes = target->bytes;
    const auto removed =
        co_await xfer::remove(ctx, std::move(*target), [&attempt, number](uint64_t done) {
          attempt.progress({.items_done = static_cast<int64_t>(done),
                            .items_total = static_cast<int64_t>(number)});
        });
    if (!removed.has_value()) {
      co_return outcome_of(ctx, removed.error());
    }
    CO_OK(co_await attempt.log(ctx, Stream::system,
                               fmt::format("removed {} ({})\n", objects::objects_text(number),
                                           objects::human_bytes(bytes))));
    co_return Outcome(Done{.output = Value::of({{"count", number}, {"bytes", bytes}})});
  }

 private:
  objects::Services services_;
  Schema schema_ = delete_schema();
};

}  // namespace

Schema delete_schema() {
  Schema schema{.name = "delete",
                .summary = "Removes an object, all below a prefix, or what a glob matches."};
  schema.params = {
      {.name = "target",
       .kind = ParamKind::address,
       .doc = "An object, a prefix (ends with /) or a glob (* ** ? [] {a,b}); an object "
              "of `list` as a whole is never a glob.",
       .required = true},
      {.name = "max",
       .kind = ParamKind::integer,
       .doc = "Where more would be removed, nothing is and the task fails.",
       .fallback = "10000"}};
  schema.outputs = {{"count", "integer", "Objects removed."},
                    {"bytes", "integer", "Their bytes in all."}};
  return schema;
}

std::unique_ptr<Action> make_delete(objects::Services services) {
  return std::make_unique<Delete>(std::move(services));
}

}  // namespace tutti::action
