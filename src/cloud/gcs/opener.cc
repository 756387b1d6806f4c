// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <mutex>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cloud/gcs/client.h"
#include "cloud/gcs/gcs.h"
#include "cloud/http/tries.h"
#include "cloud/site.h"
#include "cloud/wrap/prefixed.h"

namespace tutti::cloud::gcs {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 9> known_settings{"root",    "endpoint",     "auth",
                                                         "project", "user_project", "storage_class",
                                                         "kms_key", "attempts",     "patience"};
constexpr std::string_view scheme = "gs://";

std::unexpected<Error> bad(std::string_view connection, std::string what, std::string remedy) {
  return fail(Code::bad_input, fmt::format("connection '{}': {}", connection, what),
              std::move(remedy));
}

Result<Unit> check_settings(std::string_view connection, const Value& settings) {
  for (const auto& [name, value] : settings.as_map()) {
    if (std::ranges::find(known_settings, name) == known_settings.end()) {
      return bad(connection, fmt::format("it has a setting '{}', which gcs does not know", name),
                 fmt::format("known are: {}", fmt::join(known_settings, ", ")));
    }
    if (name != "auth" && !http::is_setting_of_tries(name) && !value.is_string()) {
      return bad(connection, fmt::format("its {} is a {}", name, kind_name(value.kind())),
                 "write a text");
    }
  }
  return Unit{};
}

bool is_none(const Value& auth) { return auth.is_string() && auth.as_string() == "none"; }

// `auth`: {file: PATH} or {secret: NAME}, which hold credentials as Google makes them; none; or,
// without it, what the machine has.
Result<std::shared_ptr<auth::GoogleAuth>> auth_of(std::string_view connection, const Value& wanted,
                                                  const Environment& environment) {
  if (is_none(wanted)) {
    return nullptr;
  }
  auth::GoogleAuthOptions options{.environment = environment.google};
  const std::string_view file = wanted.get_string("file");
  const std::string_view secret = wanted.get_string("secret");
  if (!file.empty() && secret.empty()) {
    options.credentials = environment.project / fs::path(file);
  } else if (!secret.empty() && file.empty() && environment.secret) {
    TRY(options.credentials_text, environment.secret(secret));
  } else if (!wanted.is_null()) {
    return bad(connection, "auth is none that is known",
               "write {file: PATH}, {secret: NAME} or none; without `auth` the credentials of "
               "this machine are used");
  }
  return std::make_shared<auth::GoogleAuth>(environment.http, environment.files,
                                            std::move(options));
}

bool is_this_machine(std::string_view host) {
  const std::string_view name = host.substr(0, host.rfind(':'));
  return name == "127.0.0.1" || name == "localhost" || name == "[::1]";
}

// http://127.0.0.1:4443
Result<Unit> read_endpoint(StoreOptions& options, std::string_view connection,
                           std::string_view endpoint, bool anonymous) {
  if (endpoint.empty()) {
    return Unit{};
  }
  std::string_view host = endpoint;
  options.tls = host.starts_with("https://");
  host.remove_prefix(options.tls ? 8 : host.starts_with("http://") ? 7 : host.size());
  while (host.ends_with('/')) {
    host.remove_suffix(1);
  }
  if (host.empty() || host.find_first_of("/?#@ ") != std::string_view::npos) {
    return bad(connection, fmt::format("endpoint '{}' is no address of a service", endpoint),
               "write https://HOST or http://HOST:PORT");
  }
  if (!options.tls && !anonymous && !is_this_machine(host)) {
    return bad(connection, fmt::format("tokens for '{}' would go open over the network", host),
               "use https, or set `auth: none`");
  }
  options.service.host = host;
  return Unit{};
}

Result<Unit> check_bucket(std::string_view connection, std::string_view bucket) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  if (bucket.empty()) {
    return fail(Code::bad_input, fmt::format("'{}://' names no bucket", connection),
                fmt::format("write {}://BUCKET/KEY", connection));
  }
  if (bucket.size() < 3 || bucket.size() > 222 || !std::ranges::all_of(bucket, plain)) {
    return fail(Code::bad_input, fmt::format("'{}' is no name of a bucket", bucket),
                "a bucket's name has 3 to 63 lower-case letters, digits, '-', '_' and '.'");
  }
  return Unit{};
}

