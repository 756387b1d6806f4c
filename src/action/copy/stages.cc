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

Param key_member() {
  return {.name = "secret",
          .kind = ParamKind::secret,
          .doc = "The secret that holds the key.",
          .required = true};
}

// What xfer refuses for the same reasons (staged.h).
void add_clashes(Schema& schema) {
  const std::vector<std::string> stages{"compress", "decompress", "encrypt", "decrypt"};
  const std::vector<std::string> strips{"decompress", "decrypt"};
  const std::string no_order =
      "only in the order of the names it shows which of them become the same when their endings "
      "are taken off";
  schema.clashes = {
      {.together = {{.params = stages}, {.params = {"if_exists"}, .values = {"verify"}}},
       .why = "what is there cannot be compared with bytes that are changed on their way",
       .remedy = "if_exists: skip leaves what is there, replace writes it anew"},
      {.together = {{.params = {"order"}, .values = {"name"}, .but = true}, {.params = strips}},
       .unless = {"keep_names"},
       .why = no_order,
       .remedy = "leave the order out, or keep the names"},
      {.together = {{.params = {"first"}}, {.params = strips}},
       .unless = {"keep_names"},
       .why = no_order,
       .remedy = "leave it out, or keep the names"},
      {.together = {{.params = {"keep_names"}}},
       .unless = stages,
       .why = "nothing would change names",
       .remedy = "leave it out"}};
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
       .doc = "Names get .tgcm or .fernet.",
       .members = {{.name = "with",
                    .doc = "The cipher.",
                    .required = true,
                    .choices = {"aes-256-gcm", "fernet"}},
                   key_member()}},
      {.name = "decrypt",
       .kind = ParamKind::map,
       .doc = ".tgcm or .fernet is taken off names.",
       .members = {key_member()}},
      {.name = "keep_names",
       .kind = ParamKind::boolean,
       .doc = "Names stay as they are, whatever is done to the bytes.",
       .fallback = "false"}};
  schema.params.insert(schema.params.end(), params.begin(), params.end());
  add_clashes(schema);
}

}  // namespace tutti::action
