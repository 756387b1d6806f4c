// SPDX-License-Identifier: Apache-2.0
// The store of one bucket of Amazon S3 or of a compatible service, and how connections of type `s3`
// open it.
//
// What is vouched for by whom: with checksum `trailer` or `header` the service computes CRC32C over
// what it wrote and refuses what differs; the digests in ObjectMeta are those it keeps. An ETag is
// the same for the same bytes put in the same way.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cloud/connections.h"
#include "cloud/s3/client.h"

namespace tutti::cloud::s3 {

struct Environment {
  net::HttpClient& http;
  BufferPool& buffers;
  // The value of a secret of the project; unset: there are none.
  std::function<Result<std::string>(std::string_view name)> secret = {};
  auth::RunProgram run = {};  // for profiles with a credential_process
};

// The opener of type `s3`.
Openers openers(Environment environment);

// `base`: the address of key K is base + K.
std::shared_ptr<ObjectStore> make_store(net::HttpClient& http, BufferPool& buffers,
                                        std::shared_ptr<auth::AwsSource> credentials,
                                        Settings settings, std::string bucket, std::string base);

}  // namespace tutti::cloud::s3
