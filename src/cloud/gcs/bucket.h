// SPDX-License-Identifier: Apache-2.0
// Bucket: what can be done with the objects of one bucket, by their names. Knows how an object is
// written; nothing of etags and parts, which are the store's. A service; one loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/gcs/client.h"
#include "cloud/gcs/gcs.h"
#include "cloud/gcs/session.h"
#include "cloud/http/holding.h"
#include "cloud/http/request_body.h"

namespace tutti::cloud::gcs {

struct Written {
  sign::GcsObject object;
  std::vector<Digest> digests;  // all that is known of the bytes; CRC32C first
};

class Bucket {
 public:
  Bucket(net::HttpClient& http, StoreOptions options);

  const StoreOptions& options() const { return options_; }

  // `generation`: this version; empty: the live one.
  Task<sign::GcsObject> stat(rt::Context& ctx, std::string name, std::string generation = {});
  Task<sign::GcsPage> list(rt::Context& ctx, sign::GcsListing listing);
  // The reply's bytes are those of `read`; outlived by the bucket.
  Task<http::Incoming> read(rt::Context& ctx, std::string name, sign::GcsRead read);

  // Conditions are generations as GcsService has them: "0" for none there, "" for anything.
  struct Target {
    std::string name;
    std::string if_generation = {};
    sign::GcsWrite write = {};
  };
  // `corrupt` where the bytes are not as announced; nothing is there then.
  Task<Written> write(rt::Context& ctx, Target target, Body body);
  // The same of what nobody sees before it is proven, and nobody else writes: in one request, and
  // compared afterwards. `body`: of a known size, not one_shot.
  Task<Written> write_component(rt::Context& ctx, Target target, Body body);
  // A write in steps: the bytes go into the session, the last ones with finish_session.
  Task<std::unique_ptr<Session>> begin_session(rt::Context& ctx, Target target);
  Task<std::unique_ptr<Session>> resume_session(rt::Context& ctx, std::string name,
                                                std::string url);
  struct Last {
    std::shared_ptr<const std::string> bytes;  // possibly none
    uint64_t offset = 0;
    std::vector<Digest> digests;  // of all bytes, CRC32C first
  };
  // `target`: as it was begun. After a failure the session is as it was, unless it is maybe_done().
  Task<Written> finish_session(rt::Context& ctx, Session& session, Target target, Last last);
  // Of at most gcs_components_max. `expected`: size and CRC32C of the whole.
  struct Whole {
    uint64_t size = 0;
    Digest crc;
  };
  Task<sign::GcsObject> compose(rt::Context& ctx, Target target,
                                std::vector<sign::GcsComponent> components, Whole expected);
  // `source`: as it was looked at; that version is copied. `anew`: with what the target says, else
  // with all the source has.
  Task<sign::GcsObject> copy(rt::Context& ctx, std::string from_bucket, sign::GcsObject source,
                             Target target, bool anew);
  // What is not there is no error, but under a condition: conflict.
  Task<Unit> remove(rt::Context& ctx, std::string name, std::string if_generation);
  // That version for ever; where it was live, nothing is any more.
  Task<Unit> remove_version(rt::Context& ctx, std::string name, std::string generation);
  // `body`: what is to be changed of its resource.
  struct Change {
    std::string body;
    std::string generation = {};
    bool override_unlocked = false;  // of a retention
  };
  Task<Unit> change(rt::Context& ctx, std::string name, Change change);

  // The bucket itself.
  Task<Unit> create(rt::Context& ctx);
  Task<Unit> remove(rt::Context& ctx);
  // A URL by which anybody can send `method` for the object.
  Task<std::string> presign(rt::Context& ctx, std::string method, std::string name, Duration valid);

 private:
  Task<bool> try_remove(rt::Context& ctx, std::string name, sign::Pairs query, Tried* tried);
  Task<Written> write_in_one(rt::Context& ctx, Target target, std::string bytes,
                             std::vector<Digest> digests);
  Task<Written> write_component_once(rt::Context& ctx, Target target, Body body, Tried* tried);
  struct Piece {
    std::shared_ptr<const std::string> bytes;
    bool last = false;
  };
  // Takes a body apart; what it gives is chunk_bytes long, but the last.
  class Cutter;
  Task<Written> send_all(rt::Context& ctx, Session& session, Target target, Piece first,
                         Cutter& cutter);
  Task<Written> write_in_session(rt::Context& ctx, Target target, Piece first, Cutter& cutter,
                                 bool* lost);
  Task<Written> send_through(rt::Context& ctx, Session& session, Target target,
                             std::shared_ptr<Reading> body);
  Task<Written> write_through(rt::Context& ctx, Target target, Body body, bool* lost);
  // After a failure. `lost`: whether all of it can be sent anew at once.
  Task<Unit> give_up(rt::Context& ctx, Session& session, bool* lost);
  Task<Written> write_held(rt::Context& ctx, Target target, Body body, bool* lost);
  Task<Written> write_once(rt::Context& ctx, Target target, Body body, bool* lost);
  Task<sign::GcsObject> settle(rt::Context& ctx, Result<sign::GcsObject> outcome, Target target,
                               Whole whole, bool look);
  Task<sign::GcsObject> proven(rt::Context& ctx, sign::GcsObject object, Whole whole);
  Call call(sign::Request request, std::string_view name) const;
  Call upload_call(const Target& target, std::string_view type) const;

  StoreOptions options_;
  Client client_;
  http::Holding holding_;
};

}  // namespace tutti::cloud::gcs
