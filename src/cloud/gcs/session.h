// SPDX-License-Identifier: Apache-2.0
// Session: a resumable upload. Chunks go in order; where one is cut off, or the service kept less
// than it was sent, the service is asked how far it is, and the rest is sent again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/gcs/client.h"
#include "cloud/gcs/reading.h"

namespace tutti::cloud::gcs {

class Session {
 public:
  // `start`: a gcs_upload_request of the type "resumable".
  static Task<std::unique_ptr<Session>> begin(rt::Context& ctx, Client& client, Call start);

  // One that another process began at this url(). not_found: it is complete, or forgotten.
  static Task<std::unique_ptr<Session>> resume(rt::Context& ctx, Client& client, std::string url,
                                               std::string where);

  // The bytes from `offset`, the next after those before; a multiple of gcs_chunk_unit.
  Task<Unit> send(rt::Context& ctx, std::shared_ptr<const std::string> bytes, uint64_t offset);
  // The first `bytes` of a body that begins at `offset`, in one request that holds none of them; a
  // multiple of gcs_chunk_unit.
  Task<Unit> send(rt::Context& ctx, std::shared_ptr<Reading> body, uint64_t offset, uint64_t bytes);
  // As many of a body that ends the object as leave some for finish(): those it returns.
  Task<std::string> send_but_last(rt::Context& ctx, std::shared_ptr<Reading> body, uint64_t offset);
  // The last ones, possibly none. The service compares `digests` with all it has before the object
  // becomes visible: `corrupt`.
  Task<sign::GcsObject> finish(rt::Context& ctx, std::shared_ptr<const std::string> bytes,
                               uint64_t offset, std::vector<Digest> digests);
  // The service forgets what it has.
  Task<Unit> abandon(rt::Context& ctx);

  // Whoever has it can write the object: a secret.
  std::string url() const;
  // Bytes the service has, as far as it was asked.
  uint64_t persisted() const { return persisted_; }
  // The service has lost the session, or bytes it had: all must be sent anew.
  bool lost() const { return lost_; }
  // finish() failed, but the last bytes were sent: the object may be there.
  bool maybe_done() const { return maybe_done_; }

 private:
  // What is being sent, and what the service has of the whole.
  struct Chunk {
    std::shared_ptr<const std::string> bytes = nullptr;
    std::shared_ptr<Reading> reading = nullptr;  // instead of `bytes`
    uint64_t offset = 0;
    uint64_t size = 0;
    bool last = false;
    std::vector<Digest> digests = {};
    uint64_t end() const { return offset + size; }
  };

  Session(Client& client, std::string where) : client_(client), where_(std::move(where)) {}
  Task<http::Reply> once(rt::Context& ctx, Call call);
  Task<Unit> locate(rt::Context& ctx);
  Task<Unit> deliver(rt::Context& ctx, Chunk chunk);
  Task<Unit> deliver_once(rt::Context& ctx, Chunk chunk);
  Task<Call> call_of(rt::Context& ctx, Chunk chunk);
  Call status_call() const;
  Result<Unit> take(const http::Reply& reply, const Chunk& chunk);
  Result<Unit> set_url(const std::string& url);

  Client& client_;
  std::string where_;
  sign::Request put_;       // to the session's URL
  uint64_t persisted_ = 0;  // bytes the service has
  uint64_t resumed_ = 0;    // of them, those another process had sent
  bool unsure_ = false;     // ask before sending
  bool maybe_done_ = false;
  bool lost_ = false;
  std::optional<sign::GcsObject> written_;  // complete
};

}  // namespace tutti::cloud::gcs
