// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/azure_key.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/digest.h"
#include "base/encode.h"
#include "base/hmac.h"
#include "base/http_date.h"
#include "cloud/sign/fields.h"

namespace tutti::cloud::sign {
namespace {

std::string signature(std::string_view key, std::string_view text) {
  return base64_encode(hmac_sha256(key, text));
}

// The service orders headers as words are ordered, not bytes: hyphens do not count, and '_' stands
// before digits and letters. Names of metadata may have both.
std::string order_of(std::string_view header) {
  std::string key(header);
  std::erase(key, '-');
  std::ranges::replace(key, '_', '!');
  return key;
}

std::string canonical_headers(const Pairs& headers) {
  std::map<std::string, const Pairs::value_type*> sorted;
  for (const auto& header : headers) {
    if (header.first.starts_with("x-ms-")) {
      sorted.emplace(order_of(header.first), &header);
    }
  }
  std::string out;
  for (const auto& [order, header] : sorted) {
    out += header->first + ":" + header->second + "\n";
  }
  return out;
}

std::string canonical_query(Pairs query) {
  std::ranges::sort(query);
  std::string out;
  for (const auto& [name, value] : query) {
    out += "\n" + name + ":" + value;
  }
  return out;
}

std::string_view kind_of(const AzureResource& resource) {
  if (resource.blob.empty()) {
    return "c";
  }
  if (!resource.snapshot.empty()) {
    return "bs";
  }
  return resource.version.empty() ? "b" : "bv";
}

std::string canonical_name(std::string_view account, const AzureResource& resource) {
  return fmt::format("/blob/{}/{}{}{}", account, resource.container,
                     resource.blob.empty() ? "" : "/", resource.blob);
}

// The query of a SAS and what is signed grow together; what is empty is signed, but not sent.
class SasWriter {
 public:
  void add(std::string name, std::string value) {
    sign(value);
    if (!value.empty()) {
      query_.emplace_back(std::move(name), std::move(value));
    }
  }
  void sign(std::string_view value) {
    text_ += first_ ? "" : "\n";
    text_ += value;
    first_ = false;
  }
  void add_times(const AzureSas& sas) {
    add("st", sas.start ? azure_time(*sas.start) : "");
    add("se", azure_time(sas.expiry));
  }
  // The fields a service SAS and a user delegation SAS end with.
  void add_rest(const AzureResource& resource, const AzureSas& sas) {
    add_origin(sas);
    add("sr", std::string(kind_of(resource)));
    sign(resource.snapshot.empty() ? resource.version : resource.snapshot);
    constexpr int scope_and_reply_headers = 6;  // ses, rscc, rscd, rsce, rscl, rsct
    for (int i = 0; i < scope_and_reply_headers; ++i) {
      sign("");
    }
  }
  void add_origin(const AzureSas& sas) {
    add("sip", sas.ip);
    add("spr", sas.https_only ? "https" : "https,http");
    add("sv", std::string(azure_version));
  }
  Pairs finish(std::string_view key) {
    query_.emplace_back("sig", signature(key, text_));
    return std::move(query_);
  }

