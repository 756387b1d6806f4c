// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "base/digest.h"
#include "cloud/azure/azure.h"
#include "cloud/azure/sender.h"
#include "cloud/azure/store.h"
#include "cloud/http/tries.h"
#include "cloud/site.h"
#include "cloud/wrap/prefixed.h"

namespace tutti::cloud::azure {
namespace {

constexpr std::string_view known_settings =
    "account, endpoint, root, tier, access_key, sas, connection_string, client_id, tenant_id, "
    "client_secret, anonymous, encryption_scope, attempts, patience";

bool is_known(std::string_view name) {
  std::string_view rest = known_settings;
  while (!rest.empty()) {
    const std::string_view each = rest.substr(0, rest.find(", "));
    if (each == name) {
      return true;
    }
    rest.remove_prefix(std::min(rest.size(), each.size() + 2));
  }
  return false;
}

// 3 to 63 letters, digits and hyphens; those the service itself makes begin with '$'.
Result<Unit> check_container(std::string_view connection, std::string_view name) {
  if (name.empty()) {
    return fail(Code::bad_input, fmt::format("'{}://' names no container", connection),
                fmt::format("write {}://CONTAINER/KEY", connection));
  }
  const bool special = name == "$root" || name == "$web" || name == "$logs";
  const bool plain = std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (!special && (!plain || name.size() < 3 || name.size() > 63 || name.front() == '-')) {
    return fail(Code::bad_input, fmt::format("'{}' is no name of a container", name),
                "it has 3 to 63 small letters, digits and hyphens");
  }
  return Unit{};
}

// One store for each place, and one service of credentials for equal settings: a token is got once.
class Stores {
 public:
  explicit Stores(Environment environment) : environment_(std::move(environment)) {}

  const Environment& environment() const { return environment_; }

  std::shared_ptr<ObjectStore> open(const auth::AzureSettings& settings,
                                    const auth::AzureAccess& access, Place place,
                                    const std::string& prefix, const rt::RetryPolicy& retry) {
    const std::string who = identity_of(settings, access);
    const std::string id =
        fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{} {}", who, place.container.container, prefix,
                    place.base, place.tier, place.container.encryption_scope, retry.attempts_max,
                    to_text(retry.throttled_max));
    const std::lock_guard lock(mutex_);
    std::weak_ptr<ObjectStore>& known = stores_[id];
    std::shared_ptr<ObjectStore> store = known.lock();
    if (store == nullptr) {
      auto sender =
          std::make_unique<Sender>(environment_.http, credentials(settings, access), retry);
      const std::string base = place.base;
      store =
          make_store(std::make_shared<Blobs>(environment_, std::move(sender), std::move(place)));
      if (!prefix.empty()) {
        store = wrap::make_prefixed(std::move(store), prefix, base);
      }
      known = store;
    }
    return store;
  }

  std::shared_ptr<auth::AzureCredentials> credentials(const auth::AzureSettings& settings,
                                                      const auth::AzureAccess& access) {
    const std::lock_guard lock(credentials_mutex_);
    std::shared_ptr<auth::AzureCredentials>& known = credentials_[identity_of(settings, access)];
    if (known == nullptr) {
      known = std::make_shared<auth::AzureCredentials>(environment_.http, access, settings,
                                                       environment_.machine);
    }
    return known;
  }

 private:
  // A digest, so that no secret is kept as a key.
  static std::string identity_of(const auth::AzureSettings& settings,
                                 const auth::AzureAccess& access) {
    const Value all = Value::of(
        {{"account", access.account},
         {"host", access.endpoint.host},
         {"folder", access.endpoint.folder},
         {"tls", access.endpoint.tls},
         {"found", access.found},
         {"key", access.key ? hex(sha256(access.key->key)) : std::string()},
         {"sas", access.sas ? sign::encode_query(*access.sas) : std::string()},
         {"who", ValueList{settings.tenant_id, settings.client_id, settings.client_secret}}});
    return hex(sha256(to_json(all)));
  }

