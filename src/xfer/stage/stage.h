// SPDX-License-Identifier: Apache-2.0
// Stage: bytes in, other bytes out, in bounded memory. Pure: no I/O, no clock, no randomness; one
// use, one thread at a time. The same input gives the same output however it is cut into pieces.
//
// After an error a stage is of no further use. Errors: `corrupt` (the input is damaged, cut off, or
// not of this format; `what` says where), `denied` (another key is needed), `bad_input` (not of a
// format that is known).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tutti::xfer::stage {

struct Moved {
  size_t taken = 0;  // of the input
  size_t given = 0;  // to the output
};
struct Ended {
  size_t given = 0;
  bool done = false;  // else the output is full, and there is more to come
};

class Stage {
 public:
  virtual ~Stage() = default;
  // Ends once all of `in` is taken or `out` is full; neither of them empty.
  virtual Result<Moved> update(std::string_view in, std::span<char> out) = 0;
  // After the last byte of the input, with an `out` that is not empty, until it says done.
  virtual Result<Ended> finish(std::span<char> out) = 0;
  // Whether only the end of finish() says that what was given is true (fernet). Nothing of it may
  // be taken for the object before; a put never shows bytes whose body ended with an error.
  virtual bool proves_late() const = 0;
};
using StagePtr = std::unique_ptr<Stage>;

// Bytes a stage has made and not yet given; at most what one turn of it makes.
class Pending {
 public:
  bool empty() const { return at_ == bytes_.size(); }
  // Only where it is empty: to be filled again.
  std::string& refill() {
    bytes_.clear();
    at_ = 0;
    return bytes_;
  }
  size_t give(std::span<char> out);

 private:
  std::string bytes_;
  size_t at_ = 0;
};

// A stage that makes its output turn by turn, each once the one before was given.
class TurnStage : public Stage {
 public:
  Result<Moved> update(std::string_view in, std::span<char> out) final;
  Result<Ended> finish(std::span<char> out) final;

 protected:
  // Takes from `in`, which is not empty, and may fill pending_, which is: at least one of the two.
  // Returns how much was taken.
  virtual Result<size_t> step(std::string_view in) = 0;
  // Behind the last byte of the input: once, and pending_ is empty.
  virtual Result<Unit> end() = 0;

  Pending pending_;

 private:
  bool ended_ = false;
};

// One stage after the other, as one. Where a later stage cannot read what an earlier one gives that
// proves late, the earlier one is still fed to its end: its error (a wrong key) is the reason then.
StagePtr chain(std::vector<StagePtr> stages);

// Takes the stage to its end over a text in memory: for tests and what is small.
Result<std::string> run_over(Stage& stage, std::string_view text);

}  // namespace tutti::xfer::stage
