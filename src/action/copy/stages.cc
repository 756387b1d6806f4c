// SPDX-License-Identifier: Apache-2.0
#include "action/copy/stages.h"

#include <algorithm>

#include <fmt/format.h>

namespace tutti::action {
namespace {

using xfer::stage::Key;
using xfer::stage::Kind;
using xfer::stage::Spec;

Result<Unit> check_map(const Value& value, std::string_view name,
                       const std::vector<std::string_view>& allowed, std::string_view form) {
  bool good = value.is_map() && !value.get_string("secret").empty();
  if (good) {
    for (const auto& [key, each] : value.as_map()) {
      good = good && each.is_string() && std::ranges::find(allowed, key) != allowed.end();
    }
  }
  return good ? Result<Unit>(Unit{})
              : fail(Code::bad_input, fmt::format("`{}` is not {}", name, form),
                     "the secret is the name of one that tutti.yaml declares");
}

Result<Key> key_param(const objects::Services& services, const Value& value, std::string_view name,
                      Keys keys) {
  if (keys == Keys::leave) {
    return Key();
  }
  const std::string secret(value.get_string("secret"));
  if (!services.secret) {
    return fail(Code::unsupported, fmt::format("`{}`: there are no secrets here", name));
  }
  TRY(const std::string text, services.secret(secret));
  auto key = Key::parse(text);
  return key.has_value() ? key
                         : fail(with_context(std::move(key).error(),
                                             fmt::format("`{}`, secret '{}'", name, secret)));
}

}  // namespace

Result<std::vector<Spec>> stages_param(const objects::Services& services, const Value& with,
                                       Keys keys) {
  std::vector<Spec> stages;
  if (const Value& decrypt = with["decrypt"]; !decrypt.is_null()) {
    TRY_OK(check_map(decrypt, "decrypt", {"secret"}, "{secret: NAME}"));
    TRY(const Key key, key_param(services, decrypt, "decrypt", keys));
    stages.push_back({.kind = Kind::decrypt, .key = key});
  }
  if (with.get_bool("decompress")) {
    stages.push_back({.kind = Kind::decompress});
  }
  TRY(const std::string compress, objects::text_param(with, "compress"));
  if (!compress.empty()) {
    TRY(stages.emplace_back(), xfer::stage::parse_compress(compress));
  }
  if (const Value& encrypt = with["encrypt"]; !encrypt.is_null()) {
    TRY_OK(check_map(encrypt, "encrypt", {"with", "secret"},
                     "{with: aes-256-gcm or fernet, secret: NAME}"));
    TRY(const Key key, key_param(services, encrypt, "encrypt", keys));
    TRY(stages.emplace_back(), xfer::stage::parse_encrypt(encrypt.get_string("with"), key));
  }
  return stages;
}

void add_stage_params(Schema& schema) {
  const std::vector<Param> params{
      {.name = "compress",
       .doc = "zstd or gzip, or with a level: zstd:19. Names below a prefix get .zst or .gz."},
      {.name = "decompress",
       .kind = ParamKind::boolean,
       .doc = "zstd or gzip, as the first bytes say; .zst or .gz is taken off names.",
       .fallback = "false"},
      {.name = "encrypt",
       .kind = ParamKind::map,
       .doc = "{with: aes-256-gcm or fernet, secret: NAME}; names get .tgcm or .fernet."},
      {.name = "decrypt",
       .kind = ParamKind::map,
       .doc = "{secret: NAME}; .tgcm or .fernet is taken off names."},
      {.name = "keep_names",
       .kind = ParamKind::boolean,
       .doc = "Names stay as they are, whatever is done to the bytes.",
       .fallback = "false"}};
  schema.params.insert(schema.params.end(), params.begin(), params.end());
}

}  // namespace tutti::action
