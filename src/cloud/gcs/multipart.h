// SPDX-License-Identifier: Apache-2.0
// Multipart: an object in one request: what is said of it, its bytes straight from where they come,
// and the end.
#pragma once

#include <memory>
#include <string>

#include "cloud/http/request_body.h"
#include "cloud/sign/gcs.h"

namespace tutti::cloud::gcs {

class Multipart final : public net::HttpSource {
 public:
  // Of `bytes` bytes of the reader.
  Multipart(sign::GcsMultipart around, std::shared_ptr<http::BodyReader> reader, uint64_t bytes)
      : around_(std::move(around)), body_(std::move(reader), bytes) {}
  uint64_t size() const override {
    return around_.head.size() + body_.size() + around_.tail.size();
  }
  Task<std::span<const std::byte>> next(rt::Context& ctx) override;

 private:
  sign::GcsMultipart around_;
  http::PlainBody body_;
  bool begun_ = false;
  uint64_t given_ = 0;  // of the body
};

}  // namespace tutti::cloud::gcs
