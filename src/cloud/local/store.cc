// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>

#include <fmt/format.h>

#include "base/check.h"
#include "cloud/body.h"
#include "cloud/body_check.h"
#include "cloud/local/commit.h"
#include "cloud/local/pending.h"
#include "cloud/local/walk.h"

namespace tutti::cloud::local {
namespace {

constexpr size_t walks_max = 16;                   // listings between two pages
constexpr uint64_t direct_bytes_min = 16U << 20U;  // smaller files are soon read by others

Error changed_error() {
  return {.code = Code::conflict,
          .what = "the file was changed while it was read",
          .remedy = "try again when its writer is done"};
}

bool is_same(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && modified_ns(a) == modified_ns(b);
}

// A file being read. Shared with the call that runs on the files' executor.
struct Reading {
  Fd fd;
  struct stat info{};
  std::string where;
  uint64_t at = 0;
  uint64_t end = 0;

  // The same as read() where all of it is in memory; none: a disk would be waited for.
  std::optional<Result<size_t>> read_now(std::span<std::byte> space) {
    const iovec into{.iov_base = space.data(),
                     .iov_len = std::min<uint64_t>(space.size(), end - at)};
    const ssize_t n = preadv2(fd.get(), &into, 1, static_cast<off_t>(at), RWF_NOWAIT);
    if (n != static_cast<ssize_t>(into.iov_len)) {
      return std::nullopt;
    }
    return finish(into.iov_len, into.iov_len);
  }

  // Fills from `at`; the last piece also proves that nobody wrote meanwhile.
  Result<size_t> read(std::span<std::byte> space) {
    const size_t wanted = std::min<uint64_t>(space.size(), end - at);
    size_t done = 0;
    while (done < wanted) {
      const ssize_t n =
          pread(fd.get(), space.data() + done, wanted - done, static_cast<off_t>(at + done));
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0) {
        return fail(file_error(errno, "reading", where));
      }
      if (n == 0) {
        break;
      }
      done += static_cast<size_t>(n);
    }
    return finish(done, wanted);
  }

 private:
  Result<size_t> finish(size_t done, size_t wanted) {
    at += done;
    struct stat now{};
    if (done < wanted || (at == end && (fstat(fd.get(), &now) != 0 || !is_same(now, info)))) {
      Error error = changed_error();
      error.where = where;
      return fail(std::move(error));
    }
    return done;
  }
};

bool is_written(int fd, uint64_t offset, const SentPart& part) {
  constexpr size_t piece_bytes = 1U << 20U;
  std::vector<std::byte> piece(piece_bytes);
  Hasher hasher(DigestKind::crc32c);
  for (uint64_t done = 0; done < part.bytes;) {
    const ssize_t n = pread(fd, piece.data(), std::min<uint64_t>(piece_bytes, part.bytes - done),
                            static_cast<off_t>(offset + done));
    if (n <= 0) {
      return false;
    }
    hasher.update(std::span(piece).first(static_cast<size_t>(n)));
    done += static_cast<uint64_t>(n);
  }
  return hasher.finish() == part.crc32c;
}

class FileSource final : public ByteSource {
 public:
  FileSource(BufferPool& buffers, rt::Executor files, std::shared_ptr<Reading> reading)
      : buffers_(buffers), files_(std::move(files)), reading_(std::move(reading)) {}

  Task<Chunk> next(rt::Context& ctx) override {
    CO_OK(ctx.check());
    if (reading_->at == reading_->end) {
      co_return Chunk();
    }
    CO_TRY(Buffer buffer, co_await buffers_.take(ctx));
    const std::span<std::byte> space = buffer.space();
    // A trip to another thread costs more than this copy from the page cache, and would leave the
    // bytes in another core's cache than that of who hashes and sends them.
    if (auto now = reading_->read_now(space)) {
      CO_TRY(const size_t n, std::move(*now));
      co_return Chunk(std::move(buffer), n);
    }
    auto read = [reading = reading_, space] { return reading->read(space); };
    CO_TRY(const size_t n, co_await rt::offload(files_, std::move(read)));
    co_return Chunk(std::move(buffer), n);
  }

