// SPDX-License-Identifier: Apache-2.0
#include "cloud/connections.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/closest.h"
#include "cloud/site.h"

namespace tutti::cloud {
namespace {

// Types that hold objects and are known, but cannot be opened in this version.
constexpr std::array<std::string_view, 3> later_types{"adls", "sftp", "hdfs"};

// What the clouds' names mean from the start, where the profile says nothing about them.
const ConnectionConfig* find_builtin(std::string_view connection) {
  static const std::map<std::string, ConnectionConfig, std::less<>> builtin{
      {"file", {.type = "file"}},
      {"s3", {.type = "s3"}},
      {"gs", {.type = "gcs"}},
      {"az", {.type = "azure"}}};
  const auto at = builtin.find(connection);
  return at == builtin.end() ? nullptr : &at->second;
}

std::unexpected<Error> unknown(std::string_view what, std::string_view name,
                               std::vector<std::string> known) {
  std::string remedy = name == "gcs"     ? "Google's objects are gs://BUCKET/KEY"
                       : name == "azure" ? "Azure's objects are az://CONTAINER/KEY"
                                         : did_you_mean(name, std::span<const std::string>(known));
  if (remedy.empty() && !known.empty()) {
    remedy = fmt::format("known are: {}", fmt::join(known, ", "));
  }
  return fail(Code::not_found, fmt::format("no {} '{}'", what, name),
              remedy.empty() ? "add it to tutti.yaml" : std::move(remedy));
}

template <class Map>
std::vector<std::string> names_of(const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) {
    names.push_back(name);
  }
  return names;
}

std::unexpected<Error> cannot_open(std::string_view name, const ConnectionConfig& config) {
  if (std::ranges::find(later_types, config.type) != later_types.end()) {
    return fail(Code::unsupported,
                fmt::format("connection '{}' is of type {}, which comes in a later version", name,
                            config.type),
                fmt::format("let a folder stand in for it, in a profile with `sandbox: true`: "
                            "connections: {{{}: {{type: local, buckets: clouds/{}}}}}",
                            name, name));
  }
  return fail(
      Code::bad_input,
      fmt::format("connection '{}' is of type {}, which holds no objects", name, config.type),
      "use the address of an object: file:///data/a.csv, s3://bucket/key");
}

}  // namespace

Connections::Connections(ConnectionTable table, Openers openers)
    : table_(std::move(table)), openers_(std::move(openers)) {}

Result<const ConnectionConfig*> Connections::find(std::string_view profile,
                                                  std::string_view connection) const {
  const auto in_profile = table_.find(std::string(profile));
  connection = meant(profile, connection);
  if (in_profile != table_.end()) {
    if (const auto at = in_profile->second.find(std::string(connection));
        at != in_profile->second.end()) {
      return &at->second;
    }
  } else if (connection != "file") {
    return unknown("profile", profile, names_of(table_));
  }
  const ConnectionConfig* builtin = find_builtin(connection);
  if (builtin == nullptr) {
    return unknown(fmt::format("connection in profile '{}' named", profile), connection,
                   names_of(in_profile->second));
  }
  return builtin;
}

std::string_view Connections::meant(std::string_view profile, std::string_view connection) const {
  const std::string_view alias = alias_of(connection);
  const auto in_profile = table_.find(std::string(profile));
  const bool is_name =
      in_profile != table_.end() && in_profile->second.contains(std::string(connection));
  return alias.empty() || is_name ? connection : alias;
}

Result<Located> Connections::open(std::string_view profile, const Address& address) const {
  TRY(const ConnectionConfig* config, find(profile, address.connection));
  const std::string_view connection = meant(profile, address.connection);
  std::string rest = address.rest;
  // CONTAINER@HOST/KEY, where another kind of store stands in for Azure.
  const size_t at = rest.find('@');
  const size_t slash = std::min(rest.find('/'), rest.size());
  if (connection != address.connection && config->type != "azure" && at < slash) {
    rest.erase(at, slash - at);
  }
  const auto opener = openers_.find(config->type);
  if (opener == openers_.end()) {
    return cannot_open(connection, *config);
  }
  return opener->second.open(connection, *config, rest);
}

Result<std::shared_ptr<Site>> Connections::site(std::string_view profile,
                                                std::string_view connection) const {
  TRY(const ConnectionConfig* config, find(profile, connection));
  const auto opener = openers_.find(config->type);
  if (opener == openers_.end()) {
    return cannot_open(connection, *config);
  }
  if (!opener->second.site) {
    return fail(Code::unsupported,
                fmt::format("nobody can be asked about a connection of type {}", config->type));
  }
  return opener->second.site(connection, *config);
}

Task<std::string> Site::region(rt::Context&, std::string) { co_return facts().region; }

Result<Located> Connections::open(std::string_view profile, std::string_view address) const {
  TRY(const Address parsed, parse_address(address));
  return open(profile, parsed);
}

std::string address_of(const Located& located, const Key& key) { return located.base + key.text; }

ObjectRef ref_of(const Located& located, const Key& key) {
  ObjectRef ref = located.ref;
  ref.key = located.root + key.text;
  return ref;
}

bool same_bucket(const Located& one, const Located& other) {
  ObjectRef mine = one.ref;
  ObjectRef theirs = other.ref;
  mine.key.clear();
  theirs.key.clear();
  return mine == theirs;
}

}  // namespace tutti::cloud
