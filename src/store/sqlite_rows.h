// SPDX-License-Identifier: Apache-2.0
// The rows of store.h in and out of state.db: Writer on the connection that writes, Reader on the
// one that reads. Blocking; each on one thread.
#pragma once

#include <unordered_map>

#include "store/sqlite_db.h"
#include "store/store.h"

namespace tutti::store {

class Writer {
 public:
  static Result<std::unique_ptr<Writer>> make(Connection& connection);

  Result<Epoch> claim(std::optional<Epoch> held);
  // All or nothing. `unknown_outcome` when the sync failed: whether the rows are there is known
  // only to who opens the file again, so the writer takes nothing more.
  Result<Unit> commit(const Commit& commit);
  Result<Unit> put_blob(const Digest& digest, std::string_view bytes, Instant now);
  // Those put before and not live; `live` sorted.
  Result<uint64_t> collect_blobs(const std::vector<Digest>& live, Instant put_before);

 private:
  explicit Writer(Connection& connection) : connection_(connection) {}
  Result<Unit> prepare();
  Result<Epoch> current_epoch();
  template <class F>
  Result<Unit> transaction(F write);
  Result<Unit> write(const Commit& commit);
  Result<Unit> write(const RunRow& row);
  Result<Unit> write(const Page& page);
  Result<Unit> write(const AttemptRow& row);
  Result<Unit> write(const OutputRow& row);
  Result<int64_t> run_no_of(const RunId& run);
  Result<std::optional<int64_t>> find_run_no(const RunId& run);
  Result<Unit> check_number(const RunRow& row);

  Connection& connection_;
  std::optional<Error> broken_;
  std::unordered_map<RunId, int64_t> run_nos_;  // of the runs written lately
  Statement begin_, commit_, rollback_, epoch_, claim_;
  Statement find_run_, find_number_, put_run_, put_page_, drop_page_, put_attempt_, put_output_;
  Statement touch_blob_, put_blob_;
};

class Reader {
 public:
  static Result<std::unique_ptr<Reader>> make(Connection& connection);

  Result<Claimed> live(Epoch epoch);
  Result<RunImage> image(const RunId& run);
  Result<std::vector<RunRow>> runs(const RunsQuery& query);
  Result<std::vector<AttemptRow>> attempts(const RunId& run);
  Result<std::vector<OutputRow>> outputs(const std::vector<OutputKey>& keys);
  Result<std::optional<std::string>> blob(const Digest& digest);

 private:
  explicit Reader(Connection& connection) : connection_(connection) {}
  Result<std::vector<Page>> pages(const RunRow& row);
  template <class F>
  auto snapshot(F read) -> decltype(read());  // all that `read` reads is of one moment

  Connection& connection_;
  Statement begin_, end_, pages_, attempts_, output_, blob_;
};

}  // namespace tutti::store
