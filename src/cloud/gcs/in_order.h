// SPDX-License-Identifier: Apache-2.0
// InOrderUpload: an object in parts that come one after the other, as one resumable upload: one
// write for the service where components are one each, and one more to compose them. Nothing is
// left behind but the session, which the service forgets within a week.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/gcs/store.h"

namespace tutti::cloud::gcs {

class InOrderUpload final : public Upload {
 public:
  // Whether it is the way for these options. Parts but the last are multiples of gcs_chunk_unit.
  static bool suits(const UploadOptions& options, const Capabilities& can);
  static bool is_id(std::string_view id);

  static Task<std::unique_ptr<Upload>> begin(rt::Context& ctx, GcsStore& store, Key key,
                                             UploadOptions options, Bucket::Target target);
  // By options.id. not_found: it is complete or forgotten, or was begun under another condition, or
  // with something else beside the bytes.
  static Task<std::unique_ptr<Upload>> resume(rt::Context& ctx, GcsStore& store, Key key,
                                              UploadOptions options, Bucket::Target target);

  Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) override;
  // Names the session and what it was begun with. A secret, as the session's URL is.
  std::string id() const override;
  Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts) override;
  Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) override;
  Task<Unit> abort(rt::Context& ctx) override;

 private:
  InOrderUpload(GcsStore& store, Key key, UploadOptions options, Bucket::Target target,
                std::unique_ptr<Session> session)
      : store_(store),
        key_(std::move(key)),
        options_(std::move(options)),
        target_(std::move(target)),
        session_(std::move(session)) {}
  Result<Unit> check(uint32_t number, const Body& body) const;
  Task<Digest> send(rt::Context& ctx, Body body);

  GcsStore& store_;
  Key key_;
  UploadOptions options_;
  Bucket::Target target_;
  std::unique_ptr<Session> session_;
  uint64_t done_ = 0;  // bytes of the parts that were sent
  uint32_t parts_ = 0;
  Digest crc_ = digest_of(DigestKind::crc32c, "");  // of those bytes
  std::string rest_ = {};                           // their last ones: they go with the end
  bool ended_ = false;
};

}  // namespace tutti::cloud::gcs
