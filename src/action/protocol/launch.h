// SPDX-License-Identifier: Apache-2.0
// Starts programs that speak tutti.action/1 and runs them: descriptors 3 (to read) and 4 (to write)
// are theirs for the protocol, standard output and error are logs.
#pragma once

#include <memory>
#include <string>

#include "action/protocol/client.h"
#include "rt/process.h"

namespace tutti::action {

struct Launched {
  std::unique_ptr<rt::Process> process;
  std::unique_ptr<Client> client;  // not greeted yet
};
// `spec.extra` must be empty. Errors: those of Processes::start.
Task<Launched> launch(rt::Context& ctx, rt::Processes& processes, rt::ProcessSpec spec,
                      std::string name);

struct ProgramEnd {
  Result<Outcome> outcome;  // `lost` when the program ended without one
  Result<rt::Exit> exit;
  bool started = false;  // said hello
};
// One program for one run: starts it, greets, runs, says bye and awaits its end. What it prints
// goes into `sink`. Cancelled, it is asked first, then ended as Process::stop does.
Task<ProgramEnd> run_program(rt::Context& ctx, rt::Processes& processes, rt::ProcessSpec spec,
                             std::string name, Value setup, Attempt& attempt, rt::OutputSink& sink,
                             Value with);

}  // namespace tutti::action
