// SPDX-License-Identifier: Apache-2.0
// One large object to one or several destinations, in parts that travel side by side: each is read
// once, by its range, and digested on its way; the CRC32C of the whole is put together from theirs.
#pragma once

#include "cloud/object_store.h"
#include "rt/wait.h"
#include "xfer/hashing.h"
#include "xfer/upload.h"

namespace tutti::xfer {

// Larger objects go in parts. Their digest is a CRC32C: a SHA-256 cannot be put together.
constexpr uint64_t whole_bytes_max = 16U << 20U;

struct PartsTarget {
  cloud::ObjectStore& store;
  cloud::Key key;
  cloud::PutOptions options;
  std::string address = {};  // which object, whatever the profile calls its connection
  OnBytes on_bytes;          // sent
  OnBytes on_there;          // sent by an earlier process, and still there
};

struct PartsJob {
  cloud::ObjectStore& from;
  cloud::ObjectMeta source;            // with its digests, as far as its store knows them
  std::filesystem::path journal = {};  // the folder; empty: it cannot go on after a kill
  std::string source_id = {};          // object, version and size: which bytes these are
  std::vector<PartsTarget> to;
};

struct PartsWritten {
  cloud::ObjectMeta meta;
  Digest crc32c;  // of the whole, put together from what went by
};

// What became of each of `to`. A part is read once for all of them; one that fails does not stop
// the others. Goes on with what a killed process, or an earlier try, sent of the same bytes.
// `slots`: parts of all objects that may be on their way at once. What was begun is aborted where
// it fails for good, and kept where trying again may finish it. Errors: those of the stores;
// `corrupt` where the bytes are not what the source says they are.
Task<std::vector<Result<PartsWritten>>> put_parts(rt::Context& ctx, PartsJob job,
                                                  rt::Semaphore& slots, rt::Executor cpu);

}  // namespace tutti::xfer
