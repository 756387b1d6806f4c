// SPDX-License-Identifier: Apache-2.0
// tutti connections limit: how fast connections may be used, for what runs now and later.
#include <filesystem>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/data_side.h"
#include "cloud/wrap/rates.h"
#include "rt/file.h"

namespace tutti::cli {
namespace fs = std::filesystem;
namespace {

// As they were written last; a file nobody can read begins anew.
Result<ValueMap> read_limits(const fs::path& file) {
  const auto text = rt::read_file(file);
  if (!text.has_value()) {
    return text.error().code == Code::not_found ? Result<ValueMap>(ValueMap{}) : fail(text.error());
  }
  const auto limits = parse_json(*text);
  return limits.has_value() && limits->is_map() ? limits->as_map() : ValueMap{};
}

Result<Value> limit_of(const ConnectionsArgs& args) {
  Value limit = ValueMap{};
  if (!args.bandwidth.empty()) {
    limit.edit_map().set("bandwidth", args.bandwidth);
  }
  if (!args.requests.empty()) {
    limit.edit_map().set("requests", args.requests);
  }
  TRY_OK(cloud::wrap::RatePlan::parse(limit));
  return limit;
}

Result<Unit> check(const DataSide& side, const ConnectionsArgs& args) {
  if (side.limits.empty()) {
    return fail(Code::bad_input, "there is no project here, whose connections could have limits",
                "`tutti cp --bandwidth 10MB/s` limits one command");
  }
  if (args.off && !(args.bandwidth.empty() && args.requests.empty())) {
    return fail(Code::bad_input, "--off goes with neither --bandwidth nor --requests",
                "choose one");
  }
  for (const std::string& name : args.names) {
    TRY_OK(side.connections->find(side.profile, name));
  }
  if (args.names.empty() && (args.off || !args.bandwidth.empty() || !args.requests.empty())) {
    return fail(Code::bad_input, "no connection is named",
                "tutti connections limit NAME --bandwidth 10MB/s");
  }
  return Unit{};
}

void show(Invocation& call, const ValueMap& limits) {
  if (call.output.json()) {
    call.output.value(Value(limits));
    return;
  }
  for (const auto& [name, limit] : limits) {
    const std::string bandwidth(limit.get_string("bandwidth", "any bandwidth"));
    const std::string requests(limit.get_string("requests", "any number of requests"));
    call.output.line(fmt::format("{}: {}, {}", printable(name), bandwidth, requests));
  }
  if (limits.empty()) {
    call.output.note("no limits beside those of tutti.yaml");
  }
}

}  // namespace

Result<int> connections_limit(Invocation& call, const DataSide& side, const ConnectionsArgs& args) {
  TRY_OK(check(side, args));
  TRY(ValueMap limits, read_limits(side.limits));
  if (!args.names.empty() && (args.off || !args.bandwidth.empty() || !args.requests.empty())) {
    TRY(const Value limit, limit_of(args));
    for (const std::string& given : args.names) {
      const std::string name(side.connections->meant(side.profile, given));
      if (args.off) {
        limits.erase(name);
      } else {
        limits.set(name, limit);
      }
    }
    std::error_code ec;
    fs::create_directories(side.limits.parent_path(), ec);
    TRY_OK(rt::write_file(side.limits, to_json(Value(limits)) + "\n"));
  }
  show(call, limits);
  return 0;
}

}  // namespace tutti::cli
