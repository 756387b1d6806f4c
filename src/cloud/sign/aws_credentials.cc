// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/aws_credentials.h"

#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <pugixml.hpp>

#include "base/check.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/trim.h"
#include "base/value.h"

namespace tutti::cloud::sign {
namespace {

void parse_ini(std::string_view text, std::string_view profile_prefix, AwsSections& into) {
  std::map<std::string, std::string>* section = nullptr;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') {
      continue;
    }
    if (line.front() == '[' && line.back() == ']') {
      std::string_view name = trimmed(line.substr(1, line.size() - 2));
      if (!profile_prefix.empty() && name.starts_with(profile_prefix)) {
        name = trimmed(name.substr(profile_prefix.size()));
      }
      section = &into[std::string(name)];
      continue;
    }
    const size_t equals = line.find('=');
    const bool nested = raw.front() == ' ' || raw.front() == '\t';  // "s3 =" has lines of its own
    if (section != nullptr && equals != std::string_view::npos && !nested) {
      std::string_view value = trimmed(line.substr(equals + 1));
      if (const size_t comment = value.find(" #"); comment != std::string_view::npos) {
        value = trimmed(value.substr(0, comment));
      }
      (*section)[std::string(trimmed(line.substr(0, equals)))] = value;
    }
  }
}

Result<AwsTemporary> complete(AwsTemporary found) {
  if (found.credentials.access_key_id.empty() || found.credentials.secret_access_key.empty()) {
    return fail(Code::denied, "the reply holds no access key");
  }
  return found;
}

std::optional<Instant> instant_in(std::string_view text) {
  const auto instant = parse_instant(text);
  return instant.has_value() ? std::optional(*instant) : std::nullopt;
}

std::string host_of(std::string_view service, std::string_view region) {
  const std::string_view partition = region.starts_with("cn-") ? ".cn" : "";
  return fmt::format("{}.{}.amazonaws.com{}", service, region, partition);
}

// Older command lines wrote "2020-06-15T10:00:00UTC".
std::optional<Instant> sso_instant(std::string_view text) {
  if (text.ends_with("UTC")) {
    text.remove_suffix(3);
  }
  return instant_in(text);
}

// "2020-06-15T10:00:00Z": some of the tools that read the file know no other form.
std::string sso_text(Instant instant) {
  const std::string text = to_text(Instant{instant.us - instant.us % 1'000'000});
  return text.substr(0, text.find('+')) + "Z";
}

}  // namespace

AwsSections parse_aws_files(std::string_view config, std::string_view credentials) {
  AwsSections sections;
  parse_ini(config, "profile ", sections);
  parse_ini(credentials, "", sections);
  return sections;
}

Result<std::vector<std::string>> split_command(std::string_view command) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  const auto add = [&](char c) {
    if (!in_word) {
      words.emplace_back();
      in_word = true;
    }
    words.back() += c;
  };
  for (size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (c == '\\' && quote != '\'' && i + 1 < command.size()) {
      add(command[++i]);
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        add(c);
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      if (!in_word) {  // it may be empty
        words.emplace_back();
        in_word = true;
      }
    } else if (c == ' ' || c == '\t') {
      in_word = false;
    } else {
      add(c);
    }
  }
  if (quote != 0 || words.empty()) {
    return fail(Code::bad_input,
                words.empty() ? "the command is empty" : "a quote of the command has no end",
                "write PROGRAM ARGUMENT..., with quotes around what has blanks");
  }
  return words;
}

Result<AwsTemporary> parse_aws_credentials(std::string_view json) {
  const auto value = parse_json(json);
  if (!value.has_value()) {
    return fail(Code::denied, "the reply with the credentials is no JSON");
  }
  AwsTemporary found;
  found.credentials.access_key_id = value->get_string("AccessKeyId");
  found.credentials.secret_access_key = value->get_string("SecretAccessKey");
  found.credentials.session_token = value->get_string("SessionToken", value->get_string("Token"));
  found.expires = instant_in(value->get_string("Expiration"));
  return complete(std::move(found));
}

Result<AwsTemporary> parse_sts_credentials(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8)) {
    return fail(Code::unavailable, "the reply of STS is no XML");
  }
  const pugi::xml_node root = document.document_element();
  const pugi::xml_node node = root.first_child().child("Credentials");
  AwsTemporary found;
  found.credentials = {.access_key_id = node.child_value("AccessKeyId"),
                       .secret_access_key = node.child_value("SecretAccessKey"),
                       .session_token = node.child_value("SessionToken")};
  found.expires = instant_in(node.child_value("Expiration"));
  return complete(std::move(found));
}

std::string parse_sts_failure(std::string_view xml) {
  pugi::xml_document document;
  if (document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8)) {
    const pugi::xml_node error = document.document_element().child("Error");
    if (const std::string_view code = error.child_value("Code"); !code.empty()) {
      return fmt::format("{}: {}", code, error.child_value("Message"));
    }
  }
  return "it gave no reason";
}

