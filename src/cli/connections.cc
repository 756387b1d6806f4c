// SPDX-License-Identifier: Apache-2.0
// tutti connections: where the connections of a profile lead, and what works of them.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "cli/data_side.h"
#include "cloud/probe/probe.h"
#include "cloud/site.h"
#include "core/spec/connection_types.h"

namespace tutti::cli {
namespace fs = std::filesystem;
namespace probe = cloud::probe;
namespace {

constexpr std::array<std::string_view, 3> built_in{"s3", "gs", "az"};

struct Entry {
  std::string name;
  std::string type;
  std::string address = {};
  std::string credentials = {};
};

// The names of secrets anywhere in the settings.
void find_secrets(const Value& settings, std::vector<std::string>& names) {
  if (!settings.is_map()) {
    return;
  }
  for (const auto& [key, value] : settings.as_map()) {
    if (key == "secret" && value.is_string()) {
      names.emplace_back(value.as_string());
    }
    find_secrets(value, names);
  }
}

std::vector<std::string> secrets_in(const Value& settings) {
  std::vector<std::string> names;
  find_secrets(settings, names);
  return names;
}

std::string secrets_text(const Value& settings) {
  const std::vector<std::string> names = secrets_in(settings);
  return names.empty() ? std::string("none") : fmt::format("secret '{}'", fmt::join(names, "', '"));
}

fs::path database_of(const DataSide& side, const std::string& name, const Value& settings) {
  const std::string given(settings.get_string("path"));
  return side.folder / (given.empty() ? fmt::format("clouds/{}.duckdb", name) : given);
}

std::string address_text(const cloud::SiteFacts& facts, const Value& settings) {
  std::string place = facts.folder.empty() ? facts.url : facts.folder.string();
  place = place.empty() ? "not known" : place;
  const std::string_view root = settings.get_string("root");
  return facts.folder.empty() && !root.empty() ? fmt::format("{} at {}", root, place) : place;
}

// Asks nobody.
Entry entry_of(const DataSide& side, std::string name) {
  const auto config = side.connections->find(side.profile, name);
  Entry entry{.name = std::move(name)};
  if (!config.has_value()) {
    entry.address = config.error().what;
    return entry;
  }
  const Value& settings = (*config)->settings;
  entry.type = (*config)->type;
  const spec::ConnectionType* type = spec::find_connection_type(entry.type);
  if (entry.type == "duckdb") {
    entry.address = database_of(side, entry.name, settings).string();
    entry.credentials = "those of this process";
  } else if (entry.type == "http") {
    entry.address = settings.get_string("url", "as each task says");
    entry.credentials = secrets_text(settings);
  } else if (type == nullptr || !type->usable) {
    entry.address = "comes in a later version";
    entry.credentials = secrets_text(settings);
  } else if (const auto site = side.connections->site(side.profile, entry.name); site.has_value()) {
    entry.address = address_text((*site)->facts(), settings);
    entry.credentials = (*site)->facts().credentials;
  } else {
    entry.address = site.error().text();
  }
  return entry;
}

const spec::Profile& profile_in_force(const DataSide& side) {
  return *side.project.find_profile(side.profile);
}

bool is_built_in(const DataSide& side, const std::string& name) {
  const spec::Connection* connection = profile_in_force(side).find(name);
  return connection == nullptr || connection->mark.line == 0;
}

// Those the file names, and those that stand in for a cloud: nobody is asked who was not meant.
std::vector<std::string> all_to_test(const DataSide& side) {
  std::vector<std::string> names;
  for (const spec::Connection& each : profile_in_force(side).connections) {
    if (each.mark.line > 0 || each.type == "local" || each.type == "duckdb") {
      names.push_back(each.name);
    }
  }
  return names;
}

// Outside of a project the clouds' names are there all the same.
std::vector<std::string> all_to_list(const DataSide& side) {
  std::vector<std::string> names;
  for (const spec::Connection& each : profile_in_force(side).connections) {
    names.push_back(each.name);
  }
  return names.empty() ? std::vector<std::string>(built_in.begin(), built_in.end()) : names;
}

Result<int> list(Invocation& call, const DataSide& side, const ConnectionsArgs& args) {
  const std::vector<std::string> names = args.names.empty() ? all_to_list(side) : args.names;
  Table table{.head = {"NAME", "TYPE", "ADDRESS", "CREDENTIALS"}};
  ValueList values;
  for (const std::string& name : names) {
    TRY_OK(side.connections->find(side.profile, name));
    const Entry entry = entry_of(side, name);
    const bool is_own = !is_built_in(side, name);
    table.rows.push_back({printable(entry.name), is_own ? entry.type : entry.type + " (built in)",
                          printable(entry.address), printable(entry.credentials)});
    values.push_back(Value::of({{"name", entry.name},
                                {"type", entry.type},
                                {"address", entry.address},
                                {"credentials", entry.credentials},
                                {"built_in", !is_own}}));
  }
  if (call.output.json()) {
    call.output.value(Value(std::move(values)));
  } else {
    call.output.text(layout(table, call.output));
    call.output.note(fmt::format("profile {}", side.profile));
  }
  return 0;
}

// ---- test

struct Tested {
  Entry entry;
  std::string rest;  // of its address
  std::vector<probe::Check> checks = {};
};

// NAME, or NAME://BUCKET/PREFIX.
Result<Tested> parse_wanted(const DataSide& side, const std::string& text,
                            const std::string& bucket) {
  Address address{.connection = text, .rest = bucket};
  if (is_address(text)) {
    TRY(address, parse_address(text));
    if (!bucket.empty()) {
      return fail(Code::bad_input, fmt::format("'{}' and --bucket both name a bucket", text),
                  "leave one of them away");
    }
  }
  TRY_OK(side.connections->find(side.profile, address.connection));
  const auto site = side.connections->site(side.profile, address.connection);
  if (!bucket.empty() && site.has_value() && (*site)->facts().one_bucket) {
    return fail(Code::bad_input,
                fmt::format("connection '{}' has a bucket of its own", address.connection),
                "leave --bucket away");
  }
  return Tested{.entry = entry_of(side, address.connection), .rest = std::move(address.rest)};
}

Result<std::vector<Tested>> wanted_of(const DataSide& side, const ConnectionsArgs& args) {
  const std::vector<std::string> names = args.names.empty() ? all_to_test(side) : args.names;
  if (names.empty()) {
    return fail(Code::bad_input, fmt::format("profile '{}' has no connections", side.profile),
                "name one that is there from the start: tutti connections test s3 --bucket NAME");
  }
  std::vector<Tested> all;
  for (const std::string& name : names) {
    TRY(Tested each, parse_wanted(side, name, args.bucket));
    all.push_back(std::move(each));
  }
  return all;
}

// That the secrets are there; only a task will know whether they are good.
void check_secrets(const DataSide& side, const Value& settings, probe::Checks& checks) {
  const std::vector<std::string> names = secrets_in(settings);
  for (const std::string& name : names) {
    const spec::SecretSource* secret = side.project.find_secret(name);
    const bool there =
        secret != nullptr && (secret->kind == spec::SecretKind::file
                                  ? access((side.folder / secret->from).c_str(), R_OK) == 0
                                  : std::getenv(secret->from.c_str()) != nullptr);
    if (!there) {
      return checks.fail(
          probe::Step::credentials,
          {.code = Code::not_found,
           .what = fmt::format("secret '{}' is not there", name),
           .remedy = secret == nullptr ? std::string("declare it under `secrets` in tutti.yaml")
                                       : fmt::format("set {}", secret->from)});
    }
  }
  if (names.empty()) {
    checks.skip(probe::Step::credentials, "none are set");
  } else {
    checks.skip(probe::Step::credentials,
                fmt::format("{} is there; a task's request shows whether it is accepted",
                            secrets_text(settings)));
  }
}

Task<probe::Checks> test_http(Invocation& call, const DataSide* side, Value settings) {
  probe::Checks checks;
  checks.ok(probe::Step::settings, "");
  check_secrets(*side, settings, checks);
  if (settings.get_string("url").empty()) {
    checks.skip(probe::Step::name, "each task gives its url");
    co_return checks;
  }
  CO_OK(co_await probe::probe_url(call.environment.context(),
                                  std::string(settings.get_string("url")), &checks,
                                  call.environment.cpu()));
  co_return checks;
}

probe::Checks test_database(const DataSide& side, const std::string& name, const Value& settings) {
  probe::Checks checks;
  checks.ok(probe::Step::settings, "");
  const fs::path file = database_of(side, name, settings);
  probe::check_folder(file.parent_path(), settings.get_string("path").empty(), checks);
  std::error_code ec;
  if (fs::exists(file, ec) && access(file.c_str(), R_OK | W_OK) != 0) {
    checks.fail(probe::Step::write,
                {.code = Code::denied,
                 .what = fmt::format("{} cannot be read and written", file.string()),
                 .remedy = fmt::format("chmod u+rw '{}'", file.string())});
  } else if (!checks.failed(probe::Step::folder)) {
    checks.ok(probe::Step::write, fs::exists(file, ec)
                                      ? file.string()
                                      : fmt::format("{}, made when first written", file.string()));
  }
  return checks;
}

Task<probe::Checks> test_one(Invocation& call, const DataSide* side, std::string name,
                             std::string rest, bool write) {
  CO_TRY(const cloud::ConnectionConfig* config, side->connections->find(side->profile, name));
  const spec::ConnectionType* type = spec::find_connection_type(config->type);
  if (type == nullptr || !type->usable) {
    probe::Checks checks;
    checks.skip(probe::Step::settings,
                fmt::format("type {} comes in a later version", config->type));
    co_return checks;
  }
  if (config->type == "http") {
    co_return co_await test_http(call, side, config->settings);
  }
  if (config->type == "duckdb") {
    co_return test_database(*side, name, config->settings);
  }
  co_return co_await probe::probe(call.environment.context(), *side->connections,
                                  {.profile = side->profile,
                                   .connection = std::move(name),
                                   .rest = std::move(rest),
                                   .write = write},
                                  call.environment.cpu());
}

bool works(const Tested& tested) {
  return std::ranges::none_of(tested.checks, [](const probe::Check& each) {
    return each.verdict == probe::Verdict::failed;
  });
}

Value to_value(const Tested& tested) {
  ValueList checks;
  for (const probe::Check& each : tested.checks) {
    Value check = Value::of({{"check", probe::step_name(each.step)},
                             {"verdict", probe::verdict_name(each.verdict)},
                             {"what", each.what}});
    if (each.error) {
      check.edit_map().set("code", code_name(each.error->code));
      check.edit_map().set("provider_code", each.error->provider_code);
      check.edit_map().set("remedy", each.error->remedy);
    }
    checks.push_back(std::move(check));
  }
  return Value::of({{"name", tested.entry.name},
                    {"type", tested.entry.type},
                    {"address", tested.entry.address},
                    {"credentials", tested.entry.credentials},
                    {"works", works(tested)},
                    {"checks", Value(std::move(checks))}});
}

std::string line_of(const probe::Check& check, const Output& output) {
  const Color color = check.verdict == probe::Verdict::ok       ? Color::green
                      : check.verdict == probe::Verdict::failed ? Color::red
                                                                : Color::dim;
  std::string text = printable(check.what);
  if (check.error && !check.error->remedy.empty()) {
    text += ". " + printable(check.error->remedy);
  }
  return fmt::format("  {}  {}{}",
                     output.paint(color, fmt::format("{:9}", probe::verdict_name(check.verdict))),
                     text.empty() ? std::string(probe::step_name(check.step))
                                  : fmt::format("{:<13}", probe::step_name(check.step)),
                     text);
}

void print(Invocation& call, const Tested& tested) {
  call.output.line(fmt::format(
      "{}  {}, {}, credentials: {}", call.output.paint(Color::bold, printable(tested.entry.name)),
      tested.entry.type, printable(tested.entry.address), printable(tested.entry.credentials)));
  for (const probe::Check& each : tested.checks) {
    call.output.line(line_of(each, call.output));
  }
}

Task<int> test(Invocation& call, const DataSide* side, ConnectionsArgs args) {
  CO_TRY(std::vector<Tested> all, wanted_of(*side, args));
  ValueList values;
  std::vector<std::vector<probe::Check>> checks;
  for (Tested& each : all) {
    CO_TRY(const probe::Checks made,
           co_await test_one(call, side, each.entry.name, each.rest, args.write));
    each.checks = made.in_order();
    if (call.output.json()) {
      values.push_back(to_value(each));
    } else {
      print(call, each);
    }
    checks.push_back(each.checks);
  }
  if (call.output.json()) {
    call.output.value(Value(std::move(values)));
  } else {
    const auto good = std::ranges::count_if(all, works);
    const std::string total = counted(std::ssize(all), "connection");
    call.output.note(good == std::ssize(all) ? fmt::format("nothing is wrong with {}", total)
                                             : fmt::format("something is wrong with {} of {}",
                                                           std::ssize(all) - good, total));
  }
  co_return probe::exit_status_of(checks);
}

}  // namespace

Result<int> connections(Invocation& call, const ConnectionsArgs& args) {
  TRY(const DataSide side, open_data(call));
  if (args.what == "limit") {
    return connections_limit(call, side, args);
  }
  return args.what == "test" ? call.environment.loop().run(test(call, &side, args))
                             : list(call, side, args);
}

}  // namespace tutti::cli
