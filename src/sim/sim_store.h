// SPDX-License-Identifier: Apache-2.0
// SimStore: one owner's way to the world's disk, with everything that can go wrong on it: latency,
// refusals, a full disk, lost replies, and the owner's death before, during and after a commit.
#pragma once

#include <functional>

#include "sim/checks.h"
#include "sim/world.h"
#include "store/store.h"

namespace tutti::sim {

class SimStore final : public store::Store {
 public:
  // `die` ends the owner; afterwards every call fails with `cancelled`.
  SimStore(World& world, Checks& checks, uint64_t owner, std::function<void()> die);

  void cut() { alive_ = false; }

  Task<store::Claimed> claim(rt::Context& ctx, std::optional<store::Epoch> held) override;
  Task<Unit> commit(rt::Context& ctx, store::Commit commit) override;
  Task<store::RunImage> load_run(rt::Context& ctx, RunId run) override;
  Task<std::vector<store::RunRow>> runs(rt::Context& ctx, store::RunsQuery query) override;
  Task<std::vector<store::AttemptRow>> attempts(rt::Context& ctx, RunId run) override;
  Task<std::vector<store::OutputRow>> outputs(rt::Context& ctx,
                                              std::vector<store::OutputKey> keys) override;
  Task<Unit> put_blob(rt::Context& ctx, Digest digest, std::string bytes) override;
  Task<std::string> get_blob(rt::Context& ctx, Digest digest) override;
  Task<Unit> close(rt::Context& ctx) override;

 private:
  // The time a call takes, and its failure, if it is to fail.
  Task<Unit> travel(rt::Context& ctx, const char* what);
  Task<Unit> apply(rt::Context& ctx, store::Commit commit);
  void note(int64_t how) const;

  World& world_;
  Checks& checks_;
  uint64_t owner_;
  std::function<void()> die_;
  std::unique_ptr<store::Store> disk_;
  bool alive_ = true;
  uint64_t calls_ = 0;
};

}  // namespace tutti::sim
