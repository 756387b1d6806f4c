// SPDX-License-Identifier: Apache-2.0
// The owner's end of the helper's socket: inside of Processes.
#pragma once

#include <deque>
#include <map>

#include "rt/process.h"
#include "rt/process_wire.h"

namespace tutti::rt {

struct Process::Record {
  uint64_t id = 0;
  int pid = 0;
  std::string attempt;
  std::optional<wire::Started> started;
  std::optional<Result<Exit>> end;
  Notify changed;
  std::unique_ptr<ByteStream> out;
  std::unique_ptr<ByteStream> err;
  CancelSource outputs_over;
};

struct Processes::State : std::enable_shared_from_this<Processes::State> {
  State(Executor executor, ProcessesOptions o) : loop(std::move(executor)), options(std::move(o)) {}

  Task<Unit> open(Context& ctx);
  Task<Unit> close(Context& ctx);
  // Waits while the socket is full. `fds` stay the caller's.
  Task<Unit> send(Context& ctx, wire::Message message, std::vector<int> fds);
  void send_soon(wire::Message message);  // small, without descriptors; any order

  Executor loop;
  ProcessesOptions options;
  uint64_t next_id = 1;
  std::map<uint64_t, std::shared_ptr<Process::Record>> records;

 private:
  Task<Unit> start_helper(Context& ctx);
  // From the helper's start until it and all it started are dead.
  static Task<Unit> serve(std::shared_ptr<State> self, Context ctx);
  Task<Unit> receive(Context& ctx);
  void take(const wire::Message& message);
  Task<Unit> recover(Context& ctx);
  bool try_send(const std::string& bytes, const std::vector<int>& fds, int& error_number);

  Semaphore opening_ = Semaphore(1);
  Semaphore sending_ = Semaphore(1);
  bool alive_ = false;
  bool serving_ = false;
  bool closing_ = false;
  std::shared_ptr<Waiter> served_;  // somebody waits for the end of serve()
  std::deque<std::string> unsent_;
  std::unique_ptr<ByteStream> socket_;
  std::unique_ptr<ByteStream> helper_;  // pidfd
  ProcessLock lock_;                    // between two helpers
  Descriptor lock_pin_;                 // keeps the lock file's number from being used again
};

}  // namespace tutti::rt