 private:
  BufferPool& buffers_;
  rt::Executor files_;
  std::shared_ptr<Reading> reading_;
};

// Where bytes are copied into the page cache: here, where whoever received and hashed them still
// has them in the core's cache, until the system makes writers wait for the disk; then on another
// thread for a while.
class WritingPlace {
 public:
  bool is_here() {
    if (elsewhere_ == 0) {
      return true;
    }
    --elsewhere_;
    return false;
  }
  void took(Duration time) {
    if (time > quick_max) {
      elsewhere_ = elsewhere_for;
    }
  }

 private:
  static constexpr Duration quick_max = milliseconds(5);
  static constexpr int elsewhere_for = 256;  // writes of one chunk
  int elsewhere_ = 0;
};

// A small body, to its end: only there a source vouches for its bytes. It is one chunk, nearly
// always; what comes in pieces is put together outside of the pool, as nobody may hold several of
// its buffers.
Task<Chunk> take_all(rt::Context& ctx, Body body) {
  CO_TRY(auto source, co_await body.open(ctx, 0));
  CO_TRY(Chunk chunk, co_await source->next(ctx));
  if (chunk.size() >= *body.size) {
    CO_TRY(const Chunk more, co_await source->next(ctx));
    if (!more.empty()) {
      co_return fail(Code::corrupt, fmt::format("more than the {} bytes announced", *body.size),
                     "the source is damaged; nothing was kept");
    }
    co_return chunk;
  }
  std::string text;
  while (!chunk.empty() && text.size() <= *body.size) {
    text += chunk.text();
    chunk = {};
    CO_TRY(chunk, co_await source->next(ctx));
  }
  co_return Chunk(std::make_shared<const std::string>(std::move(text)));
}

class LocalStore;

class LocalUpload final : public Upload {
 public:
  LocalUpload(LocalStore& store, Key key, KeyPath path, UploadOptions options,
              std::shared_ptr<StagedFile> staged)
      : store_(store),
        key_(std::move(key)),
        path_(std::move(path)),
        options_(std::move(options)),
        staged_(std::move(staged)) {}
  Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) override;
  Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) override;
  Task<Unit> abort(rt::Context&) override {
    staged_.reset();
    co_return Unit{};
  }
  std::string id() const override {
    return options_.resumable && staged_ != nullptr ? staged_->id() : std::string();
  }
  Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts) override;
  void keep() override {
    if (staged_ != nullptr) {
      staged_->keep();
    }
  }

 private:
  struct Part {
    uint64_t size = 0;
    Digest crc;
  };
  struct Whole {
    uint64_t size = 0;
    std::vector<Digest> digests;
  };
  Result<Whole> whole(std::vector<Digest> digests) const;

  LocalStore& store_;
  Key key_;
  KeyPath path_;
  UploadOptions options_;
  std::shared_ptr<StagedFile> staged_;
  std::map<uint32_t, Part> parts_;
};

