// SPDX-License-Identifier: Apache-2.0
// What puts and parts have in common: the bytes of a Body as a request, with their checksum where
// the settings want it. Inside of s3.
#pragma once

#include "cloud/object_store.h"
#include "cloud/s3/client.h"

namespace tutti::cloud::s3 {

constexpr uint64_t put_bytes_max = 5ULL << 30U;
constexpr uint64_t part_bytes_min = 5ULL << 20U;
constexpr uint64_t copy_bytes_max = 5ULL << 30U;
// Held in memory to be digested first: costs less than a trailer's two more pieces.
constexpr uint64_t held_bytes_max = 256U << 10U;

// One body of known size on its way, however often it is tried.
class Sending {
 public:
  // `request` is made for each try.
  Sending(Client& client, std::function<sign::Request()> request, Body body);

  // What the service says of what it wrote. `corrupt` where that is something else.
  Task<sign::S3Object> send(rt::Context& ctx, std::string where);
  // How often it left, or may have.
  int tries() const { return tries_; }
  // Of the bytes, computed on the way, CRC32C first. After send() has succeeded.
  const std::vector<Digest>& digests() const { return held_ ? digests_ : reader_->digests(); }
  // Of the bytes, whatever became of them: read again where the service did not wait for the end.
  Task<Digest> crc(rt::Context& ctx);

 private:
  Task<Unit> prepare(rt::Context& ctx);
  Task<Unit> read_ahead(rt::Context& ctx);
  Task<std::shared_ptr<http::BodyReader>> read_whole(rt::Context& ctx, Hasher* md5) const;
  Task<Call> make(rt::Context& ctx);
  void add_checksum(sign::Request& request) const;

  Client& client_;
  std::function<sign::Request()> request_;
  Body body_;
  std::optional<std::string> held_;
  std::vector<Digest> digests_;  // of what was held, or read ahead; then MD5 is the last
  std::shared_ptr<http::BodyReader> reader_;
  int tries_ = 0;
};

// The headers of what makes an object: type, headers, metadata, tags, class, encryption.
// Of a request that copies what is encrypted with the customer's key: the key of the source, too.
void add_source_key(sign::Request& request, const Settings& settings);

void add_put_headers(sign::Request& request, const PutOptions& options, const Settings& settings);
void add_conditions(sign::Request& request, const PutOptions& options);

sign::S3Retention s3_retention(const std::optional<Retention>& retention);
ObjectMeta meta_of(Key key, const sign::S3Object& object);

}  // namespace tutti::cloud::s3