  Environment environment_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<ObjectStore>> stores_;
  std::mutex credentials_mutex_;
  std::map<std::string, std::shared_ptr<auth::AzureCredentials>> credentials_;
};

// What nobody may read in a file of the project: {secret: NAME}.
Result<std::string> secret_of(const Environment& environment, std::string_view connection,
                              const Value& settings, std::string_view name) {
  const Value& value = settings[name];
  const std::string_view secret = value.get_string("secret");
  if (value.is_null()) {
    return std::string();
  }
  if (secret.empty() || !environment.secret) {
    return fail(
        Code::bad_input,
        fmt::format("connection '{}': {} does not name a secret", connection, name),
        fmt::format("write {}: {{secret: NAME}}, and say under `secrets` where it is kept", name));
  }
  return environment.secret(secret);
}

// What can be said without a secret.
Result<auth::AzureSettings> open_settings(std::string_view connection,
                                          const ConnectionConfig& config) {
  for (const auto& [name, value] : config.settings.as_map()) {
    if (!is_known(name)) {
      return fail(Code::bad_input,
                  fmt::format("connection '{}' has a setting '{}', which {} does not know",
                              connection, name, config.type),
                  fmt::format("known are: {}", known_settings));
    }
  }
  auth::AzureSettings out;
  const Value& given = config.settings;
  out.account = given.get_string("account");
  out.endpoint = given.get_string("endpoint");
  out.tenant_id = given.get_string("tenant_id");
  out.client_id = given.get_string("client_id");
  out.anonymous = given.get_bool("anonymous");
  return out;
}

Result<auth::AzureSettings> settings_of(const Environment& environment, std::string_view connection,
                                        const ConnectionConfig& config) {
  TRY(auth::AzureSettings out, open_settings(connection, config));
  const std::pair<std::string_view, std::string*> secrets[] = {
      {"access_key", &out.access_key},
      {"sas", &out.sas},
      {"connection_string", &out.connection_string},
      {"client_secret", &out.client_secret}};
  for (const auto& [name, field] : secrets) {
    TRY(*field, secret_of(environment, connection, config.settings, name));
  }
  return out;
}

// CONTAINER, or CONTAINER@ACCOUNT.dfs.core.windows.net as Hadoop and Spark write it.
Result<std::string> container_in(std::string_view text, auth::AzureSettings& settings) {
  const size_t at = text.find('@');
  if (at == std::string_view::npos) {
    return std::string(text);
  }
  std::string host(text.substr(at + 1));
  const std::string account = host.substr(0, host.find('.'));
  if (!settings.account.empty() && settings.account != account) {
    return fail(Code::bad_input,
                fmt::format("the address names account '{}', the connection '{}'", account,
                            settings.account),
                "leave the account away in one of them");
  }
  settings.account = account;
  if (const size_t dfs = host.find(".dfs."); dfs != std::string::npos) {
    host.replace(dfs, 5, ".blob.");
  }
  if (settings.endpoint.empty()) {
    settings.endpoint = "https://" + host;
  }
  return std::string(text.substr(0, at));
}

Result<Located> open_azure(Stores& stores, std::string_view connection,
                           const ConnectionConfig& config, std::string_view rest) {
  TRY(auth::AzureSettings settings, settings_of(stores.environment(), connection, config));
  const std::string_view root = config.settings.get_string("root");
  std::string_view in = rest;
  if (!root.empty()) {
    const size_t scheme = root.find("://");  // whatever the connection is called
    in = scheme == std::string_view::npos ? root : root.substr(scheme + 3);
  }
  const BucketKey split = split_bucket(in);
  Place place{.container = {}, .base = fmt::format("{}://", connection)};
  TRY(place.container.container, container_in(split.bucket, settings));
  TRY_OK(check_container(connection, place.container.container));
  TRY(const auth::AzureAccess access, auth::azure_access(settings, stores.environment().machine));
  place.container.host = access.endpoint.host;
  place.container.folder = access.endpoint.folder;
  place.tier = config.settings.get_string("tier");
  place.container.encryption_scope = config.settings.get_string("encryption_scope");
  Located located{.store = nullptr, .key = {std::string(rest)}};
  located.ref = {.provider = "azure",
                 .endpoint = access.endpoint.host,
                 .account = access.account,
                 .bucket = place.container.container};
  std::string prefix;
  if (root.empty()) {
    place.base += split.bucket + "/";
    located.key.text = split.key;
  } else if (!split.key.empty()) {
    prefix = split.key + (split.key.ends_with('/') ? "" : "/");
  }
  located.root = prefix;
  located.ref.key = prefix + located.key.text;
  located.base = place.base;
  rt::RetryPolicy retry = stores.environment().retry;
  TRY_OK(http::read_tries(connection, config.settings, retry));
  located.store = stores.open(settings, access, std::move(place), prefix, retry);
  return located;
}

std::string describe_access(const Value& settings, const Result<auth::AzureAccess>& access) {
  for (const std::string_view name : {"access_key", "sas", "connection_string", "client_secret"}) {
    if (const std::string_view secret = settings[name].get_string("secret"); !secret.empty()) {
      return fmt::format("{} in secret '{}'", name, secret);
    }
  }
  return settings.get_bool("anonymous") ? "none: asked as nobody"
         : access.has_value()           ? access->found
                                        : "an Entra identity";
}

// Of an account that only a secret names, as a connection string, nothing is known without it.
SiteFacts facts_of(const Environment& environment, std::string_view connection,
                   const ConnectionConfig& config, const auth::AzureSettings& open) {
  const auto settings = settings_of(environment, connection, config);
  const auto access = auth::azure_access(settings.value_or(open), environment.machine);
  SiteFacts facts{.credentials = describe_access(config.settings, access),
                  .one_bucket = !config.settings.get_string("root").empty()};
  if (access.has_value()) {
    facts.url = fmt::format("{}://{}{}/", access->endpoint.tls ? "https" : "http",
                            access->endpoint.host, access->endpoint.folder);
  }
  return facts;
}

class AzureSite final : public Site {
 public:
  AzureSite(std::shared_ptr<Stores> stores, std::string connection, ConnectionConfig config,
            SiteFacts facts)
      : stores_(std::move(stores)),
        connection_(std::move(connection)),
        config_(std::move(config)),
        facts_(std::move(facts)) {}