class LocalStore final : public ObjectStore {
 public:
  LocalStore(const Environment& environment, StoreOptions options)
      : buffers_(environment.buffers),
        files_(environment.files),
        options_(std::move(options)),
        keeps_notes_(keeps_notes(options_.notes_at.empty() ? options_.root : options_.notes_at)),
        staging_(options_.root, options_.names),
        committer_(options_.names, options_.durability, keeps_notes_, files_) {
    can_.provider = options_.names == Names::natural ? "file" : "local";
    can_.key_bytes_max = options_.names == Names::natural ? 4095 : 1024;
    can_.checks_digests = {DigestKind::crc32c};
    if (keeps_notes_) {
      can_.metadata_bytes_max = 2048;
      can_.metadata_signs = true;
      can_.keeps_digests = {DigestKind::crc32c, DigestKind::sha256, DigestKind::md5,
                            DigestKind::crc64nvme};
    } else {
      can_.note =
          "The file system has no extended attributes: digests, content types and metadata are not "
          "kept";
    }
  }

  Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) override {
    CO_OK(ctx.check());
    CO_OK(check_version(key, options.version));
    CO_TRY(OpenedFile opened, co_await open_file(key));
    co_return meta_of(std::move(key), opened.fd.get(), opened.info);
  }

  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override;
  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override;
  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override;
  Task<Page> list(rt::Context& ctx, ListOptions options) override;
  Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) override;
  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override;
  const Capabilities& capabilities() const override { return can_; }
  Task<Unit> create_bucket(rt::Context& ctx) override { return change_bucket(ctx, make_root); }
  Task<Unit> remove_bucket(rt::Context& ctx) override { return change_bucket(ctx, remove_root); }
  Task<std::vector<PendingUpload>> uploads(rt::Context& ctx, Key prefix) override;
  Task<Unit> abort_upload(rt::Context& ctx, Key key, std::string id) override;

  Error at(const Key& key, Error error) const {
    error.where = options_.base + key.text;
    return error;
  }
  const rt::Executor& files() const { return files_; }
  Result<Unit> check_version(const Key& key, std::string_view version) const {
    return version.empty()
               ? Result<Unit>(Unit{})
               : fail(at(key, {.code = Code::unsupported, .what = "files have no versions"}));
  }

  // Writes the whole body at `offset` of the file.
  Task<BodyCheck> receive(rt::Context& ctx, Key key, Body body, std::shared_ptr<StagedFile> staged,
                          uint64_t offset, uint64_t bytes_max);
  Task<ObjectMeta> finish(rt::Context& ctx, Key key, CommitJob job);

 private:
  struct Listed {
    std::string id;  // of the options and the cursor it can go on from
    std::shared_ptr<Walk> walk;
  };

  using Change = Result<Unit> (*)(const std::filesystem::path&);
  Task<Unit> change_bucket(rt::Context& ctx, Change change);
  Result<KeyPath> checked_path(const Key& key, const PutOptions& options) const;
  Task<OpenedFile> open_file(Key key) const;
  Task<std::unique_ptr<StagedFile>> stage(rt::Context& ctx, Key key, KeyPath path,
                                          PutOptions options, bool resumable = false);
  Task<std::unique_ptr<StagedFile>> adopt(Key key, std::string id);
  Task<ObjectMeta> put_small(rt::Context& ctx, Key key, KeyPath path, Body body,
                             PutOptions options);
  Task<Unit> make_room(Key key, std::shared_ptr<StagedFile> staged, uint64_t bytes);
  Result<Unit> clone(const OpenedFile& from, int to) const;
  int64_t new_time_ns(rt::Context& ctx) {
    last_ns_ = std::max(last_ns_ + 1, ctx.clock().wall().us * 1000);
    return last_ns_;
  }
  std::shared_ptr<Walk> take_walk(const std::string& id);
  void keep_walk(std::string id, std::shared_ptr<Walk> walk);

  BufferPool& buffers_;
  rt::Executor files_;
  StoreOptions options_;
  bool keeps_notes_;
  Staging staging_;
  Committer committer_;
  Capabilities can_;
  int64_t last_ns_ = 0;
  WritingPlace writing_place_;
  std::list<Listed> walks_;  // newest first
};

Result<KeyPath> LocalStore::checked_path(const Key& key, const PutOptions& options) const {
  auto good = check_key(key, can_.key_bytes_max);
  if (good.has_value()) {
    good = check_put_options(options, can_);
  }
  if (!good.has_value()) {
    return fail(at(key, std::move(good).error()));
  }
  auto path = path_of(key.text, options_.names);
  return path.has_value() ? std::move(path) : fail(at(key, std::move(path).error()));
}

