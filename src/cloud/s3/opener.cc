// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <mutex>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/ascii.h"
#include "base/digest.h"
#include "cloud/http/tries.h"
#include "cloud/s3/s3.h"
#include "cloud/site.h"
#include "cloud/wrap/prefixed.h"

namespace tutti::cloud::s3 {
namespace {

constexpr std::array<std::string_view, 12> setting_names{
    "root", "region",         "endpoint",       "path_style", "checksum", "sign_payload",
    "auth", "requester_pays", "expected_owner", "encryption", "attempts", "patience"};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::unexpected<Error> bad(std::string_view connection, std::string what, std::string remedy) {
  return fail(Code::bad_input, fmt::format("connection '{}': {}", connection, what),
              std::move(remedy));
}

struct Url {
  bool tls = true;
  std::string host;
};
Result<Url> parse_endpoint(std::string_view connection, std::string_view text) {
  Url url;
  if (text.starts_with("http://")) {
    url.tls = false;
    text.remove_prefix(7);
  } else if (text.starts_with("https://")) {
    text.remove_prefix(8);
  } else {
    return bad(connection, fmt::format("endpoint '{}' is no URL", text),
               "write https://HOST or http://HOST:PORT");
  }
  while (text.ends_with('/')) {
    text.remove_suffix(1);
  }
  if (text.empty() || text.find_first_of("/?#@ ") != std::string_view::npos) {
    return bad(connection, fmt::format("endpoint '{}' is more than a host and a port", text),
               "write https://HOST or http://HOST:PORT; the bucket stands in the address");
  }
  // The usual port is left out of the Host that is sent, so of the one that is signed.
  const std::string_view usual = url.tls ? ":443" : ":80";
  if (text.ends_with(usual)) {
    text.remove_suffix(usual.size());
  }
  url.host = text;
  return url;
}

// On this machine nobody is between.
bool is_here(std::string_view host) {
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

Result<Unit> add_encryption(std::string_view connection, const Value& wanted,
                            const Environment& environment, Settings& settings) {
  if (wanted.is_string() && wanted.as_string() == "sse-s3") {
    settings.writes.emplace_back("x-amz-server-side-encryption", "AES256");
    return Unit{};
  }
  const std::string_view kms = wanted.is_map() ? wanted.get_string("kms") : "";
  const std::string_view secret = wanted.is_map() ? wanted.get_string("customer_key") : "";
  if (!kms.empty() && secret.empty()) {
    settings.writes.emplace_back("x-amz-server-side-encryption", "aws:kms");
    settings.writes.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", std::string(kms));
    return Unit{};
  }
  if (secret.empty() || !kms.empty() || !environment.secret) {
    return bad(connection, "encryption is none that is known",
               "write sse-s3, {kms: KEY} or {customer_key: NAME OF A SECRET}");
  }
  TRY(const std::string text, environment.secret(secret));
  const auto key = base64_decode(text);
  if (!key.has_value() || key->size() != 32) {
    return bad(connection, fmt::format("secret '{}' is no key of 32 bytes in base64", secret),
               "make one with: openssl rand -base64 32");
  }
  const Digest md5 = digest_of(DigestKind::md5, *key);
  settings.keyed = {
      {"x-amz-server-side-encryption-customer-algorithm", "AES256"},
      {"x-amz-server-side-encryption-customer-key", text},
      {"x-amz-server-side-encryption-customer-key-md5", sign::s3_checksum(md5).second}};
  return Unit{};
}

Result<Unit> check_type(std::string_view connection, std::string_view name, const Value& value) {
  if (name == "auth" || name == "encryption" || http::is_setting_of_tries(name)) {
    return Unit{};  // looked at where they are used
  }
  const bool yes_or_no = name == "path_style" || name == "sign_payload" || name == "requester_pays";
  if (yes_or_no ? value.is_bool() : value.is_string()) {
    return Unit{};
  }
  const std::string_view wanted = yes_or_no ? "true or false" : "text";
  return bad(connection, fmt::format("{} is not {}", name, wanted),
             fmt::format("write {} as {}", name, wanted));
}

// Where the service is; what needs a secret is left out.
Result<Settings> service_of(std::string_view connection, const Value& given) {
  for (const auto& [name, value] : given.as_map()) {
    if (std::ranges::find(setting_names, name) == setting_names.end()) {
      return bad(connection, fmt::format("it has a setting '{}', which s3 does not know", name),
                 fmt::format("known are: {}", fmt::join(setting_names, ", ")));
    }
    TRY_OK(check_type(connection, name, value));
  }
  Settings settings;
  std::string endpoint(given.get_string("endpoint"));
  for (const char* name : {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}) {
    endpoint = endpoint.empty() ? environment(name) : endpoint;
  }
  if (!endpoint.empty()) {
    TRY(Url url, parse_endpoint(connection, endpoint));
    settings.tls = url.tls;
    settings.endpoint = std::move(url.host);
  }
  settings.path_style = given.get_bool("path_style", !endpoint.empty());
  settings.sign_payload =
      given.get_bool("sign_payload", !settings.tls && !is_here(settings.endpoint));
  std::string region(given.get_string("region"));
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    region = region.empty() ? environment(name) : region;
  }
  settings.region_given = !region.empty() || !settings.endpoint.empty();
  settings.region = region.empty() ? settings.region : std::move(region);
  return settings;
}

Result<Settings> settings_of(std::string_view connection, const Value& given,
                             const Environment& env) {
  TRY(Settings settings, service_of(connection, given));
  TRY(settings.checksum, parse_checksum(given.get_string("checksum", "trailer")));
  if (given.get_bool("requester_pays", false)) {
    settings.every_request.emplace_back("x-amz-request-payer", "requester");
  }
  if (const std::string_view owner = given.get_string("expected_owner"); !owner.empty()) {
    settings.every_request.emplace_back("x-amz-expected-bucket-owner", std::string(owner));
  }
  if (const Value* encryption = given.as_map().find("encryption")) {
    TRY_OK(add_encryption(connection, *encryption, env, settings));
  }
  TRY_OK(http::read_tries(connection, given, settings.retry));
  return settings;
}

Result<sign::AwsCredentials> parse_secret(std::string_view connection, std::string_view name,
                                          std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) {
    text.remove_suffix(1);
  }
  const size_t first = text.find(':');
  const size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
  const bool whole = first != std::string_view::npos && first > 0 && first + 1 < text.size() &&
                     second != first + 1;
  if (!whole) {
    return bad(connection, fmt::format("secret '{}' holds no access key", name),
               "its value is KEY_ID:SECRET_KEY or KEY_ID:SECRET_KEY:SESSION_TOKEN");
  }
  sign::AwsCredentials credentials{
      .access_key_id = std::string(text.substr(0, first)),
      .secret_access_key = std::string(text.substr(first + 1, second - first - 1))};
  if (second != std::string_view::npos) {
    credentials.session_token = text.substr(second + 1);
  }
  return credentials;
}

// `auth`: {secret: NAME}, whose value is KEY_ID:SECRET[:TOKEN]; none; or, without it, what the
// machine has (auth::aws_chain).
Result<std::shared_ptr<auth::AwsSource>> credentials_of(std::string_view connection,
                                                        const Value& wanted,
                                                        const Environment& env) {
  if (wanted.is_string() && wanted.as_string() == "none") {
    return auth::fixed_aws(std::nullopt);
  }
  const std::string_view secret = wanted.get_string("secret");
  if (!secret.empty() && env.secret) {
    TRY(const std::string text, env.secret(secret));
    TRY(sign::AwsCredentials credentials, parse_secret(connection, secret, text));
    return auth::fixed_aws(std::move(credentials));
  }
  auth::AwsChoice choice{.profile = std::string(wanted.get_string("profile")),
                         .role = std::string(wanted.get_string("role")),
                         .external_id = std::string(wanted.get_string("external_id"))};
  if (!wanted.is_null() && choice.profile.empty() && choice.role.empty()) {
    return bad(connection, "auth is none that is known",
               "write {secret: NAME}, {profile: NAME}, {role: ARN} or none; without `auth` the "
               "credentials of this machine are used");
  }
  return auth::aws_chain(env.http, std::move(choice), auth::this_machine(env.run));
}

// One store for each bucket of a connection, so that what it has learned (region, clock) stays.
class Stores {
 public:
  explicit Stores(Environment environment) : env_(std::move(environment)) {}

