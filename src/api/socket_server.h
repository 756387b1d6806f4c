// SPDX-License-Identifier: Apache-2.0
// The owner's end of the control socket: serves a ControlPlane to many clients, many calls each. A
// client that goes away cancels its calls.
#pragma once

#include "control/wire.h"
#include "net/unix_socket.h"

namespace tutti::api {

struct ServeOptions {
  std::string version;          // of this program
  std::string settings = {};    // a digest of those it was made with, for Hello
  std::optional<Duration> idle  // ends when for so long no client was there and no run busy
      = std::nullopt;
  size_t clients_max = 256;  // more wait to be accepted
  size_t calls_max = 64;     // at once of one client; more are refused as `throttled`
};

// Runs on the plane's loop. Ends well when idle or retired (Verb::retire), else with the context's
// error; all calls have ended then.
Task<Unit> serve_socket(rt::Context& ctx, control::ControlPlane& plane, net::UnixListener& listener,
                        ServeOptions options);

}  // namespace tutti::api