Task<OpenedFile> LocalStore::open_file(Key key) const {
  CO_TRY(KeyPath path, checked_path(key, {}));
  if (auto now = open_object_now(options_.root, path)) {
    co_return std::move(*now);
  }
  auto open = [this, path = std::move(path)] {
    return open_object(options_.root, path, options_.names);
  };
  auto opened = co_await rt::offload(files_, std::move(open));
  if (!opened.has_value()) {
    co_return fail(at(key, std::move(opened).error()));
  }
  co_return std::move(*opened);
}

Task<Opened> LocalStore::get(rt::Context& ctx, Key key, GetOptions options) {
  CO_OK(ctx.check());
  CO_OK(check_version(key, options.version));
  CO_TRY(OpenedFile file, co_await open_file(key));
  Opened opened{.meta = meta_of(key, file.fd.get(), file.info), .source = nullptr};
  if (!options.if_match.empty() && options.if_match != opened.meta.etag) {
    co_return fail(at(key, {.code = Code::conflict,
                            .what = "the object was changed since it was looked at",
                            .remedy = "list or look again"}));
  }
  auto reading = std::make_shared<Reading>();
  const Range range = options.range.value_or(Range{});
  reading->where = options_.base + key.text;
  reading->at = std::min(range.offset, opened.meta.size);
  reading->end = range.length
                     ? reading->at + std::min(*range.length, opened.meta.size - reading->at)
                     : opened.meta.size;
  reading->info = file.info;
  reading->fd = std::move(file.fd);
  opened.source = std::make_unique<FileSource>(buffers_, files_, std::move(reading));
  co_return opened;
}

// Looks at the conditions early too, so that they are not found out after a long body.
Task<std::unique_ptr<StagedFile>> LocalStore::adopt(Key key, std::string id) {
  auto staged = co_await rt::offload(files_, [this, id] { return staging_.adopt(id); });
  if (!staged.has_value()) {
    co_return fail(at(key, std::move(staged).error()));
  }
  co_return std::move(*staged);
}

Task<std::unique_ptr<StagedFile>> LocalStore::stage(rt::Context& ctx, Key key, KeyPath path,
                                                    PutOptions options, bool resumable) {
  const NewFile what{
      .unique = ctx.random().next(), .now = ctx.clock().wall(), .resumable = resumable};
  auto make = [this, key, path = std::move(path), options = std::move(options),
               what]() -> Result<std::unique_ptr<StagedFile>> {
    if (options.only_if_absent || !options.if_match.empty()) {
      auto existing = open_object(options_.root, path, options_.names);
      if (!existing.has_value() && existing.error().code != Code::not_found) {
        return fail(std::move(existing).error());
      }
      const ObjectMeta meta = existing.has_value() ? meta_of({}, existing->info) : ObjectMeta{};
      TRY_OK(check_conditions(options, existing.has_value() ? &meta : nullptr));
    }
    TRY(auto made, staging_.create(path.folders, what));
    if (what.resumable && keeps_notes_) {
      note_upload(made->file(), key, what.now);
    }
    return made;
  };
  auto staged = co_await rt::offload(files_, std::move(make));
  if (!staged.has_value()) {
    co_return fail(at(key, std::move(staged).error()));
  }
  co_return std::move(*staged);
}

Task<BodyCheck> LocalStore::receive(rt::Context& ctx, Key key, Body body,
                                    std::shared_ptr<StagedFile> staged, uint64_t offset,
                                    uint64_t bytes_max) {
  CO_TRY(auto source, co_await body.open(ctx, 0));
  auto check = std::make_shared<BodyCheck>(body);
  while (true) {
    CO_TRY(Chunk chunk, co_await source->next(ctx));
    if (chunk.empty()) {
      co_return std::move(*check);
    }
    if (check->size() + chunk.size() > bytes_max) {
      co_return fail(at(key, {.code = Code::bad_input, .what = "a part larger than part_bytes"}));
    }
    const uint64_t to = offset + check->size();
    auto write = [staged, chunk = std::move(chunk), check, to] {
      check->update(chunk.bytes());
      return staged->write(chunk.bytes(), to);
    };
    int error_number = 0;
    if (!staged->is_direct() && writing_place_.is_here()) {
      const BootInstant began = ctx.clock().boot();
      error_number = write();
      writing_place_.took(ctx.clock().boot() - began);
    } else {
      error_number = co_await rt::offload(files_, std::move(write));
    }
    if (error_number != 0) {
      co_return fail(file_error(error_number, "writing", options_.base + key.text));
    }
  }
}