  Result<Located> open(std::string_view connection, const ConnectionConfig& config,
                       std::string_view rest);
  const Environment& environment() const { return env_; }
  // One for each connection: temporary credentials are got once.
  Result<std::shared_ptr<auth::AwsSource>> source_of(std::string_view connection,
                                                     const ConnectionConfig& config);

 private:
  Result<std::shared_ptr<ObjectStore>> store_of(std::string_view connection,
                                                const ConnectionConfig& config,
                                                const std::string& bucket,
                                                const std::string& prefix, const std::string& base);

  Environment env_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ObjectStore>> stores_;
  std::mutex sources_mutex_;
  std::map<std::string, std::shared_ptr<auth::AwsSource>> sources_;
};

std::string id_of(std::string_view connection, const ConnectionConfig& config) {
  return fmt::format("{}\n{}", connection, to_json(config.settings));
}

Result<std::shared_ptr<auth::AwsSource>> Stores::source_of(std::string_view connection,
                                                           const ConnectionConfig& config) {
  const std::lock_guard lock(sources_mutex_);
  std::shared_ptr<auth::AwsSource>& source = sources_[id_of(connection, config)];
  if (source == nullptr) {
    TRY(source, credentials_of(connection, config.settings["auth"], env_));
  }
  return source;
}

Result<std::shared_ptr<ObjectStore>> Stores::store_of(std::string_view connection,
                                                      const ConnectionConfig& config,
                                                      const std::string& bucket,
                                                      const std::string& prefix,
                                                      const std::string& base) {
  const std::string id = fmt::format("{}\n{}\n{}", bucket, base, id_of(connection, config));
  const std::lock_guard lock(mutex_);
  if (const auto known = stores_.find(id); known != stores_.end()) {
    return known->second;
  }
  TRY(Settings settings, settings_of(connection, config.settings, env_));
  TRY(const std::shared_ptr<auth::AwsSource> source, source_of(connection, config));
  auto store = make_store(env_.http, env_.buffers, source, std::move(settings), bucket, base);
  if (!prefix.empty()) {
    store = wrap::make_prefixed(std::move(store), prefix, base);
  }
  stores_[id] = store;
  return store;
}

bool is_bucket_name(std::string_view bucket) {
  const auto plain = [](char c) { return is_ascii_alnum(c) || c == '-' || c == '.' || c == '_'; };
  return bucket.size() >= 3 && bucket.size() <= 255 && std::ranges::all_of(bucket, plain);
}

// `root: s3://bucket/folder`: keys are below it, whatever the connection is called.
Result<BucketKey> parse_root(std::string_view connection, std::string_view root) {
  const std::string_view scheme = root.starts_with("s3://") ? "s3://" : "";
  BucketKey at = split_bucket(root.substr(scheme.size()));
  if (!is_bucket_name(at.bucket)) {
    return bad(connection, fmt::format("root '{}' names no bucket", root),
               "write root: \"s3://BUCKET\" or \"s3://BUCKET/FOLDER/\"");
  }
  if (!at.key.empty() && !at.key.ends_with('/')) {
    at.key += '/';
  }
  return at;
}

Result<Unit> check_bucket(std::string_view connection, std::string_view bucket) {
  if (bucket.empty()) {
    return fail(Code::bad_input, fmt::format("'{}://' names no bucket", connection),
                fmt::format("write {}://BUCKET/KEY", connection));
  }
  if (!is_bucket_name(bucket)) {
    return fail(Code::bad_input, fmt::format("'{}' is no name of a bucket", bucket),
                "a bucket's name has 3 to 63 lower-case letters, digits, '-' and '.'");
  }
  return Unit{};
}

Result<Located> Stores::open(std::string_view connection, const ConnectionConfig& config,
                             std::string_view rest) {
  Located located{.store = nullptr, .key = {std::string(rest)}, .ref = {.provider = "s3"}};
  located.base = fmt::format("{}://", connection);
  std::string prefix;
  if (const std::string_view root = config.settings.get_string("root"); !root.empty()) {
    TRY(BucketKey at, parse_root(connection, root));
    located.ref.bucket = std::move(at.bucket);
    prefix = std::move(at.key);
  } else {
    BucketKey split = split_bucket(rest);
    TRY_OK(check_bucket(connection, split.bucket));
    located.base += split.bucket + "/";
    located.ref.bucket = std::move(split.bucket);
    located.key.text = std::move(split.key);
  }
  TRY(located.store, store_of(connection, config, located.ref.bucket, prefix, located.base));
  located.ref.endpoint = config.settings.get_string("endpoint");
  located.root = prefix;
  located.ref.key = prefix + located.key.text;
  return located;
}

std::string describe_auth(const Value& wanted) {
  if (wanted.is_string() && wanted.as_string() == "none") {
    return "none: asked as nobody";
  }
  if (const std::string_view secret = wanted.get_string("secret"); !secret.empty()) {
    return fmt::format("secret '{}'", secret);
  }
  const std::string_view profile = wanted.get_string("profile");
  const std::string from =
      profile.empty() ? std::string("AWS's usual chain") : fmt::format("AWS profile '{}'", profile);
  const std::string_view role = wanted.get_string("role");
  return role.empty() ? from : fmt::format("role {}, by {}", role, from);
}

class S3Site final : public Site {
 public:
  S3Site(std::shared_ptr<Stores> stores, std::string connection, ConnectionConfig config,
         const Settings& service)
      : stores_(std::move(stores)), connection_(std::move(connection)), config_(std::move(config)) {
    const Client client(stores_->environment().http, nullptr, service, {});
    facts_ = {.url = fmt::format("{}://{}/", service.tls ? "https" : "http", client.bucket().host),
              .credentials = describe_auth(config_.settings["auth"]),
              .region = service.region,
              .one_bucket = !config_.settings.get_string("root").empty()};
  }

