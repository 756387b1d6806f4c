// SPDX-License-Identifier: Apache-2.0
#include "action/wait_object/wait_object.h"

#include <fmt/format.h>

#include "action/api/outcome.h"
#include "rt/retry.h"
#include "rt/wait.h"
#include "xfer/select.h"

namespace tutti::action {
namespace {

constexpr Duration poll_default = seconds(30);
constexpr Duration poll_min = milliseconds(100);
constexpr int64_t objects_max = 10'000;

struct Wait {
  int64_t count = 1;
  Duration poll = poll_default;
};

Result<Wait> wait_of(const objects::Services& services, const AttemptInfo& info,
                     const Value& with) {
  Wait wait;
  TRY_OK(objects::open_param(services, info, with, "uri"));
  TRY(wait.count, objects::int_param(with, "count", 1, 1));
  TRY(const std::string poll, objects::text_param(with, "poll"));
  if (!poll.empty()) {
    TRY(wait.poll, parse_duration(poll));
  }
  if (wait.poll < poll_min || wait.count > objects_max) {
    return fail(Code::bad_input, fmt::format("`poll` is at least {}, `count` at most {}",
                                             to_text(poll_min), objects_max));
  }
  return wait;
}

Task<ValueList> look(rt::Context& ctx, const objects::Services* services, AttemptInfo info,
                     Value with) {
  CO_TRY(xfer::Selected selected,
         co_await objects::select_param(ctx, services, std::move(info), std::move(with), "uri"));
  ValueList found;
  while (std::cmp_less(found.size(), objects_max)) {
    CO_TRY(auto meta, co_await selected.next(ctx));
    if (!meta) {
      break;
    }
    found.push_back(objects::object_value(selected.located(), *meta));
  }
  co_return found;
}

// A store that cannot be reached for a while is looked at again, as long as the task may wait.
bool is_passing(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::throttled;
}

class WaitObject final : public Action {
 public:
  explicit WaitObject(objects::Services services) : services_(std::move(services)) {}
  const Schema& schema() const override { return schema_; }

  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override {
    Preview preview{.unknown = objects::unknown_params(with, {"uri"})};
    if (!preview.unknown.empty()) {
      co_return preview;
    }
    CO_TRY(const Wait wait, wait_of(services_, info, with));
    const std::string uri = objects::shown_address(with["uri"]);
    CO_TRY(const ValueList found, co_await look(ctx, &services_, info, with));
    preview.steps.push_back(
        {.what = fmt::format("wait for {} at {}; {} there now", objects::objects_text(wait.count),
                             uri, found.size()),
         .objects = found.size()});
    co_return preview;
  }

  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override {
    auto wait = wait_of(services_, attempt.info(), with);
    if (!wait.has_value()) {
      co_return outcome_of(ctx, std::move(wait).error());
    }
    size_t seen = SIZE_MAX;
    while (true) {
      auto found = co_await look(ctx, &services_, attempt.info(), with);
      if (!found.has_value() && !is_passing(found.error())) {
        co_return outcome_of(ctx, std::move(found).error());
      }
      const size_t number = found.has_value() ? found->size() : 0;
      if (found.has_value() && std::cmp_greater_equal(number, wait->count)) {
        co_return Outcome(Done{.output = Value::of({{"objects", Value(std::move(*found))}})});
      }
      if (std::exchange(seen, number) != number) {
        CO_OK(co_await attempt.log(
            ctx, Stream::system,
            found.has_value() ? fmt::format("waiting: {} of {} there\n", number, wait->count)
                              : fmt::format("waiting: {}\n", found.error().text())));
      }
      attempt.progress({.items_done = static_cast<int64_t>(number), .items_total = wait->count});
      CO_OK(co_await rt::delay(ctx, wait->poll));
    }
  }

 private:
  objects::Services services_;
  Schema schema_ = wait_object_schema();
};

}  // namespace

Schema wait_object_schema() {
  Schema schema{.name = "wait.object",
                .summary = "Waits until an object, or a number of them, is there."};
  schema.params = {{.name = "uri",
                    .kind = ParamKind::address,
                    .doc = "An object, a glob (* ** ? [] {a,b}) or a prefix (ends with /).",
                    .required = true},
                   {.name = "count",
                    .kind = ParamKind::integer,
                    .doc = "How many objects must be there.",
                    .fallback = "1"},
                   {.name = "poll",
                    .kind = ParamKind::duration,
                    .doc = "Time between two looks, at least 100ms.",
                    .least = to_text(poll_min),
                    .fallback = "30s"}};
  schema.outputs = {{"objects", "list of {uri, key, size, etag, modified}",
                     "What is there, in the order of the keys, at most 10,000."}};
  return schema;
}

std::unique_ptr<Action> make_wait_object(objects::Services services) {
  return std::make_unique<WaitObject>(std::move(services));
}

}  // namespace tutti::action