Task<ObjectMeta> LocalStore::finish(rt::Context& ctx, Key key, CommitJob job) {
  CO_OK(ctx.check());  // the last moment to give up without a trace
  const PutOptions options = job.options;
  job.modified_ns = new_time_ns(ctx);
  auto done = co_await committer_.commit(std::move(job));
  if (!done.has_value()) {
    co_return fail(at(key, std::move(done).error()));
  }
  ObjectMeta meta = meta_of(std::move(key), done->info);
  meta.digests = std::move(done->digests);
  if (keeps_notes_) {
    meta.content_type = options.content_type;
    meta.headers = options.headers;
    meta.metadata = options.metadata;
  }
  co_return meta;
}

Task<ObjectMeta> LocalStore::put(rt::Context& ctx, Key key, Body body, PutOptions options) {
  CO_OK(ctx.check());
  CO_TRY(KeyPath path, checked_path(key, options));
  if (body.size && *body.size <= buffers_.chunk_bytes()) {
    co_return co_await put_small(ctx, std::move(key), std::move(path), std::move(body),
                                 std::move(options));
  }
  CO_TRY(auto made, co_await stage(ctx, key, path, options));
  std::shared_ptr<StagedFile> staged = std::move(made);
  if (body.size.value_or(0) >= direct_bytes_min) {
    CO_OK(co_await make_room(key, staged, *body.size));
  }
  CO_TRY(BodyCheck check, co_await receive(ctx, key, body, staged, 0, UINT64_MAX));
  auto digests = check.finish(body);
  if (!digests.has_value()) {
    co_return fail(at(key, std::move(digests).error()));
  }
  co_return co_await finish(ctx, std::move(key),
                            {.file = std::move(staged),
                             .path = std::move(path),
                             .options = std::move(options),
                             .digests = std::move(*digests)});
}

// One trip to the files' executor does it all, together with others.
Task<ObjectMeta> LocalStore::put_small(rt::Context& ctx, Key key, KeyPath path, Body body,
                                       PutOptions options) {
  CO_TRY(const Chunk chunk, co_await take_all(ctx, body));
  CommitJob job{.file = nullptr, .path = std::move(path), .options = std::move(options)};
  const NewFile what{.unique = ctx.random().next(), .now = ctx.clock().wall()};
  job.make = [this, chunk, body = std::move(body), folders = job.path.folders,
              what](std::vector<Digest>& digests) -> Result<std::shared_ptr<StagedFile>> {
    BodyCheck check(body);
    check.update(chunk.bytes());
    TRY(digests, check.finish(body));
    TRY(std::shared_ptr<StagedFile> staged, staging_.create(folders, what));
    if (const int error_number = staged->write(chunk.bytes(), 0); error_number != 0) {
      return fail(file_error(error_number, "writing", {}));
    }
    return staged;
  };
  co_return co_await finish(ctx, std::move(key), std::move(job));
}

// No space is found out before the bytes have come a long way. What is to be on the disk goes there
// past the page cache, where it would only drive out what others need; what need not be synced is
// the system's to write.
Task<Unit> LocalStore::make_room(Key key, std::shared_ptr<StagedFile> staged, uint64_t bytes) {
  const int error_number = co_await rt::offload(
      files_, [staged, bytes, direct = options_.durability != Durability::none] {
        return staged->expect(bytes, direct);
      });
  if (error_number != 0) {
    co_return fail(at(key, file_error(error_number, "making room for it", {})));
  }
  co_return Unit{};
}

