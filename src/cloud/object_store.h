// SPDX-License-Identifier: Apache-2.0
// ObjectStore: one bucket (or one folder) of objects, whoever keeps it. Implementations: local,
// memory, and faulty (wrap/) around any of them; clouds follow behind the same interface.
//
// A store is a service: opened by Connections (connections.h), shared, used from one loop. Its
// calls may run in parallel. What not every store can do is asked of capabilities() before.
//
// Promises of every implementation (tests/conformance/object_store holds them to it):
//  - a put or upload is visible whole or not at all, and never after it has failed with another
//    code than unknown_outcome;
//  - a get returns the bytes of one version: if they change under the reader it ends with
//  `conflict`;
//  - put returns when the object is as durable as the store promises;
//  - keys are bytes and come back as they were given; listings are in the order of those bytes.
// Errors: not_found, conflict (a condition did not hold), denied, bad_input (a key or option the
// store cannot have), unsupported, corrupt (a digest did not match), unavailable (disk full ...),
// cancelled, timed_out. `where` is the address as far as the store knows it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/content_headers.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/time.h"
#include "cloud/buffer.h"
#include "rt/context.h"
#include "rt/task.h"

namespace tutti::cloud {

// The name of an object in its store: bytes, compared as bytes; no decoding, no normalisation.
// A prefix is a Key too, and may be empty.
struct Key {
  std::string text;
  auto operator<=>(const Key&) const = default;
};

using Metadata = std::map<std::string, std::string>;
using Tags = std::map<std::string, std::string>;

// Whether the bytes of an object can be read. Of what head says; listings tell what costs nothing.
enum class Archived : uint8_t {
  no,
  yes,        // it has to be restored first
  restoring,  // that was asked for, and takes hours
  restored,   // a copy can be read
};

// What keeps a version from being removed or replaced before its time.
enum class RetentionMode : uint8_t {
  governance,  // who has a permission of its own may shorten it
  compliance,  // nobody may
};
struct Retention {
  RetentionMode mode = RetentionMode::governance;
  Instant until = {};
  bool operator==(const Retention&) const = default;
};
struct Lock {
  std::optional<Retention> retention = std::nullopt;
  bool legal_hold = false;  // until it is taken away
  bool operator==(const Lock&) const = default;
};

struct ObjectMeta {
  Key key;
  uint64_t size = 0;
  std::string etag;       // another one whenever the bytes were written; opaque, only compared
  Instant modified = {};  // of what a put returns: only where the store says it
  std::vector<Digest> digests = {};  // of the whole object, as far as the store knows and vouches
  std::string content_type = {};
  ContentHeaders headers = {};
  Metadata metadata = {};
  // Names this version as long as its store keeps it; empty: the store has no versions.
  std::string version = {};
  // Of listings of versions. What an object's name means now; none of them: it was removed.
  bool is_latest = true;
  bool delete_marker = false;  // no object: what a removal left in front of the versions before it
  Archived archived = Archived::no;
  std::optional<Instant> restored_until = std::nullopt;  // then the copy that can be read goes

  std::optional<Digest> digest(DigestKind kind) const;
  bool operator==(const ObjectMeta&) const = default;
};

// A stream of chunks, in order, read by one coroutine.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // The next piece, at most chunk_bytes of the pool; an empty chunk is the end (and stays it).
  virtual Task<Chunk> next(rt::Context& ctx) = 0;
};

// What to write. A value; the functions live as long as the put they are given to.
struct Body {
  std::optional<uint64_t> size = std::nullopt;  // when given, other lengths are `corrupt`
  std::vector<Digest> digests = {};  // known beforehand: bytes that do not match are `corrupt`
  // Starts at `offset`; called again when a put is tried again, unless one_shot.
  std::function<Task<std::unique_ptr<ByteSource>>(rt::Context&, uint64_t offset)> open;
  bool one_shot = false;
  // Asked once the last chunk was taken: digests of the bytes that went by, computed on the way.
  std::function<std::vector<Digest>()> digests_after = {};
};

struct Range {
  uint64_t offset = 0;
  std::optional<uint64_t> length = std::nullopt;  // none: to the end
};

struct HeadOptions {
  std::string version = {};  // as GetOptions::version
};

struct GetOptions {
  std::optional<Range> range = std::nullopt;  // beyond the end: fewer bytes, or none
  std::string if_match = {};                  // an etag; another one: conflict
  // One that a listing of versions, or what wrote it, has said; not_found: it is gone, or a delete
  // marker. unsupported where capabilities().versions is false.
  std::string version = {};
};

constexpr size_t content_header_bytes_max = 1024;

struct PutOptions {
  bool only_if_absent = false;  // an object of that key: conflict
  std::string if_match = {};    // the etag of the object to replace; another or none: conflict
  std::string content_type = {};
  ContentHeaders headers = {};  // each in ASCII, at most content_header_bytes_max
  // Names [a-z0-9-], see metadata_signs; with the type and the headers at most
  // capabilities().metadata_bytes_max.
  Metadata metadata = {};
  Tags tags = {};                  // within capabilities().tags
  std::string storage_class = {};  // one of capabilities().storage_classes, or empty
  Lock lock = {};                  // unsupported where capabilities().locks is false
};

