// SPDX-License-Identifier: Apache-2.0
// The client's end of the control socket: the owner's ControlPlane, from another process.
#pragma once

#include <filesystem>
#include <memory>

#include "control/wire.h"

namespace tutti::cli {

// Many calls at once, on one loop; no call may be waiting when it is destroyed. A call whose
// context is cancelled is given up at the owner too. When the owner goes away in the middle of a
// call: `unknown_outcome` for one that changes something, else `unavailable`.
class Remote : public control::ControlPlane {
 public:
  virtual const control::Hello& owner_hello() const = 0;
  // Asks the owner to end once no run is busy and no other client is there.
  virtual Task<Unit> retire(rt::Context& ctx) = 0;
};

// `not_found` when nobody listens on the socket, or who did is just ending; `timed_out` when it
// does not say hello within the context's deadline.
Task<std::unique_ptr<Remote>> connect_remote(rt::Context& ctx, std::filesystem::path socket,
                                             std::string version);

}  // namespace tutti::cli
