// SPDX-License-Identifier: Apache-2.0
#include "xfer/tee.h"

#include <algorithm>

#include "rt/wait.h"

namespace tutti::xfer {
namespace {

using cloud::Body;
using cloud::ByteSource;
using cloud::Chunk;

class Reading {
 public:
  Reading(Body inner, size_t readers, Duration patience)
      : inner_(std::move(inner)), seats_(readers), patience_(patience) {}

  void leave(size_t seat) {
    seats_[seat].present = false;
    wake();
  }
  // Has to read for itself.
  bool left(size_t seat) const { return failed_ || !seats_[seat].present; }

  Task<std::unique_ptr<ByteSource>> open_alone(rt::Context& ctx, uint64_t offset) {
    return inner_.open(ctx, offset);
  }

  // nullopt: look again. An empty chunk is the end.
  Task<std::optional<Chunk>> next(rt::Context& ctx, size_t seat) {
    if (seats_[seat].taken < chunks_) {
      co_return take(seat);
    }
    if (ended_) {
      co_return Chunk();
    }
    if (reading_ || anybody_behind()) {
      CO_OK(co_await wait(ctx));
      co_return std::nullopt;
    }
    auto chunk = co_await read(ctx);
    reading_ = false;
    failed_ = !chunk.has_value();
    wake();
    CO_OK(chunk);
    ++chunks_;
    ended_ = chunk->empty();
    chunk_ = std::move(*chunk);
    co_return take(seat);
  }

 private:
  struct Seat {
    uint64_t taken = 0;  // chunks
    bool present = true;
  };

  Chunk take(size_t seat) {
    ++seats_[seat].taken;
    Chunk chunk = chunk_;
    if (!anybody_behind()) {
      chunk_ = {};
      wake();
    }
    return chunk;
  }

  Task<Chunk> read(rt::Context& ctx) {
    reading_ = true;
    if (source_ == nullptr) {
      CO_TRY(source_, co_await inner_.open(ctx, 0));
    }
    co_return co_await source_->next(ctx);
  }

  bool is_behind(const Seat& seat) const { return seat.present && seat.taken < chunks_; }
  bool anybody_behind() const {
    return std::ranges::any_of(seats_, [this](const Seat& each) { return is_behind(each); });
  }

  Task<Unit> wait(rt::Context& ctx) {
    const uint64_t chunks_before = chunks_;
    auto waiter = rt::Waiter::make();
    waiting_.push_back(waiter);
    rt::Context patient = ctx.with_timeout(patience_);
    const auto woken = co_await waiter->wait(patient);
    CO_OK(ctx.check());
    if (!woken.has_value() && !reading_ && chunks_ == chunks_before) {
      drop_who_is_behind();
    }
    co_return Unit{};
  }

  void drop_who_is_behind() {
    for (Seat& each : seats_) {
      each.present = each.present && !is_behind(each);
    }
    chunk_ = {};
    wake();
  }

  void wake() {
    for (const auto& each : std::exchange(waiting_, {})) {
      each->complete();
    }
  }

  Body inner_;
  std::unique_ptr<ByteSource> source_;
  std::vector<Seat> seats_;
  Duration patience_;
  Chunk chunk_;          // until everybody has taken it
  uint64_t chunks_ = 0;  // read so far
  bool reading_ = false;
  bool ended_ = false;
  bool failed_ = false;
  std::vector<std::shared_ptr<rt::Waiter>> waiting_;
};

// A place in the common reading, given up with its last owner.
class Place {
 public:
  Place(std::shared_ptr<Reading> reading, size_t seat)
      : reading_(std::move(reading)), seat_(seat) {}
  ~Place() { reading_->leave(seat_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  Reading& reading() const { return *reading_; }
  size_t seat() const { return seat_; }

 private:
  std::shared_ptr<Reading> reading_;
  size_t seat_;
};

class SharedSource final : public ByteSource {
 public:
  explicit SharedSource(std::unique_ptr<Place> place) : place_(std::move(place)) {}

  Task<Chunk> next(rt::Context& ctx) override {
    Reading& reading = place_->reading();
    while (alone_ == nullptr) {
      if (reading.left(place_->seat())) {
        CO_TRY(alone_, co_await reading.open_alone(ctx, offset_));
        break;
      }
      CO_TRY(std::optional<Chunk> chunk, co_await reading.next(ctx, place_->seat()));
      if (chunk) {
        offset_ += chunk->size();
        co_return std::move(*chunk);
      }
    }
    co_return co_await alone_->next(ctx);
  }

 private:
  std::unique_ptr<Place> place_;
  std::unique_ptr<ByteSource> alone_;
  uint64_t offset_ = 0;
};

Task<std::unique_ptr<ByteSource>> open_shared(std::unique_ptr<Place> place) {
  co_return std::make_unique<SharedSource>(std::move(place));
}

}  // namespace

std::vector<Body> tee(const Body& inner, size_t readers, Duration patience) {
  auto reading = std::make_shared<Reading>(inner, readers, patience);
  std::vector<Body> bodies;
  for (size_t seat = 0; seat < readers; ++seat) {
    Body body = inner;
    auto place = std::make_shared<std::unique_ptr<Place>>(std::make_unique<Place>(reading, seat));
    body.open = [reading, place](rt::Context& ctx, uint64_t offset) {
      if (offset == 0 && *place != nullptr) {
        return open_shared(std::move(*place));
      }
      place->reset();
      return reading->open_alone(ctx, offset);
    };
    bodies.push_back(std::move(body));
  }
  return bodies;
}

}  // namespace tutti::xfer
