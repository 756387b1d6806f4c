// SPDX-License-Identifier: Apache-2.0
// What Google Cloud Storage and its identities reply, and Google's files of credentials: what is
// accepted can be worked with.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "cloud/sign/gcs.h"
#include "cloud/sign/google_auth.h"
#include "reply.h"

namespace {

using namespace tutti::cloud::sign;
using namespace tutti::fuzz;

// What an object has can be written, and reads the same then.
void check_object(const GcsObject& object) {
  CHECK(!object.key.empty());
  CHECK(!object.generation.empty());
  const bool is_kept = !object.retention.mode.empty() && has_date(object.retention.until);
  tutti::Value resource = gcs_resource({.content_type = object.content_type,
                                        .headers = object.headers,
                                        .metadata = object.metadata,
                                        .storage_class = object.storage_class,
                                        .retention = is_kept ? object.retention : GcsRetention{},
                                        .held = object.held,
                                        .digests = object.digests});
  resource.edit_map().set("name", object.key);
  resource.edit_map().set("generation", object.generation);
  resource.edit_map().set("size", std::to_string(object.size));
  resource.edit_map().set("updated", "2026-02-28T10:00:00Z");
  const auto again = parse_gcs_object(to_json(resource));
  CHECK(again.has_value());
  CHECK(again->key == object.key && again->size == object.size);
  CHECK(again->content_type == object.content_type && again->headers == object.headers);
  CHECK(again->metadata == object.metadata && again->storage_class == object.storage_class);
  CHECK(again->held == object.held && again->digests == object.digests);
  if (is_kept) {
    CHECK(again->retention.mode == object.retention.mode);
    CHECK(is_same_second(object.retention.until, again->retention.until));
  }
}

void read_replies(std::string_view text) {
  if (const auto page = parse_gcs_page(text); page.has_value()) {
    for (const GcsObject& object : page->objects) {
      check_object(object);
    }
  }
  if (const auto object = parse_gcs_object(text); object.has_value()) {
    check_object(*object);
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

void read_headers(std::string_view text) {
  const Pairs headers = headers_in(text);
  if (const auto object = parse_gcs_read("k", headers); object.has_value()) {
    CHECK(!object->generation.empty());
    const auto again = parse_gcs_read("k", {{"x-goog-generation", object->generation},
                                            {"content-length", std::to_string(object->size)},
                                            {"x-goog-hash", gcs_hash_header(object->digests)}});
    CHECK(again.has_value());
    CHECK(again->size == object->size);
    CHECK(again->digests == object->digests);
  }
  if (const auto bytes = parse_gcs_persisted(headers); bytes.has_value()) {
    CHECK((*bytes > 0) == (find_value(headers, "range") != nullptr));
  }
  const GcsFailure failure = parse_gcs_failure(503, headers, "");
  CHECK(failure.retry_after.value_or(tutti::Duration{}) >= tutti::Duration{});
  CHECK(!gcs_error(failure, "gs://b/k").what.empty());
}

void read_credentials(std::string_view text) {
  std::ignore = parse_google_credentials(text);
  if (const auto token = parse_google_token(text); token.has_value()) {
    CHECK(token->valid.us >= 0);  // 0: it has ended already, and is not used twice
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
  read_headers(text);
  read_credentials(text);
  return 0;
}