// `root: gs://bucket/folder`: keys are below it, whether or not it ends with a slash.
Result<BucketKey> parse_root(std::string_view connection, std::string_view root) {
  if (!root.starts_with(scheme)) {
    return bad(connection, fmt::format("root '{}' is no bucket", root),
               "write root: \"gs://BUCKET\" or \"gs://BUCKET/FOLDER/\"");
  }
  BucketKey at = split_bucket(root.substr(scheme.size()));
  TRY_OK(check_bucket(connection, at.bucket));
  if (!at.key.empty() && !at.key.ends_with('/')) {
    at.key += '/';
  }
  return at;
}

// One store for each bucket of a connection, and one source of tokens for each connection.
class Stores {
 public:
  explicit Stores(Environment environment) : env_(std::move(environment)) {}

  Result<Located> open(std::string_view connection, const ConnectionConfig& config,
                       std::string_view rest);
  const Environment& environment() const { return env_; }
  // One for each connection: a token is got once. nullptr: asked as nobody.
  Result<std::shared_ptr<auth::GoogleAuth>> auth(std::string_view connection,
                                                 const Value& settings);

 private:
  Result<std::shared_ptr<ObjectStore>> store_of(std::string_view connection, const Value& settings,
                                                StoreOptions options);

  Environment env_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ObjectStore>> stores_;
  std::mutex auths_mutex_;
  std::map<std::string, std::shared_ptr<auth::GoogleAuth>> auths_;
};

std::string id_of(std::string_view connection, const Value& settings) {
  return fmt::format("{}\n{}", connection, to_json(settings));
}

Result<std::shared_ptr<auth::GoogleAuth>> Stores::auth(std::string_view connection,
                                                       const Value& settings) {
  const std::string id = id_of(connection, settings);
  const std::lock_guard lock(auths_mutex_);
  if (!auths_.contains(id)) {
    TRY(auths_[id], auth_of(connection, settings["auth"], env_));
  }
  return auths_[id];
}

Result<std::shared_ptr<ObjectStore>> Stores::store_of(std::string_view connection,
                                                      const Value& settings, StoreOptions options) {
  const std::string id = fmt::format("{}\n{}", options.bucket, id_of(connection, settings));
  const std::lock_guard lock(mutex_);
  if (const auto known = stores_.find(id); known != stores_.end()) {
    return known->second;
  }
  TRY(options.auth, auth(connection, settings));
  const std::string prefix = options.parts_prefix;
  const std::string base = options.base;
  auto store = open_store(env_.http, env_.buffers, std::move(options));
  if (!prefix.empty()) {
    store = wrap::make_prefixed(std::move(store), prefix, base);
  }
  stores_[id] = store;
  return store;
}

Result<Unit> check_kms_key(std::string_view connection, std::string_view key) {
  if (key.empty() || (key.starts_with("projects/") && key.contains("/cryptoKeys/"))) {
    return Unit{};
  }
  return bad(connection, fmt::format("kms_key '{}' is no key of Cloud KMS", key),
             "write projects/PROJECT/locations/PLACE/keyRings/RING/cryptoKeys/KEY");
}

// Where the service is; no bucket yet.
Result<StoreOptions> service_of(std::string_view connection, const Value& settings) {
  TRY_OK(check_settings(connection, settings));
  StoreOptions options{.base = fmt::format("{}://", connection),
                       .storage_class = std::string(settings.get_string("storage_class")),
                       .project = std::string(settings.get_string("project"))};
  options.service.user_project = settings.get_string("user_project");
  options.service.kms_key = settings.get_string("kms_key");
  TRY_OK(check_kms_key(connection, options.service.kms_key));
  TRY_OK(http::read_tries(connection, settings, options.patience));
  TRY_OK(read_endpoint(options, connection, settings.get_string("endpoint"),
                       is_none(settings["auth"])));
  return options;
}

