// SPDX-License-Identifier: Apache-2.0
// Objects in files: `local` connections (folders that stand in for buckets) and `file`.
//
// Both write to a hidden staging folder on the same file system and rename when complete; both open
// beneath their root without following links. They differ in names (keys.h): `local` keeps every S3
// key, `file` uses natural names and refuses what a file system cannot have.
//   local, root: DIR     NAME://KEY           DIR is one bucket
//   local, buckets: DIR  NAME://BUCKET/KEY    DIR/BUCKET is one bucket, made when first written to,
//   or
//                                            before; removed when it is empty
//   file, root: DIR      NAME://KEY           DIR/KEY
//   file                 file:///abs/path     a path of the machine
//                        file://path          of the project's folder (file://./path too)
#pragma once

#include <filesystem>

#include "cloud/buffer.h"
#include "cloud/connections.h"
#include "rt/task.h"

namespace tutti::cloud::local {

// When a written object survives a power cut:
enum class Durability : uint8_t {
  object,  // each object is synced by itself before put returns
  batch,   // put returns when the group of objects it was synced with is on disk
  none,    // whenever the system writes it
};
Result<Durability> parse_durability(std::string_view text);

struct Environment {
  std::filesystem::path project;  // absolute; relative folders count from here
  BufferPool& buffers;
  rt::Executor files;  // where blocking file calls run (an rt::Pool's)
};

// The openers of the types `local` and `file`. Settings: root or buckets, durability.
Openers openers(Environment environment);

enum class Names : uint8_t { escaped, natural };

struct StoreOptions {
  std::filesystem::path root;
  Names names = Names::escaped;
  Durability durability = Durability::batch;
  std::string base;        // address of the store, for `where` of errors: "landing://"
  bool is_bucket = false;  // of several: the folder can be made and removed
  // Whether its file system keeps extended attributes decides for the store; empty: the root.
  std::filesystem::path notes_at = {};
};
std::shared_ptr<ObjectStore> open_store(const Environment& environment, StoreOptions options);

}  // namespace tutti::cloud::local
