// SPDX-License-Identifier: Apache-2.0
// Connections: from an address to the store that holds it. A service, made in `app` from a plain
// table; thread-safe; outlives nothing it gave out (stores are shared).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/value.h"
#include "cloud/object_store.h"

namespace tutti::cloud {

struct ConnectionConfig {
  std::string type;             // "local", "file", "s3", "duckdb" ...
  Value settings = ValueMap{};  // as in the project file, without `type`
  bool sandbox = false;         // of its profile
};

// profile -> connection name -> its settings. `file` exists in every profile.
using ConnectionTable = std::map<std::string, std::map<std::string, ConnectionConfig>>;

struct Located {
  std::shared_ptr<ObjectStore> store;
  Key key;                // may be empty or end with "/": a prefix
  ObjectRef ref;          // what the address resolved to
  std::string base;       // the address of key K in this store is base + K
  std::string root = {};  // what stands before every key in the bucket itself
};

class Site;  // cloud/site.h

// What a connection type means. A few system calls at most, no network.
struct Opener {
  std::function<Result<Located>(std::string_view connection, const ConnectionConfig&,
                                std::string_view rest)>
      open;
  std::function<Result<std::shared_ptr<Site>>(std::string_view connection, const ConnectionConfig&)>
      site = nullptr;
};
using Openers = std::map<std::string, Opener, std::less<>>;  // by type

class Connections {
 public:
  // `openers`: the types that can be opened, as local::openers() makes them.
  Connections(ConnectionTable table, Openers openers);

  // not_found: no such profile or connection (with the closest name); unsupported: a type that
  // comes in a later version; bad_input: a connection without objects, or an address it cannot
  // have.
  Result<Located> open(std::string_view profile, const Address& address) const;
  Result<Located> open(std::string_view profile, std::string_view address) const;
  // not_found as above; unsupported where there is nothing to be asked.
  Result<std::shared_ptr<Site>> site(std::string_view profile, std::string_view connection) const;
  // As the profile says, or what the name means from the start.
  Result<const ConnectionConfig*> find(std::string_view profile, std::string_view connection) const;

  // The name it goes by: `az` for abfss, where the profile has no connection of that name.
  std::string_view meant(std::string_view profile, std::string_view connection) const;

 private:
  ConnectionTable table_;
  Openers openers_;
};

// The address of `key` in the store it was located in.
std::string address_of(const Located& located, const Key& key);
ObjectRef ref_of(const Located& located, const Key& key);
// Whether both lie in one bucket; then their keys there are comparable: root + key.
bool same_bucket(const Located& one, const Located& other);

}  // namespace tutti::cloud
