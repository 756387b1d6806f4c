// SPDX-License-Identifier: Apache-2.0
// What Google Cloud Storage and its identities reply, and Google's files of credentials: what is
// accepted can be worked with.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "cloud/sign/gcs.h"
#include "cloud/sign/google_auth.h"

namespace {

using namespace tutti::cloud::sign;

void read_replies(std::string_view text) {
  if (const auto page = parse_gcs_page(text); page.has_value()) {
    for (const GcsObject& object : page->objects) {
      CHECK(!object.key.empty());
      CHECK(!object.generation.empty());
    }
  }
  if (const auto object = parse_gcs_object(text); object.has_value()) {
    CHECK(!object->key.empty());
  }
  if (const auto rewritten = parse_gcs_rewritten(text); rewritten.has_value()) {
    CHECK(rewritten->done ? rewritten->written.has_value() : !rewritten->token.empty());
  }
  std::ignore = parse_gcs_buckets(text);
  std::ignore = parse_gcs_persisted({{"range", std::string(text)}});
  std::ignore = parse_gcs_read("k", {{"x-goog-hash", std::string(text)},
                                     {"content-length", std::string(text)},
                                     {"content-range", std::string(text)}});
  CHECK(!gcs_error(parse_gcs_failure(400, {}, text), "gs://b/k").what.empty());
}

void read_credentials(std::string_view text) {
  std::ignore = parse_google_credentials(text);
  if (const auto token = parse_google_token(text); token.has_value()) {
    CHECK(token->valid.us > 0);
  }
  std::ignore = parse_google_impersonated(text, {});
  std::ignore = parse_google_subject(text, "token");
  CHECK(!google_token_error(400, text).what.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_replies(text);
  read_credentials(text);
  return 0;
}