struct UploadOptions {
  PutOptions put = {};
  uint64_t part_bytes = 64U << 20U;             // of every part but the last, fixed
  std::optional<uint64_t> size = std::nullopt;  // of the whole, where known: room can be made early
  // Another process may have to go on with it: what was sent outlives this one.
  bool resumable = false;
  std::string id = {};  // goes on with the upload that had this Upload::id; not_found: it is gone
  // The caller promises parts from the first to the last, one at a time and each once, from bodies
  // that know their size and can be opened again: see Capabilities::in_order_bytes_max.
  bool in_order = false;
};

// A part that was sent: what the upload must know of it to go on in another process.
struct SentPart {
  uint32_t number = 0;
  uint64_t bytes = 0;
  Digest crc32c = {};
  std::string receipt = {};  // the store's own word for it
  bool operator==(const SentPart&) const = default;
};

struct RemoveOptions {
  std::string if_match = {};
  // That version alone, for ever. Else, where the bucket keeps versions, the object is gone and its
  // versions stay.
  std::string version = {};
};

// Whose lock is asked for or changed.
struct LockOptions {
  std::string version = {};        // empty: the latest
  bool bypass_governance = false;  // shortens or ends a governance retention; needs a permission
};

struct RestoreOptions {
  std::string version = {};  // empty: the latest
  uint32_t days = 7;         // that the copy stays, where the service makes one
  std::string tier = {};     // how fast: bulk, standard, expedited; empty: standard
};

struct CopyOptions {
  std::string if_match = {};  // of the source
  std::string version = {};   // of the source; empty: the latest
  // Content type, headers and metadata left empty: those of the source. Tags left empty: none, or,
  // where the service copies them by itself, those of the source.
  PutOptions put = {};
  bool metadata_anew = false;  // the metadata is put.metadata also where that is empty
  // The object is one of another bucket of this service and account, and `from` its whole key
  // there. Needs capabilities().copies_between, and `source`. denied: whoever may write here may
  // not read there.
  std::string bucket = {};
  std::optional<ObjectMeta> source = std::nullopt;  // as a head describes it
};

// An object elsewhere that the service is to read by itself.
struct PullSource {
  // A signed URL of it, made anew for each piece. It is a secret: it stands in no log and no error.
  std::function<Task<std::string>(rt::Context&)> url;
  ObjectMeta meta;  // as a head describes it
  // Whether the source's service is asked for this version, meta.etag, as the pulling one asks.
  bool asks_if_match = false;
  // Else that it still has this version: asked when all was read, before anything is visible,
  // unless a digest proved it.
  std::function<Task<Unit>(rt::Context&)> unchanged;
};

struct PresignOptions {
  std::string method = "GET";  // or PUT
  Duration valid = hours(1);   // at most seven days
};

struct ListOptions {
  Key prefix = {};
  // Only keys behind it (not with a cursor). Inside of what the delimiter cuts, services disagree.
  Key start_after = {};
  std::string delimiter =
      {};                   // keys are cut behind its first place after the prefix: Page.prefixes
  uint32_t limit = 1000;    // objects and prefixes of one page; 1 to 1000
  std::string cursor = {};  // Page.next of the page before, with the same other options
  // Every version of each key, the newest first, with version, is_latest and delete_marker. A page
  // may be longer than `limit`: some services need all versions of a key at once for that.
  // unsupported where capabilities().versions is false.
  bool versions = false;
};

// What lies among the objects and is none: links, devices, pipes, names that stand for no key. Only
// folders have such.
struct LeftOut {
  uint64_t count = 0;
  std::string first = {};  // as a key
  void add(const LeftOut& more) {
    first = count == 0 ? more.first : std::move(first);
    count += more.count;
  }
};

struct Page {
  std::vector<ObjectMeta> objects;  // key, size, etag, modified; the rest where it costs nothing
  std::vector<Key> prefixes;        // each ends with the delimiter
  std::string next;                 // empty: this was the last page
  LeftOut left_out = {};
};

struct Opened {
  // Of the whole object, also when a range was asked. Headers and metadata only where
  // capabilities().get_describes.
  ObjectMeta meta;
  std::unique_ptr<ByteSource> source;
};

// Tags: names and values that are kept beside an object and cost a request of their own.
struct TagLimits {
  uint32_t count_max = 0;        // of an object; 0: the store has no tags
  size_t name_letters_max = 0;   // at least one
  size_t value_letters_max = 0;  // in letters of UTF-8
  bool ascii_only = false;  // letters, digits, blanks and +-./:=_ ; else also @ and all letters
};

