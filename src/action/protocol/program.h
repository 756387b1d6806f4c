// SPDX-License-Identifier: Apache-2.0
// The program's side of tutti.action/1, for programs of ours in C++ (tutti-sql). Programs in other
// languages write it anew from docs/action-protocol.md; examples/actions has one.
#pragma once

#include <memory>
#include <string>

#include "action/protocol/peer.h"
#include "action/protocol/session.h"

namespace tutti::action {

// What a run may say while it works. Valid until the run's coroutine ends.
class ProgramRun {
 public:
  virtual ~ProgramRun() = default;
  virtual Task<Unit> log(rt::Context& ctx, Stream stream, std::string text) = 0;
  virtual Task<Unit> progress(rt::Context& ctx, Progress progress) = 0;
};

class Program {
 public:
  virtual ~Program() = default;
  virtual Hello hello() const = 0;  // name and version
  // Once, before any run. An error is told to the host, and serve() ends.
  virtual Task<Unit> start(rt::Context& ctx, Value setup) = 0;
  // Runs side by side; the context is cancelled by the host's cancel.
  virtual Task<Outcome> run(rt::Context& ctx, ProgramRun& run, Value info, Value with) = 0;
  virtual Task<Preview> plan(rt::Context& ctx, Value info, Value with) = 0;
};

// Until the host says bye and the open runs have ended (nothing is read after a bye), or the stream
// closes (open runs are cancelled and awaited). An error: the stream broke the protocol.
Task<Unit> serve(rt::Context& ctx, Peer& peer, Program& program);

}  // namespace tutti::action
