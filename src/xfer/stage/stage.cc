// SPDX-License-Identifier: Apache-2.0
#include "xfer/stage/stage.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace tutti::xfer::stage {
namespace {

constexpr size_t between_bytes = 64U << 10U;  // of each gap between two stages

// What lies between two stages.
struct Gap {
  std::string bytes = std::string(between_bytes, '\0');
  size_t from = 0;
  size_t to = 0;
  bool ended = false;

  std::string_view held() const { return std::string_view(bytes).substr(from, to - from); }
  std::span<char> space() {
    if (from == to) {
      from = to = 0;
    }
    return std::span(bytes).subspan(to);
  }
};

class Chain final : public Stage {
 public:
  explicit Chain(std::vector<StagePtr> stages)
      : stages_(std::move(stages)), gaps_(stages_.size() - 1) {}

  Result<Moved> update(std::string_view in, std::span<char> out) override {
    return run(in, out, false);
  }

  Result<Ended> finish(std::span<char> out) override {
    TRY(const Moved moved, run({}, out, true));
    return Ended{.given = moved.given, .done = done_};
  }

  bool proves_late() const override {
    return std::ranges::any_of(stages_, [](const StagePtr& each) { return each->proves_late(); });
  }

 private:
  // Turns until nothing moves any more. The last stage first: so there is room for the others.
  Result<Moved> run(std::string_view in, std::span<char> out, bool last) {
    Moved all;
    for (bool moving = true; moving && !done_;) {
      moving = false;
      for (size_t i = stages_.size(); i-- > 0;) {
        TRY(const bool moved, turn(i, in, out, last, all));
        moving = moving || moved;
      }
    }
    return all;
  }

  Result<bool> turn(size_t i, std::string_view in, std::span<char> out, bool last, Moved& all) {
    if (reason_ && i >= failed_) {
      return false;
    }
    const bool is_last = i + 1 == stages_.size();
    if (reason_ && i + 1 == failed_) {
      gaps_[i].from = gaps_[i].to;  // nobody reads it any more
    }
    const std::span<char> space = is_last ? out.subspan(all.given) : gaps_[i].space();
    const std::string_view given = i == 0 ? in.substr(all.taken) : gaps_[i - 1].held();
    const bool no_more = i == 0 ? last : gaps_[i - 1].ended;
    if (space.empty() || (given.empty() && !no_more) || (!is_last && gaps_[i].ended)) {
      return false;
    }
    const bool ends = given.empty();
    auto moved = ends ? end(i, space) : stages_[i]->update(given, space);
    if (!moved.has_value()) {
      TRY_OK(keep(i, std::move(moved).error()));
      return true;
    }
    (i == 0 ? all.taken : gaps_[i - 1].from) += moved->taken;
    (is_last ? all.given : gaps_[i].to) += moved->given;
    if (reason_ && i + 1 == failed_ && gaps_[i].ended) {
      return fail(std::move(*reason_));  // what it was given is proven: it was the later one
    }
    return ends || moved->taken + moved->given > 0;
  }

  Result<Moved> end(size_t i, std::span<char> space) {
    TRY(const Ended ended, stages_[i]->finish(space));
    (i + 1 == stages_.size() ? done_ : gaps_[i].ended) = ended.done;
    return Moved{.given = ended.given};
  }

  // The error of a stage: final, unless an earlier one may still say that it had no right bytes.
  Result<Unit> keep(size_t i, Error error) {
    const auto earlier = std::span(stages_).first(i);
    const bool late =
        std::ranges::any_of(earlier, [](const StagePtr& each) { return each->proves_late(); });
    if (!late || gaps_[i - 1].ended) {
      return fail(std::move(error));
    }
    reason_ = std::move(error);
    failed_ = i;
    return Unit{};
  }

  std::vector<StagePtr> stages_;
  std::vector<Gap> gaps_;
  bool done_ = false;
  std::optional<Error> reason_;  // why stage failed_ failed; those before it go on
  size_t failed_ = 0;
};

}  // namespace

size_t Pending::give(std::span<char> out) {
  const size_t n = std::min(out.size(), bytes_.size() - at_);
  std::memcpy(out.data(), bytes_.data() + at_, n);
  at_ += n;
  return n;
}

Result<Moved> TurnStage::update(std::string_view in, std::span<char> out) {
  Moved moved;
  while (true) {
    moved.given += pending_.give(out.subspan(moved.given));
    if (!pending_.empty() || moved.taken == in.size()) {
      return moved;
    }
    TRY(const size_t taken, step(in.substr(moved.taken)));
    moved.taken += taken;
  }
}

Result<Ended> TurnStage::finish(std::span<char> out) {
  Ended ended{.given = pending_.give(out)};
  if (pending_.empty() && !ended_) {
    TRY_OK(end());
    ended_ = true;
    ended.given += pending_.give(out.subspan(ended.given));
  }
  ended.done = ended_ && pending_.empty();
  return ended;
}

StagePtr chain(std::vector<StagePtr> stages) {
  return stages.size() == 1 ? std::move(stages.front())
                            : std::make_unique<Chain>(std::move(stages));
}

Result<std::string> run_over(Stage& stage, std::string_view text) {
  std::string out;
  std::string space(between_bytes, '\0');
  while (!text.empty()) {
    TRY(const Moved moved, stage.update(text, space));
    text.remove_prefix(moved.taken);
    out.append(space, 0, moved.given);
  }
  while (true) {
    TRY(const Ended ended, stage.finish(space));
    out.append(space, 0, ended.given);
    if (ended.done) {
      return out;
    }
  }
}

}  // namespace tutti::xfer::stage
