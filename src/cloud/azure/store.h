// SPDX-License-Identifier: Apache-2.0
// AzureStore: one container. Inside of cloud/azure; made by the opener.
#pragma once

#include <memory>
#include <string>

#include "cloud/azure/azure.h"
#include "cloud/azure/notes.h"
#include "cloud/azure/sender.h"
#include "cloud/object_store.h"

namespace tutti::cloud::azure {

// Where a store's objects are.
struct Place {
  sign::AzureContainer container;
  std::string base;       // the address of key K is base + K
  std::string tier = {};  // of what is written without one
};

constexpr uint64_t single_bytes_max = 8U << 20U;  // put in one request, held; also of a block

// Shared by a store, its uploads and the sources it gave out.
class Blobs {
 public:
  Blobs(Environment environment, std::unique_ptr<Sender> sender, Place place);
  Blobs(const Blobs&) = delete;
  Blobs& operator=(const Blobs&) = delete;

  const Environment& environment() const { return environment_; }
  const Place& place() const { return place_; }
  const Capabilities& capabilities() const { return can_; }
  Sender& sender() { return *sender_; }

  std::string where(const Key& key) const { return place_.base + key.text; }
  Error at(const Key& key, Error error) const;
  // A key that can be asked for; and one, with options, that can be written.
  Result<Unit> check(const Key& key) const;
  Result<Unit> check_write(const Key& key, const PutOptions& options) const;

  Task<sign::AzureBlob> look(rt::Context& ctx, Key key, std::string version = {});
  // Sends what makes a blob of `size` bytes visible. A conflict with a try of its own that was
  // carried out without saying so is a success.
  Task<ObjectMeta> write(rt::Context& ctx, Key key, Notes notes, uint64_t size,
                         sign::Request request, std::string body);

 private:
  Environment environment_;
  std::unique_ptr<Sender> sender_;
  Place place_;
  Capabilities can_;
};

Task<Unit> create_container(rt::Context& ctx, std::shared_ptr<Blobs> blobs);
Task<Unit> remove_container(rt::Context& ctx, std::shared_ptr<Blobs> blobs, ObjectStore& store);
// For PUT: who uses the URL sends `x-ms-blob-type: BlockBlob` along.
Task<std::string> presign_blob(rt::Context& ctx, std::shared_ptr<Blobs> blobs, Key key,
                               PresignOptions options);

// ObjectStore::pull.
Task<ObjectMeta> pull_blob(rt::Context& ctx, std::shared_ptr<Blobs> blobs, Key key,
                           PullSource source, PutOptions options);
// versions.cc: one version, and what locks or archives it.
Task<Unit> remove_version(rt::Context& ctx, std::shared_ptr<Blobs> blobs, Key key,
                          std::string version);
Task<Lock> lock_of(rt::Context& ctx, std::shared_ptr<Blobs> blobs, Key key, LockOptions options);
Task<Unit> set_retention(rt::Context& ctx, std::shared_ptr<Blobs> blobs, Key key,
                         std::optional<Retention> retention, LockOptions options);
Task<Unit> set_legal_hold(rt::Context& ctx, std::shared_ptr<Blobs> blobs, Key key, bool on,
                          LockOptions options);
Task<Unit> restore(rt::Context& ctx, std::shared_ptr<Blobs> blobs, Key key, RestoreOptions options);

std::unique_ptr<ObjectStore> make_store(std::shared_ptr<Blobs> blobs);
std::unique_ptr<Upload> make_upload(std::shared_ptr<Blobs> blobs, Key key, UploadOptions options,
                                    std::string mark);

}  // namespace tutti::cloud::azure