  const SiteFacts& facts() const override { return facts_; }

  Task<std::string> credentials(rt::Context& ctx) override {
    CO_TRY(const auto who, identity());
    CO_TRY(std::string found, co_await who->found(ctx));
    const bool is_token = !who->access().key && !who->access().sas && !who->access().anonymous;
    co_return is_token ? std::move(found) : facts_.credentials;
  }

  Task<std::vector<std::string>> buckets(rt::Context& ctx) override {
    CO_TRY(const auto who, identity());
    const sign::AzureContainer account{.host = who->access().endpoint.host,
                                       .folder = who->access().endpoint.folder,
                                       .container = {}};
    Sender sender(stores_->environment().http, who, stores_->environment().retry);
    std::vector<std::string> names;
    std::string marker;
    do {
      CO_TRY(const http::Reply reply,
             co_await sender.reply(ctx,
                                   {.request = sign::azure_containers_request(account, "", marker),
                                    .where = fmt::format("{}://", connection_)}));
      CO_TRY(sign::AzureContainers page, sign::parse_azure_containers(reply.body));
      std::ranges::move(page.names, std::back_inserter(names));
      marker = std::move(page.next);
    } while (!marker.empty());
    co_return names;
  }

 private:
  Result<std::shared_ptr<auth::AzureCredentials>> identity() const {
    TRY(const auth::AzureSettings settings,
        settings_of(stores_->environment(), connection_, config_));
    TRY(const auth::AzureAccess access,
        auth::azure_access(settings, stores_->environment().machine));
    return stores_->credentials(settings, access);
  }

  std::shared_ptr<Stores> stores_;
  std::string connection_;
  ConnectionConfig config_;
  SiteFacts facts_;
};

Result<std::shared_ptr<Site>> site_of(std::shared_ptr<Stores> stores, std::string_view connection,
                                      const ConnectionConfig& config) {
  TRY(const auth::AzureSettings open, open_settings(connection, config));
  SiteFacts facts = facts_of(stores->environment(), connection, config, open);
  return std::make_shared<AzureSite>(std::move(stores), std::string(connection), config,
                                     std::move(facts));
}

}  // namespace

Openers openers(Environment environment) {
  auto stores = std::make_shared<Stores>(std::move(environment));
  Openers out;
  out["azure"] = {
      .open = [stores](std::string_view name, const ConnectionConfig& config,
                       std::string_view rest) { return open_azure(*stores, name, config, rest); },
      .site = [stores](std::string_view name,
                       const ConnectionConfig& config) { return site_of(stores, name, config); }};
  return out;
}

}  // namespace tutti::cloud::azure
