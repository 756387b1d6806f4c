// SPDX-License-Identifier: Apache-2.0
// GcsStore: ObjectStore over a Bucket: keys, etags and conditions as the interface has them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/gcs/bucket.h"

namespace tutti::cloud::gcs {

// Metadata of a component: the key of the object it will be part of.
inline constexpr std::string_view upload_note = "tutti-upload-of";

// A generation: the etag of an object here.
bool is_generation(std::string_view etag);

class GcsStore final : public ObjectStore {
 public:
  GcsStore(BufferPool& buffers, std::shared_ptr<Bucket> bucket);

  Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) override;
  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override;
  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override;
  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override;
  Task<Page> list(rt::Context& ctx, ListOptions options) override;
  Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) override;
  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override;
  const Capabilities& capabilities() const override { return can_; }
  Task<Unit> create_bucket(rt::Context& ctx) override { return bucket_->create(ctx); }
  Task<Unit> remove_bucket(rt::Context& ctx) override { return bucket_->remove(ctx); }
  Task<std::string> presign(rt::Context& ctx, Key key, PresignOptions options) override;
  Task<std::vector<PendingUpload>> uploads(rt::Context& ctx, Key prefix) override;
  Task<Unit> abort_upload(rt::Context& ctx, Key key, std::string id) override;
  Task<Lock> lock(rt::Context& ctx, Key key, LockOptions options) override;
  Task<Unit> set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                           LockOptions options) override;
  Task<Unit> set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) override;

  // For uploads.
  Bucket& bucket() { return *bucket_; }
  Error at(const Key& key, Error error) const;
  // Where an object of that key would be written, under which condition, with what.
  Result<Bucket::Target> target(const Key& key, const PutOptions& options) const;
  ObjectMeta meta_of(const sign::GcsObject& object) const;
  ObjectMeta meta_of(const Written& written) const;
  // Components of an upload that was dropped; removed when there is time to wait.
  void leave(std::vector<sign::GcsComponent> components);

 private:
  bool is_hidden(std::string_view name) const;
  Result<Unit> check(const Key& key) const;
  Result<Unit> check_version(const Key& key, const std::string& version) const;
  Task<Page> fetch_page(rt::Context& ctx, sign::GcsListing listing);
  Task<Error> refusal(rt::Context& ctx, Key key, std::string version, Error error);
  Task<Unit> sweep(rt::Context& ctx);
  Task<std::vector<sign::GcsObject>> components(rt::Context& ctx, std::string folder);
  Task<Opened> nothing_of(rt::Context& ctx, Key key, GetOptions options);

  BufferPool& buffers_;
  std::shared_ptr<Bucket> bucket_;  // shared with what still reads
  Capabilities can_;
  std::vector<sign::GcsComponent> left_;
};

// Removes them as far as that works.
Task<Unit> remove_components(rt::Context& ctx, Bucket& bucket,
                             std::vector<sign::GcsComponent> components);

// An object in parts, as components that are composed at the end.
class GcsUpload final : public Upload {
 public:
  // `folder`: of the components, with its slash.
  GcsUpload(GcsStore& store, Key key, UploadOptions options, std::string folder)
      : store_(store),
        key_(std::move(key)),
        options_(std::move(options)),
        folder_(std::move(folder)) {}
  ~GcsUpload() override {
    if (!kept_) {
      store_.leave(std::move(made_));
    }
  }
  Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) override;
  Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) override;
  Task<Unit> abort(rt::Context& ctx) override;
  std::string id() const override { return folder_; }
  Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts) override;
  void keep() override { kept_ = true; }

 private:
  struct Piece {
    sign::GcsComponent component;
    uint64_t size = 0;
    Digest crc;
  };
  Bucket::Target next_component();
  Result<std::vector<Piece>> pieces() const;
  Task<std::vector<Piece>> joined(rt::Context& ctx, std::vector<Piece> pieces);
  Task<ObjectMeta> compose(rt::Context& ctx, std::vector<Digest> digests);

  GcsStore& store_;
  Key key_;
  UploadOptions options_;
  std::string folder_;
  std::string series_ = {};  // digits that keep the names of each process apart
  uint32_t made_count_ = 0;
  std::vector<sign::GcsComponent> made_;  // all, also those replaced since
  std::map<uint32_t, Piece> parts_;
  bool ended_ = false;
  bool kept_ = false;
};

}  // namespace tutti::cloud::gcs
