// SPDX-License-Identifier: Apache-2.0
// tutti-sql as a program of tutti.action/1: its setup opens the database, its runs are statements
// and loads (action/sql/README.md lists the members). One loop answers the host, a loop of its own
// serves the objects, a few threads run the statements.
#pragma once

#include <functional>
#include <memory>

#include "action/protocol/program.h"

namespace tutti::sql {

// How many statements run at once; more wait.
constexpr size_t statements_max = 8;

// `before_reply` is called when a run is done, from its thread; for tests.
std::unique_ptr<action::Program> make_program(std::function<void()> before_reply = {});

// Serves the host on descriptors 3 and 4 until it closes them; the exit status.
int serve_host(action::Program& program);

}  // namespace tutti::sql
