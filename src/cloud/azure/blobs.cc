// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "cloud/azure/store.h"
#include "cloud/body.h"
#include "cloud/body_check.h"

namespace tutti::cloud::azure {
namespace {

Capabilities capabilities_of() {
  Capabilities can;
  can.provider = "azure";
  can.far = true;
  can.copies_between = true;
  can.pulls_urls = true;
  can.versions = true;
  can.locks = true;
  can.archives = true;
  can.object_bytes_max = 50'000 * (uint64_t{4000} << 20U);  // blocks of 4000 MiB
  can.parts_max = 50'000;
  can.metadata_bytes_max = 4096;  // of 8 KiB: encoded values are longer, and ours are noted too
  can.tags = {
      .count_max = 10, .name_letters_max = 128, .value_letters_max = 256, .ascii_only = true};
  can.keeps_digests = {DigestKind::crc32c, DigestKind::sha256, DigestKind::crc64nvme,
                       DigestKind::md5};
  can.storage_classes = {"Hot", "Cool", "Cold", "Archive"};
  can.note =
      "names have no backslash, no control character and no segment that ends with a dot; digests "
      "are kept as metadata";
  return can;
}

// The service and what stands before it take such names for others.
Result<Unit> check_name(std::string_view name) {
  const bool plain = std::ranges::all_of(
      name, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f && c != '\\'; });
  bool dots = name.ends_with('.') || name.contains("./");
  constexpr std::ptrdiff_t segments_max = 254;
  if (!plain || dots || std::ranges::count(name, '/') >= segments_max) {
    return fail(Code::bad_input, "Azure does not keep every name, and would change this one",
                "use names without backslash and control characters, whose segments do not end "
                "with a dot");
  }
  return Unit{};
}

}  // namespace

Blobs::Blobs(Environment environment, std::unique_ptr<Sender> sender, Place place)
    : environment_(std::move(environment)),
      sender_(std::move(sender)),
      place_(std::move(place)),
      can_(capabilities_of()) {}

Error Blobs::at(const Key& key, Error error) const {
  error.where = where(key);
  return error;
}

Result<Unit> Blobs::check(const Key& key) const {
  auto good = check_key(key, can_.key_bytes_max);
  return good.has_value() ? good : fail(at(key, std::move(good).error()));
}

Result<Unit> Blobs::check_write(const Key& key, const PutOptions& options) const {
  TRY_OK(check(key));
  auto good = check_name(key.text);
  if (good.has_value()) {
    good = check_put_options(options, can_);
  }
  return good.has_value() ? good : fail(at(key, std::move(good).error()));
}

Task<sign::AzureBlob> Blobs::look(rt::Context& ctx, Key key, std::string version) {
  sign::Request request = sign::azure_blob_request(place_.container, "HEAD", key.text);
  if (!version.empty()) {
    request.query.emplace_back("versionid", std::move(version));
  }
  CO_TRY(const http::Reply reply,
         co_await sender_->reply(ctx, {.request = std::move(request), .where = where(key)}));
  co_return sign::parse_azure_blob(reply.headers);
}

Task<ObjectMeta> Blobs::write(rt::Context& ctx, Key key, Notes notes, uint64_t size,
                              sign::Request request, std::string body) {
  Tries tries;
  auto reply = co_await sender_->reply(ctx,
                                       {.request = std::move(request),
                                        .where = where(key),
                                        .body = std::move(body),
                                        .decisive = true},
                                       tries);
  if (reply.has_value()) {
    const sign::AzureWritten written = sign::parse_azure_written(reply->headers);
    co_return meta_of(notes, std::move(key), size, written);
  }
  Error error = std::move(reply).error();
  if (error.provider_code == "BlobNotFound" && !notes.options.if_match.empty()) {
    error.code = Code::conflict;
    error.what = "the blob to replace is gone";
  }
  if (error.code == Code::conflict && tries.uncertain) {
    auto blob = co_await look(ctx, key);
    if (blob.has_value() && has_mark(*blob, notes.mark)) {
      co_return meta_of(std::move(*blob), std::move(key));
    }
  }
  co_return fail(std::move(error));
}

}  // namespace tutti::cloud::azure