Result<Located> Stores::open(std::string_view connection, const ConnectionConfig& config,
                             std::string_view rest) {
  const Value& settings = config.settings;
  TRY(StoreOptions options, service_of(connection, settings));
  const std::string_view endpoint = settings.get_string("endpoint");
  Located located{.store = nullptr, .key = {std::string(rest)}};
  if (const std::string_view root = settings.get_string("root"); !root.empty()) {
    TRY(BucketKey at, parse_root(connection, root));
    options.bucket = std::move(at.bucket);
    options.parts_prefix = std::move(at.key);
  } else {
    BucketKey split = split_bucket(rest);
    TRY_OK(check_bucket(connection, split.bucket));
    options.bucket = std::move(split.bucket);
    options.base += options.bucket + "/";
    located.key.text = std::move(split.key);
  }
  located.base = options.base;
  located.ref = {.provider = "gcs",
                 .endpoint = std::string(endpoint),
                 .bucket = options.bucket,
                 .key = options.parts_prefix + located.key.text};
  located.root = options.parts_prefix;
  TRY(located.store, store_of(connection, settings, std::move(options)));
  return located;
}

std::string describe_auth(const Value& wanted) {
  if (is_none(wanted)) {
    return "none: asked as nobody";
  }
  if (const std::string_view file = wanted.get_string("file"); !file.empty()) {
    return fmt::format("file {}", file);
  }
  const std::string_view secret = wanted.get_string("secret");
  return secret.empty() ? std::string("Application Default Credentials")
                        : fmt::format("secret '{}'", secret);
}

class GcsSite final : public Site {
 public:
  GcsSite(std::shared_ptr<Stores> stores, std::string connection, Value settings,
          StoreOptions service)
      : stores_(std::move(stores)),
        connection_(std::move(connection)),
        settings_(std::move(settings)),
        service_(std::move(service)),
        facts_{
            .url = fmt::format("{}://{}/", service_.tls ? "https" : "http", service_.service.host),
            .credentials = describe_auth(settings_["auth"]),
            .one_bucket = !settings_.get_string("root").empty()} {}

  const SiteFacts& facts() const override { return facts_; }

  Task<std::string> credentials(rt::Context& ctx) override {
    CO_TRY(const auto auth, stores_->auth(connection_, settings_));
    if (auth == nullptr) {
      co_return facts_.credentials;
    }
    CO_OK(co_await auth->token(ctx));
    co_return co_await auth->found(ctx);
  }

  Task<std::vector<std::string>> buckets(rt::Context& ctx) override {
    CO_TRY(const auto auth, stores_->auth(connection_, settings_));
    CO_TRY(const std::string project, co_await project_of(ctx, auth));
    Client client(stores_->environment().http, auth, service_.tls, service_.patience);
    std::vector<std::string> names;
    std::string token;
    do {
      CO_TRY(const http::Reply reply,
             co_await client.ask(
                 ctx, {.request = sign::gcs_buckets_request(service_.service, project, token),
                       .where = service_.base}));
      CO_TRY(sign::GcsBuckets page, sign::parse_gcs_buckets(reply.body));
      std::ranges::move(page.names, std::back_inserter(names));
      token = std::move(page.next);
    } while (!token.empty());
    co_return names;
  }

 private:
  // Buckets are listed of a project; an emulator knows none.
  Task<std::string> project_of(rt::Context& ctx, std::shared_ptr<auth::GoogleAuth> auth) {
    std::string project = service_.project;
    if (project.empty() && auth != nullptr) {
      CO_TRY(project, co_await auth->project(ctx));
    }
    if (project.empty() && settings_.get_string("endpoint").empty()) {
      co_return bad(connection_, "it is not known of which project the buckets are",
                    "set its `project`, or name a bucket");
    }
    co_return project;
  }

  std::shared_ptr<Stores> stores_;
  std::string connection_;
  Value settings_;
  StoreOptions service_;
  SiteFacts facts_;
};

Result<std::shared_ptr<Site>> site_of(std::shared_ptr<Stores> stores, std::string_view connection,
                                      const ConnectionConfig& config) {
  TRY(StoreOptions service, service_of(connection, config.settings));
  return std::make_shared<GcsSite>(std::move(stores), std::string(connection), config.settings,
                                   std::move(service));
}

}  // namespace

Openers openers(Environment environment) {
  auto stores = std::make_shared<Stores>(std::move(environment));
  Openers out;
  out["gcs"] = {
      .open = [stores](std::string_view name, const ConnectionConfig& config,
                       std::string_view rest) { return stores->open(name, config, rest); },
      .site = [stores](std::string_view name,
                       const ConnectionConfig& config) { return site_of(stores, name, config); }};
  return out;
}

}  // namespace tutti::cloud::gcs