Task<std::unique_ptr<Upload>> LocalStore::begin_upload(rt::Context& ctx, Key key,
                                                       UploadOptions options) {
  CO_OK(ctx.check());
  CO_TRY(KeyPath path, checked_path(key, options.put));
  CO_TRY(std::shared_ptr<StagedFile> staged,
         options.id.empty() ? co_await stage(ctx, key, path, options.put, options.resumable)
                            : co_await adopt(key, options.id));
  if (options.size.value_or(0) >= direct_bytes_min) {
    CO_OK(co_await make_room(key, staged, *options.size));
  }
  co_return std::make_unique<LocalUpload>(*this, std::move(key), std::move(path),
                                          std::move(options), std::move(staged));
}

Task<SentPart> LocalUpload::part(rt::Context& ctx, uint32_t number, Body body) {
  if (staged_ == nullptr || number == 0 || number > store_.capabilities().parts_max) {
    co_return fail(store_.at(key_, {.code = Code::bad_input, .what = "no such part"}));
  }
  const uint64_t offset = (number - 1) * options_.part_bytes;
  CO_TRY(BodyCheck check,
         co_await store_.receive(ctx, key_, body, staged_, offset, options_.part_bytes));
  auto digests = check.finish(body);
  if (!digests.has_value()) {
    co_return fail(store_.at(key_, std::move(digests).error()));
  }
  parts_[number] = {.size = check.size(), .crc = digests->front()};
  co_return SentPart{.number = number, .bytes = check.size(), .crc32c = digests->front()};
}

// What was written may not have reached the disk before a power cut: each part is read again.
Task<std::vector<SentPart>> LocalUpload::take_over(rt::Context& ctx, std::vector<SentPart> parts) {
  std::vector<SentPart> there;
  for (const SentPart& each : parts) {
    CO_OK(ctx.check());
    auto same = [staged = staged_, each, offset = (each.number - 1) * options_.part_bytes] {
      return is_written(staged->file(), offset, each);
    };
    if (co_await rt::offload(store_.files(), std::move(same))) {
      parts_[each.number] = {.size = each.bytes, .crc = each.crc32c};
      there.push_back(each);
    }
  }
  co_return there;
}

Result<LocalUpload::Whole> LocalUpload::whole(std::vector<Digest> digests) const {
  Whole out;
  Digest crc = digest_of(DigestKind::crc32c, "");
  uint32_t expected = 1;
  for (const auto& [number, part] : parts_) {
    const bool full = part.size == options_.part_bytes;
    if (number != expected++ || (!full && number != parts_.rbegin()->first)) {
      return fail(Code::bad_input, "the parts have a gap, or one in the middle is short");
    }
    crc = combine_crc32c(crc, part.crc, part.size);
    out.size += part.size;
  }
  TRY(out.digests, check_whole(crc, std::move(digests)));
  return out;
}

Task<ObjectMeta> LocalUpload::commit(rt::Context& ctx, std::vector<Digest> digests) {
  CO_OK(ctx.check());
  if (staged_ == nullptr) {
    co_return fail(store_.at(key_, {.code = Code::bad_input, .what = "the upload has ended"}));
  }
  auto staged = std::exchange(staged_, nullptr);
  auto all = whole(std::move(digests));
  if (!all.has_value()) {
    co_return fail(store_.at(key_, std::move(all).error()));
  }
  // A part that was sent again may have been longer the first time.
  auto cut = [staged, size = all->size] {
    return ftruncate(staged->file(), static_cast<off_t>(size)) == 0 ? 0 : errno;
  };
  if (const int error_number = co_await rt::offload(store_.files(), std::move(cut));
      error_number != 0) {
    co_return fail(store_.at(key_, file_error(error_number, "finishing", {})));
  }
  co_return co_await store_.finish(ctx, key_,
                                   {.file = std::move(staged),
                                    .path = path_,
                                    .options = options_.put,
                                    .digests = std::move(all->digests)});
}

