// SPDX-License-Identifier: Apache-2.0
// Reading: a body on its way into a session, from where it comes straight to the service: bytes are
// not kept to be sent again. Where the service kept fewer than it was sent, the body is opened anew
// and read up to there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/http/request_body.h"

namespace tutti::cloud::gcs {

// One coroutine at a time. What it holds is one chunk of the body.
class Reading : public std::enable_shared_from_this<Reading> {
 public:
  // `body`: of a known size, and not one_shot.
  explicit Reading(Body body) : body_(std::move(body)) {}

  uint64_t size() const { return *body_.size; }
  // The bytes [from, to) as the body of a request; that of a stretch before is of no use any more.
  Task<std::shared_ptr<net::HttpSource>> stretch(rt::Context& ctx, uint64_t from, uint64_t to);
  // The bytes from there to the end, in memory.
  Task<std::string> rest(rt::Context& ctx, uint64_t from);
  // After the rest: of the whole body, CRC32C first. Before: none.
  const std::vector<Digest>& digests() const { return digests_; }

 private:
  class Stretch;
  // The next bytes below `to`; none: all of them were given. Good until the next call.
  Task<Chunk> next(rt::Context& ctx, uint64_t to);
  Task<Unit> seek(rt::Context& ctx, uint64_t at);

  Body body_;
  std::unique_ptr<http::BodyReader> reader_;  // none: to be opened, from the start
  Chunk left_;                                // read, and not given yet
  uint64_t at_ = 0;                           // of the next byte
  std::vector<Digest> digests_;
};

}  // namespace tutti::cloud::gcs