AwsCall sts_assume_role(std::string_view region, const AwsRole& role) {
  Pairs form = {
      {"Version", "2011-06-15"}, {"RoleArn", role.arn}, {"RoleSessionName", role.session}};
  if (role.web_token.empty()) {
    form.emplace_back("Action", "AssumeRole");
    if (!role.external_id.empty()) {
      form.emplace_back("ExternalId", role.external_id);
    }
  } else {
    form.emplace_back("Action", "AssumeRoleWithWebIdentity");
    form.emplace_back("WebIdentityToken", role.web_token);
  }
  return {.request = {.method = "POST",
                      .host = host_of("sts", region),
                      .headers = {{"content-type", "application/x-www-form-urlencoded"}}},
          .body = encode_query(form)};
}

// ---- single sign-on

std::string sso_cache_file(std::string_view session_or_start_url) {
  std::array<char, EVP_MAX_MD_SIZE> sha1{};
  unsigned int size = 0;
  CHECK(EVP_Digest(session_or_start_url.data(), session_or_start_url.size(),
                   reinterpret_cast<unsigned char*>(sha1.data()), &size, EVP_sha1(), nullptr) == 1);
  return hex_encode({sha1.data(), size}) + ".json";
}

bool SsoLogin::is_good(Instant at) const { return !expires || *expires > at; }

bool SsoLogin::is_renewable(Instant at) const {
  return !refresh_token.empty() && !client_id.empty() && !client_secret.empty() &&
         registered_until && *registered_until > at;
}

Result<SsoLogin> parse_sso_login(std::string_view file) {
  const auto value = parse_json(file);
  if (!value.has_value() || value->get_string("accessToken").empty()) {
    return fail(Code::denied, "the file holds no login");
  }
  return SsoLogin{.access_token = std::string(value->get_string("accessToken")),
                  .expires = sso_instant(value->get_string("expiresAt")),
                  .refresh_token = std::string(value->get_string("refreshToken")),
                  .client_id = std::string(value->get_string("clientId")),
                  .client_secret = std::string(value->get_string("clientSecret")),
                  .registered_until = sso_instant(value->get_string("registrationExpiresAt"))};
}

Request sso_role_request(std::string_view region, const SsoRole& role, const SsoLogin& login) {
  return {.host = host_of("portal.sso", region),
          .path = "/federation/credentials",
          .query = {{"role_name", role.name}, {"account_id", role.account}},
          .headers = {{"x-amz-sso_bearer_token", login.access_token}}};
}

Result<AwsTemporary> parse_sso_credentials(std::string_view json) {
  const auto value = parse_json(json);
  if (!value.has_value()) {
    return fail(Code::denied, "the reply with the credentials is no JSON");
  }
  const Value& role = (*value)["roleCredentials"];
  AwsTemporary found;
  found.credentials.access_key_id = role.get_string("accessKeyId");
  found.credentials.secret_access_key = role.get_string("secretAccessKey");
  found.credentials.session_token = role.get_string("sessionToken");
  constexpr int64_t end_max_ms = 253'402'300'800'000;  // the year 10000
  if (const int64_t ms = role.get_int("expiration"); ms > 0 && ms < end_max_ms) {
    found.expires = Instant{} + milliseconds(ms);
  }
  return complete(std::move(found));
}

AwsCall sso_renewal(std::string_view region, const SsoLogin& login) {
  return {.request = {.method = "POST",
                      .host = host_of("oidc", region),
                      .path = "/token",
                      .headers = {{"content-type", "application/json"}}},
          .body = to_json(Value::of({{"clientId", login.client_id},
                                     {"clientSecret", login.client_secret},
                                     {"grantType", "refresh_token"},
                                     {"refreshToken", login.refresh_token}}))};
}

Result<std::string> renewed_sso_file(std::string_view file, std::string_view reply, Instant asked) {
  auto login = parse_json(file);
  const auto given = parse_json(reply);
  const int64_t valid_s = given.has_value() ? given->get_int("expiresIn") : 0;
  constexpr int64_t valid_s_max = 10LL * 365 * 24 * 3600;  // no more is believed
  if (!login.has_value() || !login->is_map() || valid_s <= 0 || valid_s > valid_s_max ||
      given->get_string("accessToken").empty()) {
    return fail(Code::denied, "the reply of SSO holds no token");
  }
  ValueMap& members = login->edit_map();
  members.set("accessToken", given->get_string("accessToken"));
  members.set("expiresAt", sso_text(asked + seconds(valid_s)));
  // Where none comes along the one that was sent stays in use (RFC 6749, section 6).
  if (const std::string_view next = given->get_string("refreshToken"); !next.empty()) {
    members.set("refreshToken", next);
  }
  return to_json(*login);
}

}  // namespace tutti::cloud::sign