// What a store can do, constant for its life.
struct Capabilities {
  std::string provider;  // "local", "memory"
  bool far = false;      // behind a network: each call costs a round trip
  bool only_if_absent = true;
  bool put_if_match = true;
  bool copies_between = false;  // CopyOptions::bucket
  bool pulls_urls = false;      // ObjectStore::pull
  bool versions = false;  // can be asked for; whether old ones are kept is the bucket's matter
  bool delete_markers = false;  // removing an object is a version of its own
  bool locks = false;           // Retention and legal holds, where the bucket allows them
  bool archives = false;        // has classes whose objects must be restored before they are read
  bool ordered_listing = true;
  bool etag_of_content = false;  // the same bytes may have the same etag again
  uint64_t object_bytes_max = UINT64_MAX;
  uint64_t part_bytes_min = 1;  // of every part but the last
  uint32_t parts_max = 10'000;
  // Objects of up to so many bytes cost the service less as one stream than as parts side by side,
  // and what it has of a part is not sent again: UploadOptions::in_order. 0: none do.
  uint64_t in_order_bytes_max = 0;
  size_t key_bytes_max = 1024;
  // 0: keeps neither metadata nor content type and headers; a type or header given is dropped.
  size_t metadata_bytes_max = 0;
  bool metadata_signs = false;  // names of metadata may have '_' and '.', too
  bool get_describes = true;    // false: only head and listings say headers and metadata
  TagLimits tags = {};
  std::vector<DigestKind> keeps_digests = {};   // given back by head
  std::vector<DigestKind> checks_digests = {};  // computed by the store itself over what it wrote
  std::vector<std::string> storage_classes = {};
  std::string note = {};  // a limit people should know, one sentence
};

// A big object in parts. Ends with commit() or abort(); one left without either is aborted by its
// destructor as far as that works without waiting.
class Upload {
 public:
  virtual ~Upload() = default;
  // Numbers count from 1 without a gap; parts may run in parallel; sending a number again replaces
  // that part.
  virtual Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) = 0;
  // Whoever has it can go on with a resumable upload after this process has died, by
  // UploadOptions::id. Empty: nobody can.
  virtual std::string id() const { return {}; }
  // Parts that were sent under this id before: those still there are returned, and count as sent.
  virtual Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts);
  // The destructor leaves what was sent to whoever has the id.
  virtual void keep() {}
  // `digests` are of the whole object: a mismatch is `corrupt` and nothing becomes visible.
  virtual Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) = 0;
  virtual Task<Unit> abort(rt::Context& ctx) = 0;
};

// An upload that somebody began and neither committed nor aborted.
struct PendingUpload {
  Key key;
  std::string id;        // the store's name of it, for abort_upload
  Instant started = {};  // by the store's clock
  bool operator==(const PendingUpload&) const = default;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  virtual Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) = 0;
  Task<ObjectMeta> head(rt::Context& ctx, Key key) { return head(ctx, std::move(key), {}); }
  virtual Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) = 0;
  virtual Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) = 0;
  virtual Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                                     UploadOptions options) = 0;
  virtual Task<Page> list(rt::Context& ctx, ListOptions options) = 0;
  // Removing what is not there is no error, except under if_match (conflict).
  virtual Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) = 0;
  // Within the store, without the bytes passing through us.
  virtual Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) = 0;
  virtual const Capabilities& capabilities() const = 0;
  // Makes an object of one elsewhere, which the service reads by itself; not empty. Digests in what
  // it returns are those the service computed of what it read: where the source's are others it is
  // `corrupt` and nothing becomes visible. Without such a digest its size is what a head says.
  // `unsupported`, where the store cannot or the service cannot read the source: then the bytes may
  // go another way.
  virtual Task<ObjectMeta> pull(rt::Context& ctx, Key to, PullSource source, PutOptions options);
  // `unsupported` where the store has none, or the service says so.
  virtual Task<Tags> tags(rt::Context& ctx, Key key);

  // The bucket itself. conflict: it is there already; it is not empty. `unsupported` where a store
  // has no such thing.
  virtual Task<Unit> create_bucket(rt::Context& ctx);
  virtual Task<Unit> remove_bucket(rt::Context& ctx);
  // A URL that lets whoever has it do this for a while, without credentials. Nothing is asked of
  // the service: an object need not exist.
  virtual Task<std::string> presign(rt::Context& ctx, Key key, PresignOptions options);

  // Uploads of keys that start with `prefix`, by key, then start. Those that are being sent are
  // among them, unless the store knows which they are: elsewhere only their age tells.
  // `unsupported` where the store cannot list them.
  virtual Task<std::vector<PendingUpload>> uploads(rt::Context& ctx, Key prefix);
  // Removes what was sent; who still sends can no longer commit. That it is gone is no error.
  // conflict: the store knows that it is being sent.
  virtual Task<Unit> abort_upload(rt::Context& ctx, Key key, std::string id);

  // What locks a version. `unsupported` where capabilities().locks is false, or the bucket has
  // none.
  virtual Task<Lock> lock(rt::Context& ctx, Key key, LockOptions options);
  // None: ends it. denied: the lock there does not allow that.
  virtual Task<Unit> set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                                   LockOptions options);
  virtual Task<Unit> set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options);

  // Asks for an archived object to become readable: hours later, as head says. conflict: it is not
  // archived. One that is being restored is asked for again.
  virtual Task<Unit> restore(rt::Context& ctx, Key key, RestoreOptions options);
};

}  // namespace tutti::cloud