  const SiteFacts& facts() const override { return facts_; }

  Task<std::string> credentials(rt::Context& ctx) override {
    CO_TRY(const auto source, stores_->source_of(connection_, config_));
    CO_OK(co_await source->get(ctx));
    co_return source->found().empty() ? facts_.credentials : source->found();
  }

  Task<std::vector<std::string>> buckets(rt::Context& ctx) override {
    CO_TRY(const std::unique_ptr<Client> client, client_of(""));
    CO_TRY(const http::Reply reply,
           co_await client->fetch(ctx, sign::s3_request(client->bucket(), "GET"), facts_.url));
    co_return sign::parse_s3_buckets(reply.body);
  }

  Task<std::string> region(rt::Context& ctx, std::string bucket) override {
    CO_TRY(const std::unique_ptr<Client> client, client_of(std::move(bucket)));
    // A refusal, too, says where the bucket is.
    (void)co_await client->fetch(ctx, sign::s3_request(client->bucket(), "HEAD"), facts_.url);
    CO_OK(ctx.check());
    co_return client->settings().region;
  }

 private:
  Result<std::unique_ptr<Client>> client_of(std::string bucket) const {
    const Environment& env = stores_->environment();
    TRY(Settings settings, settings_of(connection_, config_.settings, env));
    TRY(auto source, stores_->source_of(connection_, config_));
    return std::make_unique<Client>(env.http, std::move(source), std::move(settings),
                                    std::move(bucket));
  }

  std::shared_ptr<Stores> stores_;
  std::string connection_;
  ConnectionConfig config_;
  SiteFacts facts_;
};

Result<std::shared_ptr<Site>> site_of(std::shared_ptr<Stores> stores, std::string_view connection,
                                      const ConnectionConfig& config) {
  TRY(const Settings service, service_of(connection, config.settings));
  return std::make_shared<S3Site>(std::move(stores), std::string(connection), config, service);
}

}  // namespace

Openers openers(Environment environment) {
  auto stores = std::make_shared<Stores>(std::move(environment));
  Openers out;
  out["s3"] = {
      .open = [stores](std::string_view name, const ConnectionConfig& config,
                       std::string_view rest) { return stores->open(name, config, rest); },
      .site = [stores](std::string_view name,
                       const ConnectionConfig& config) { return site_of(stores, name, config); }};
  return out;
}

}  // namespace tutti::cloud::s3