 private:
  Pairs query_;
  std::string text_;
  bool first_ = true;
};

}  // namespace

std::string azure_time(Instant instant) {
  constexpr size_t seconds_end = 19;
  return to_text(instant).substr(0, seconds_end) + "Z";
}

Result<AzureKey> azure_key(std::string account, std::string_view base64) {
  auto key = base64_decode(base64);
  if (account.empty() || !key.has_value() || key->empty()) {
    return fail(Code::bad_input,
                account.empty() ? "an account key without the account's name"
                                : fmt::format("the key of account '{}' is no base64", account),
                "copy the key of the storage account whole, as the portal shows it");
  }
  return AzureKey{.account = std::move(account), .key = std::move(*key)};
}

std::string azure_string_to_sign(const Request& request, std::string_view account,
                                 uint64_t body_bytes) {
  const Pairs& headers = request.headers;
  constexpr std::array before_length{"content-encoding", "content-language"};
  constexpr std::array after_length{"content-md5",         "content-type", "date",
                                    "if-modified-since",   "if-match",     "if-none-match",
                                    "if-unmodified-since", "range"};
  std::string out = request.method + "\n";
  for (const char* name : before_length) {
    out += value_of(headers, name) + "\n";
  }
  out += (body_bytes == 0 ? "" : std::to_string(body_bytes)) + "\n";
  for (const char* name : after_length) {
    out += value_of(headers, name) + "\n";
  }
  return out + canonical_headers(headers) + fmt::format("/{}{}", account, request.path) +
         canonical_query(request.query);
}

void azure_sign(Request& request, const AzureKey& key, Instant now, uint64_t body_bytes) {
  set_value(request.headers, "x-ms-date", http_date(now));
  set_value(
      request.headers, "authorization",
      fmt::format("SharedKey {}:{}", key.account,
                  signature(key.key, azure_string_to_sign(request, key.account, body_bytes))));
}

Pairs azure_service_sas(const AzureKey& key, const AzureResource& resource, const AzureSas& sas) {
  SasWriter out;
  out.add("sp", sas.permissions);
  out.add_times(sas);
  out.sign(canonical_name(key.account, resource));
  out.sign("");  // si: no stored policy
  out.add_rest(resource, sas);
  return out.finish(key.key);
}

Pairs azure_delegation_sas(std::string_view account, const AzureDelegationKey& key,
                           const AzureResource& resource, const AzureSas& sas) {
  SasWriter out;
  out.add("sp", sas.permissions);
  out.add_times(sas);
  out.sign(canonical_name(account, resource));
  out.add("skoid", key.object_id);
  out.add("sktid", key.tenant_id);
  out.add("skt", key.start);
  out.add("ske", key.expiry);
  out.add("sks", key.service);
  out.add("skv", key.version);
  constexpr int other_people = 3;  // saoid, suoid, scid
  for (int i = 0; i < other_people; ++i) {
    out.sign("");
  }
  out.add_rest(resource, sas);
  return out.finish(key.key);
}

Pairs azure_account_sas(const AzureKey& key, std::string_view kinds, const AzureSas& sas) {
  SasWriter out;
  out.sign(key.account);
  out.add("sp", sas.permissions);
  out.add("ss", "b");
  out.add("srt", std::string(kinds));
  out.add_times(sas);
  out.add_origin(sas);
  out.sign("");  // ses: no encryption scope
  out.sign("");  // here the last field ends its line too
  return out.finish(key.key);
}

Result<Pairs> parse_azure_sas(std::string_view text) {
  text.remove_prefix(text.find('?') == std::string_view::npos ? 0 : text.find('?') + 1);
  Pairs sas;
  while (!text.empty()) {
    const std::string_view each = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), each.size() + 1));
    const size_t equals = std::min(each.find('='), each.size());
    auto name = percent_decode(each.substr(0, equals));
    auto value = percent_decode(each.substr(std::min(each.size(), equals + 1)));
    if (equals > 0 && name.has_value() && value.has_value()) {
      sas.emplace_back(std::move(*name), std::move(*value));
    }
  }
  if (find_value(sas, "sig") == nullptr || find_value(sas, "sv") == nullptr) {
    return fail(Code::bad_input, "the SAS token has no signature (sig) or no version (sv)",
                "copy the token whole: sv=...&sig=..., and quote it where a shell reads it");
  }
  return sas;
}

std::optional<Instant> azure_sas_expiry(const Pairs& sas) {
  const std::string* text = find_value(sas, "se");
  const auto at = text == nullptr ? Result<Instant>(Instant{}) : parse_instant(*text);
  return text != nullptr && at.has_value() ? std::optional(*at) : std::nullopt;
}

void azure_add_sas(Request& request, const Pairs& sas) {
  for (const auto& [name, value] : sas) {
    set_value(request.query, name, value);
  }
}

}  // namespace tutti::cloud::sign
