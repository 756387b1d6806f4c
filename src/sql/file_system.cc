// SPDX-License-Identifier: Apache-2.0
#include "sql/file_system.h"

#include <duckdb.hpp>
#include <duckdb/common/exception.hpp>
#include <duckdb/common/file_opener.hpp>
#include <duckdb/common/file_system.hpp>
#include <duckdb/common/types/timestamp.hpp>
#include <duckdb/main/capi/capi_internal.hpp>

#include "base/address.h"

namespace tutti::sql {

void StatementTable::begin(const void* client, std::shared_ptr<StatementIo> io) {
  const std::lock_guard lock(mutex_);
  running_[client] = std::move(io);
}

void StatementTable::end(const void* client) {
  const std::lock_guard lock(mutex_);
  running_.erase(client);
}

std::shared_ptr<StatementIo> StatementTable::of(const void* client) const {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(client);
  return found == running_.end() ? fallback_ : found->second;
}

namespace {

using duckdb::FileHandle;
using duckdb::FileOpener;
using duckdb::FileOpenFlags;
using duckdb::idx_t;
using duckdb::optional_ptr;

// DuckDB's interface throws; the statement's own error is kept whole in StatementIo.
[[noreturn]] void give_up(const Error& error) {
  if (error.code == Code::denied) {
    throw duckdb::PermissionException(error.text());
  }
  throw duckdb::IOException(error.text());
}

template <class T>
T or_throw(Result<T> result) {
  if (!result.has_value()) {
    give_up(result.error());
  }
  return std::move(*result);
}

struct Handle final : FileHandle {
  Handle(duckdb::FileSystem& system, const std::string& path, FileOpenFlags flags)
      : FileHandle(system, path, flags) {}
  void Close() override {
    reader.reset();
    if (writer != nullptr) {
      or_throw(writer->close());
    }
  }
  std::unique_ptr<Reader> reader;
  std::unique_ptr<Writer> writer;
};

class Files final : public duckdb::FileSystem {
 public:
  Files(Objects& objects, StatementTable& statements, std::set<std::string> connections)
      : objects_(objects), statements_(statements), connections_(std::move(connections)) {}

  std::string GetName() const override { return "TuttiConnections"; }

  bool CanHandleFile(const std::string& path) override {
    const Result<Address> address = parse_address(path);
    return address.has_value() && connections_.contains(address->connection);
  }

  duckdb::unique_ptr<FileHandle> OpenFile(const std::string& path, FileOpenFlags flags,
                                          optional_ptr<FileOpener> opener) override {
    auto handle = duckdb::make_uniq<Handle>(*this, path, flags);
    const auto io = io_of(opener.get());
    if (flags.OpenForWriting()) {
      if (flags.OpenForReading() || flags.OpenForAppending()) {
        throw duckdb::PermissionException(
            "objects are read or written whole, not changed in place: " + path);
      }
      handle->writer = or_throw(objects_.create(io, path));
      return handle;
    }
    if (flags.ReturnNullIfNotExists() && !or_throw(objects_.exists(io, path))) {
      return nullptr;
    }
    handle->reader = or_throw(objects_.open(io, path));
    return handle;
  }

  void Read(FileHandle& handle, void* buffer, int64_t n, idx_t location) override {
    or_throw(reader(handle).read_at(static_cast<char*>(buffer), static_cast<size_t>(n), location));
  }
  int64_t Read(FileHandle& handle, void* buffer, int64_t n) override {
    return static_cast<int64_t>(
        or_throw(reader(handle).read(static_cast<char*>(buffer), static_cast<size_t>(n))));
  }
  int64_t Write(FileHandle& handle, void* buffer, int64_t n) override {
    or_throw(writer(handle).write(static_cast<const char*>(buffer), static_cast<size_t>(n)));
    return n;
  }
  void Write(FileHandle& handle, void* buffer, int64_t n, idx_t location) override {
    if (location != writer(handle).written()) {
      throw duckdb::IOException("objects are written from start to end: " + handle.path);
    }
    (void)Write(handle, buffer, n);
  }
  void FileSync(FileHandle&) override {}  // an object is durable when close() has returned

