// SPDX-License-Identifier: Apache-2.0
#include "xfer/staged_body.h"

namespace tutti::xfer {
namespace {

constexpr size_t chunk_bytes = 128U << 10U;

// What one turn on the pool works with.
struct Turning {
  stage::StagePtr stage;
  std::string in = {};
  size_t taken = 0;  // of it
  bool source_ended = false;
  bool done = false;
  std::string space = std::string(chunk_bytes, '\0');

  bool needs_more() const { return taken == in.size() && !source_ended; }

  // Until the space is full or the input is used up.
  Result<cloud::Chunk> turn() {
    size_t given = 0;
    if (taken < in.size()) {
      TRY(const stage::Moved moved, stage->update(std::string_view(in).substr(taken), space));
      taken += moved.taken;
      given = moved.given;
    } else {
      TRY(const stage::Ended ended, stage->finish(space));
      done = ended.done;
      given = ended.given;
    }
    return cloud::Chunk(std::make_shared<const std::string>(space, 0, given));
  }
};

class StagedSource final : public cloud::ByteSource {
 public:
  StagedSource(std::unique_ptr<cloud::ByteSource> inner, stage::StagePtr stage, rt::Executor cpu)
      : inner_(std::move(inner)),
        turning_(std::make_shared<Turning>(std::move(stage))),
        cpu_(std::move(cpu)) {}

  Task<cloud::Chunk> next(rt::Context& ctx) override {
    while (!turning_->done) {
      CO_OK(ctx.check());
      if (turning_->needs_more()) {
        CO_OK(co_await read(ctx));
      }
      auto chunk = co_await rt::offload(cpu_, [turning = turning_] { return turning->turn(); });
      if (!chunk.has_value() || !chunk->empty()) {
        co_return chunk;
      }
    }
    co_return cloud::Chunk();
  }

 private:
  Task<Unit> read(rt::Context& ctx) {
    CO_TRY(const cloud::Chunk chunk, co_await inner_->next(ctx));
    turning_->in.assign(chunk.text());
    turning_->taken = 0;
    turning_->source_ended = chunk.empty();
    co_return Unit{};
  }

  std::unique_ptr<cloud::ByteSource> inner_;
  std::shared_ptr<Turning> turning_;
  rt::Executor cpu_;
};

Task<std::unique_ptr<cloud::ByteSource>> open_staged(rt::Context& ctx,
                                                     std::shared_ptr<const cloud::Body> inner,
                                                     stage::StagePtr stage, rt::Executor cpu) {
  CO_TRY(auto source, co_await inner->open(ctx, 0));
  co_return std::make_unique<StagedSource>(std::move(source), std::move(stage), std::move(cpu));
}

Task<std::unique_ptr<cloud::ByteSource>> cannot_start_inside() {
  co_return fail(Code::unsupported, "what a stage makes cannot start in the middle");
}

}  // namespace

cloud::Body staged_body(cloud::Body inner, MakeStage make, rt::Executor cpu) {
  cloud::Body body;
  body.one_shot = inner.one_shot;
  body.open = [inner = std::make_shared<const cloud::Body>(std::move(inner)),
               make = std::move(make), cpu](rt::Context& ctx, uint64_t offset) {
    return offset == 0 ? open_staged(ctx, inner, make(), cpu) : cannot_start_inside();
  };
  return body;
}

}  // namespace tutti::xfer
