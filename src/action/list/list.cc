// SPDX-License-Identifier: Apache-2.0
#include "action/list/list.h"

#include <fmt/format.h>

#include "action/api/outcome.h"
#include "xfer/select.h"

namespace tutti::action {
namespace {

constexpr int64_t limit_default = 10'000;

struct Listed {
  ValueList objects;
  uint64_t bytes = 0;
};

Task<Listed> list_all(rt::Context& ctx, xfer::Selected selected, int64_t limit) {
  Listed listed;
  while (true) {
    CO_TRY(auto meta, co_await selected.next(ctx));
    if (!meta) {
      co_return listed;
    }
    if (std::cmp_equal(listed.objects.size(), limit)) {
      co_return fail(Error{.code = Code::bad_input,
                           .what = fmt::format("there are more than {} objects", limit),
                           .where = cloud::address_of(selected.located(), selected.located().key),
                           .remedy = "narrow the prefix or glob, or raise `limit`"});
    }
    listed.bytes += meta->size;
    listed.objects.push_back(objects::object_value(selected.located(), *meta));
  }
}

Task<Listed> list_with(rt::Context& ctx, const objects::Services* services, std::string profile,
                       Value with) {
  AttemptInfo info{.profile = std::move(profile)};
  CO_TRY(const int64_t limit, objects::int_param(with, "limit", limit_default, 1));
  CO_TRY(xfer::Selected selected,
         co_await objects::select_param(ctx, services, info, with, "from"));
  co_return co_await list_all(ctx, std::move(selected), limit);
}

class List final : public Action {
 public:
  explicit List(objects::Services services) : services_(std::move(services)) {}
  const Schema& schema() const override { return schema_; }

  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override {
    Preview preview{.unknown = objects::unknown_params(with, {"from"})};
    if (!preview.unknown.empty()) {
      co_return preview;
    }
    const std::string from = objects::shown_address(with["from"]);
    CO_TRY(const Listed listed, co_await list_with(ctx, &services_, info.profile, with));
    preview.steps.push_back(
        {.what = fmt::format("list {} of {}", objects::objects_text(listed.objects.size()), from),
         .objects = listed.objects.size()});
    co_return preview;
  }

  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override {
    auto listed = co_await list_with(ctx, &services_, attempt.info().profile, std::move(with));
    if (!listed.has_value()) {
      co_return outcome_of(ctx, std::move(listed).error());
    }
    const size_t count = listed->objects.size();
    CO_OK(co_await attempt.log(ctx, Stream::system,
                               fmt::format("listed {} ({})\n", objects::objects_text(count),
                                           objects::human_bytes(listed->bytes))));
    co_return Outcome(Done{.output = Value::of({{"objects", Value(std::move(listed->objects))},
                                                {"count", count},
                                                {"bytes", listed->bytes}})});
  }

 private:
  objects::Services services_;
  Schema schema_ = list_schema();
};

}  // namespace

Schema list_schema() {
  Schema schema{.name = "list",
                .summary = "Lists the objects below a prefix or that match a glob."};
  schema.params = {{.name = "from",
                    .kind = ParamKind::address,
                    .doc = "A prefix (ends with /), a glob (* ** ? [] {a,b}) or one object.",
                    .required = true},
                   {.name = "limit",
                    .kind = ParamKind::integer,
                    .doc = "More objects than this are a failure.",
                    .fallback = "10000"}};
  schema.outputs = {{"objects", "list of {uri, key, size, etag, modified}",
                     "The objects, in the order of their keys."},
                    {"count", "integer", "How many there are."},
                    {"bytes", "integer", "Their bytes in all."}};
  schema.only_outputs = true;
  return schema;
}

std::unique_ptr<Action> make_list(objects::Services services) {
  return std::make_unique<List>(std::move(services));
}

}  // namespace tutti::action