// The walk that has given the page before goes on; else a new one seeks its place.
std::shared_ptr<Walk> LocalStore::take_walk(const std::string& id) {
  const auto at = std::ranges::find(walks_, id, &Listed::id);
  if (at == walks_.end()) {
    return nullptr;
  }
  std::shared_ptr<Walk> walk = std::move(at->walk);
  walks_.erase(at);
  return walk;
}

void LocalStore::keep_walk(std::string id, std::shared_ptr<Walk> walk) {
  walks_.push_front({.id = std::move(id), .walk = std::move(walk)});
  if (walks_.size() > walks_max) {
    walks_.pop_back();
  }
}

struct PageMaker {
  ListOptions options;
  std::shared_ptr<Walk> walk;  // or none: starts where the cursor says
  std::filesystem::path root;
  Names names;

  // The cursor is `k` + the last key given, or `p` + the last prefix.
  Result<Page> make() {
    if (walk == nullptr) {
      const std::string& cursor = options.cursor;
      WalkOptions start{.prefix = options.prefix.text,
                        .after = cursor.empty() ? options.start_after.text : cursor.substr(1),
                        .skip = cursor.starts_with('p') ? cursor.substr(1) : std::string()};
      walk = std::make_shared<Walk>(root, names, std::move(start));
      TRY_OK(walk->start());
    }
    Page page;
    std::string last;
    const size_t limit = std::clamp<size_t>(options.limit, 1, 1000);
    while (page.objects.size() + page.prefixes.size() < limit) {
      TRY(auto found, walk->next());
      if (!found) {
        page.left_out = walk->take_left_out();
        return page;
      }
      const size_t cut = options.delimiter.empty()
                             ? std::string::npos
                             : found->key.text.find(options.delimiter, options.prefix.text.size());
      if (cut == std::string::npos) {
        last = "k" + found->key.text;
        page.objects.push_back(std::move(*found));
      } else {
        std::string prefix = found->key.text.substr(0, cut + options.delimiter.size());
        last = "p" + prefix;
        walk->skip(prefix);
        page.prefixes.push_back({std::move(prefix)});
      }
    }
    page.next = std::move(last);
    page.left_out = walk->take_left_out();
    return page;
  }
};

Task<Page> LocalStore::list(rt::Context& ctx, ListOptions options) {
  CO_OK(ctx.check());
  CO_OK(check_version(options.prefix, options.versions ? "any" : ""));
  const std::string id = fmt::format("{}\n{}\n", options.prefix.text, options.delimiter);
  auto maker = std::make_shared<PageMaker>();
  maker->walk = options.cursor.empty() ? nullptr : take_walk(id + options.cursor);
  maker->root = options_.root;
  maker->names = options_.names;
  maker->options = std::move(options);
  auto page = co_await rt::offload(files_, [maker] { return maker->make(); });
  if (page.has_value() && !page->next.empty()) {
    keep_walk(id + page->next, std::move(maker->walk));
  }
  co_return page;
}

Task<Unit> LocalStore::remove(rt::Context& ctx, Key key, RemoveOptions options) {
  CO_OK(ctx.check());
  CO_OK(check_version(key, options.version));
  CO_TRY(KeyPath path, checked_path(key, {}));
  auto remove = [this, path = std::move(path), if_match = std::move(options.if_match)] {
    return remove_object(options_.root, path, options_.names, if_match);
  };
  auto removed = co_await rt::offload(files_, std::move(remove));
  if (!removed.has_value()) {
    co_return fail(at(key, std::move(removed).error()));
  }
  co_return Unit{};
}