  int64_t GetFileSize(FileHandle& handle) override {
    Handle& mine = handle.Cast<Handle>();
    return static_cast<int64_t>(mine.reader != nullptr ? mine.reader->meta().size
                                                       : writer(handle).written());
  }
  duckdb::timestamp_t GetLastModifiedTime(FileHandle& handle) override {
    return duckdb::timestamp_t(reader(handle).meta().modified.us);
  }
  std::string GetVersionTag(FileHandle& handle) override { return reader(handle).meta().etag; }
  duckdb::FileType GetFileType(FileHandle&) override { return duckdb::FileType::FILE_TYPE_REGULAR; }

  void Seek(FileHandle& handle, idx_t location) override { reader(handle).seek(location); }
  void Reset(FileHandle& handle) override { reader(handle).seek(0); }
  idx_t SeekPosition(FileHandle& handle) override {
    Handle& mine = handle.Cast<Handle>();
    return mine.reader != nullptr ? mine.reader->position() : writer(handle).written();
  }
  bool CanSeek() override { return true; }
  bool OnDiskFile(FileHandle&) override { return false; }

  duckdb::vector<duckdb::OpenFileInfo> Glob(const std::string& path, FileOpener* opener) override {
    duckdb::vector<duckdb::OpenFileInfo> files;
    for (Found& found : or_throw(objects_.find(io_of(opener), path))) {
      files.emplace_back(std::move(found.address));
    }
    return files;
  }
  // DuckDB asks it before it writes, and would write what exists beside first and rename it: an
  // object becomes visible whole anyway.
  bool FileExists(const std::string&, optional_ptr<FileOpener>) override { return false; }
  bool DirectoryExists(const std::string& path, optional_ptr<FileOpener> opener) override {
    return or_throw(objects_.is_folder(io_of(opener.get()), path));
  }
  // Stores of objects have no folders to make.
  void CreateDirectory(const std::string&, optional_ptr<FileOpener>) override {}
  void CreateDirectoriesRecursive(const std::string&, optional_ptr<FileOpener>) override {}
  void RemoveFile(const std::string& path, optional_ptr<FileOpener> opener) override {
    or_throw(objects_.remove(io_of(opener.get()), path));
  }
  bool TryRemoveFile(const std::string& path, optional_ptr<FileOpener> opener) override {
    const auto io = io_of(opener.get());
    if (!or_throw(objects_.exists(io, path))) {
      return false;
    }
    or_throw(objects_.remove(io, path));
    return true;
  }
  void MoveFile(const std::string& from, const std::string& to,
                optional_ptr<FileOpener> opener) override {
    or_throw(objects_.move(io_of(opener.get()), from, to));
  }
  std::string PathSeparator(const std::string&) override { return "/"; }
  bool IsPathAbsolute(const std::string&) override { return true; }
  std::string CanonicalizePath(const std::string& path, optional_ptr<FileOpener>) override {
    return path;  // keys are bytes
  }

 private:
  std::shared_ptr<StatementIo> io_of(FileOpener* opener) {
    return statements_.of(FileOpener::TryGetClientContext(opener).get());
  }
  static Reader& reader(FileHandle& handle) {
    Handle& mine = handle.Cast<Handle>();
    if (mine.reader == nullptr) {
      throw duckdb::IOException("it is open for writing: " + handle.path);
    }
    return *mine.reader;
  }
  static Writer& writer(FileHandle& handle) {
    Handle& mine = handle.Cast<Handle>();
    if (mine.writer == nullptr) {
      throw duckdb::IOException("it is open for reading: " + handle.path);
    }
    return *mine.writer;
  }

  Objects& objects_;
  StatementTable& statements_;
  std::set<std::string> connections_;
};

}  // namespace

Result<Unit> register_file_system(duckdb_database database, Objects& objects,
                                  StatementTable& statements, std::set<std::string> connections) {
  try {
    auto* wrapper = reinterpret_cast<duckdb::DatabaseWrapper*>(database);
    wrapper->database->instance->GetFileSystem().RegisterSubSystem(
        duckdb::make_uniq<Files>(objects, statements, std::move(connections)));
    return Unit{};
  } catch (const std::exception& e) {
    return fail(Code::internal, std::string("DuckDB refused our file system: ") + e.what());
  }
}

const void* client_of(duckdb_connection connection) {
  return reinterpret_cast<duckdb::Connection*>(connection)->context.get();
}

std::string header_version() { return "v" TUTTI_DUCKDB_VERSION; }

}  // namespace tutti::sql
