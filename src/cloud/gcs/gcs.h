// SPDX-License-Identifier: Apache-2.0
// Objects in Google Cloud Storage (JSON API).
//   gcs                          NAME://BUCKET/KEY
//   gcs, root: gs://BUCKET       NAME://KEY           all of the bucket
//   gcs, root: gs://BUCKET/DIR/  NAME://KEY           what is below DIR/
//
// - The etag of an object is its generation.
// - An object of fewer than chunk_bytes is sent in one request, a larger one in a resumable
// session:
//   as it is read, where that can be done again from a known size, else in chunks kept in memory
//   until the service has them. The service checks CRC32C before the object becomes visible.
// - An upload in parts writes components (objects with names like is_component_name says, hidden
//   from our listings), composes them and removes them. One that is left without commit or abort
//   leaves them in the bucket until this process uploads there again.
// - A write whose reply was lost is looked for before it is repeated under a condition: an object
//   with the same bytes and notes is taken for ours.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cloud/auth/google.h"
#include "cloud/buffer.h"
#include "cloud/connections.h"
#include "cloud/http/pace.h"
#include "cloud/sign/gcs.h"
#include "rt/retry.h"

namespace tutti::cloud::gcs {

struct Environment {
  net::HttpClient& http;
  BufferPool& buffers;
  rt::Executor files;             // where blocking file calls run (an rt::Pool's)
  std::filesystem::path project;  // absolute; a relative path of a key file counts from here
  // The value of a secret of the project; unset: there are none.
  std::function<Result<std::string>(std::string_view name)> secret = {};
  auth::GoogleEnvironment google = auth::google_environment();
};

// The opener of the type `gcs`. Settings: root, endpoint, auth, project, user_project, kms_key,
// storage_class, attempts, patience (docs/stores/gcs.md).
Openers openers(Environment environment);

struct StoreOptions {
  sign::GcsService service = {};
  bool tls = true;
  std::string bucket;
  std::string parts_prefix = {};                // of the names of components
  std::string base = {};                        // address of the store, for `where` of errors
  std::string storage_class = {};               // of what is written; empty: the bucket's own
  std::string project = {};                     // of new buckets; empty: the service account's
  std::shared_ptr<auth::GoogleAuth> auth = {};  // nullptr: anonymous
  size_t chunk_bytes = 8U << 20U;               // a multiple of sign::gcs_chunk_unit
  // The service says "slow down" for a while when a bucket becomes busy.
  rt::RetryPolicy patience = {
      .attempts_max = 6, .delay = milliseconds(300), .throttled_max = http::throttled_max};
};
std::shared_ptr<ObjectStore> open_store(net::HttpClient& http, BufferPool& buffers,
                                        StoreOptions options);

// .tutti-upload-<32 hexadecimal digits>/<digits>
bool is_component_name(std::string_view key);

}  // namespace tutti::cloud::gcs