Task<std::vector<PendingUpload>> LocalStore::uploads(rt::Context& ctx, Key prefix) {
  CO_OK(ctx.check());
  if (!keeps_notes_) {
    co_return fail(at(prefix, {.code = Code::unsupported,
                               .what = "a file system without extended attributes does not tell "
                                       "which uploads are under way"}));
  }
  auto found = co_await rt::offload(files_, [this, text = prefix.text] {
    return pending_uploads(options_.root, options_.names, text);
  });
  co_return found.has_value() ? std::move(found) : fail(at(prefix, std::move(found).error()));
}

Task<Unit> LocalStore::abort_upload(rt::Context& ctx, Key key, std::string id) {
  CO_OK(ctx.check());
  auto aborted = co_await rt::offload(
      files_, [this, id = std::move(id)] { return abort_pending(staging_, id); });
  co_return aborted.has_value() ? aborted : fail(at(key, std::move(aborted).error()));
}

Task<Unit> LocalStore::change_bucket(rt::Context& ctx, Change change) {
  CO_OK(ctx.check());
  if (!options_.is_bucket) {
    co_return fail(at({}, {.code = Code::unsupported,
                           .what = "this connection is one folder, it has no buckets",
                           .remedy = "give a connection of type local `buckets: FOLDER`"}));
  }
  auto changed =
      co_await rt::offload(files_, [change, root = options_.root] { return change(root); });
  co_return changed.has_value() ? changed : fail(at({}, std::move(changed).error()));
}

// Shared blocks where the file system can, else a copy inside the kernel.
Result<Unit> LocalStore::clone(const OpenedFile& from, int to) const {
  if (ioctl(to, FICLONE, from.fd.get()) != 0) {
    off_t at = 0;
    while (at < from.info.st_size) {
      const ssize_t n = copy_file_range(from.fd.get(), &at, to, nullptr,
                                        static_cast<size_t>(from.info.st_size - at), 0);
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n < 0) {
        return fail(file_error(errno, "copying", {}));
      }
      if (n == 0) {
        break;
      }
    }
  }
  struct stat now{};
  struct stat copied{};
  if (fstat(from.fd.get(), &now) != 0 || fstat(to, &copied) != 0 || !is_same(now, from.info) ||
      copied.st_size != now.st_size) {
    return fail(changed_error());
  }
  return Unit{};
}

Task<ObjectMeta> LocalStore::copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) {
  CO_OK(ctx.check());
  CO_OK(check_version(from, options.version));
  CO_TRY(OpenedFile opened, co_await open_file(from));
  const ObjectMeta source = meta_of(from, opened.fd.get(), opened.info);
  if (!options.if_match.empty() && options.if_match != source.etag) {
    co_return fail(at(from, {.code = Code::conflict, .what = "the source was changed"}));
  }
  if (options.put.content_type.empty()) {
    options.put.content_type = source.content_type;
  }
  if (options.put.headers == ContentHeaders{}) {
    options.put.headers = source.headers;
  }
  if (options.put.metadata.empty() && !options.metadata_anew) {
    options.put.metadata = source.metadata;
  }
  CO_TRY(KeyPath path, checked_path(to, options.put));
  CO_TRY(auto made, co_await stage(ctx, to, path, options.put));
  std::shared_ptr<StagedFile> staged = std::move(made);
  auto shared = std::make_shared<OpenedFile>(std::move(opened));
  auto copied = co_await rt::offload(
      files_, [this, shared, staged] { return clone(*shared, staged->file()); });
  if (!copied.has_value()) {
    co_return fail(at(from, std::move(copied).error()));
  }
  co_return co_await finish(ctx, std::move(to),
                            {.file = std::move(staged),
                             .path = std::move(path),
                             .options = std::move(options.put),
                             .digests = source.digests});
}

}  // namespace

std::shared_ptr<ObjectStore> open_store(const Environment& environment, StoreOptions options) {
  return std::make_shared<LocalStore>(environment, std::move(options));
}

}  // namespace tutti::cloud::local
