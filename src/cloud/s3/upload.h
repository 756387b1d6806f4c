// SPDX-License-Identifier: Apache-2.0
// An object in parts (multipart upload). Inside of s3.
#pragma once

#include <map>
#include <memory>

#include "cloud/object_store.h"
#include "cloud/s3/client.h"

namespace tutti::cloud::s3 {

// Begins the upload, or goes on with that of options.id. What is neither committed nor aborted
// stays, and costs, until the bucket's lifecycle rule removes it: the destructor cannot wait for a
// service.
Task<std::unique_ptr<Upload>> begin(rt::Context& ctx, std::shared_ptr<Client> client, Key key,
                                    UploadOptions options, std::string where);

// CopyObject in pieces: for what is larger than a single copy may be, and for conditions on the
// destination, which only the end of an upload keeps everywhere. `source`, of `bucket`, was just
// looked at.
Task<ObjectMeta> copy_in_parts(rt::Context& ctx, std::shared_ptr<Client> client, std::string bucket,
                               ObjectMeta source, Key to, PutOptions options, std::string where);

}  // namespace tutti::cloud::s3
