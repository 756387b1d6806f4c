// SPDX-License-Identifier: Apache-2.0
#include "cloud/wrap/faulty.h"

#include <algorithm>

#include "rt/wait.h"

namespace tutti::cloud::wrap {
namespace {

using MaybeFault = std::optional<Fault>;

MaybeFault fault_of(const FaultPlan& plan, Operation operation, const Key& key) {
  return plan ? plan(operation, key) : std::nullopt;
}

// What happens before the call.
Task<Unit> enter(rt::Context& ctx, MaybeFault fault) {
  if (fault && fault->delay.us > 0) {
    CO_OK(co_await rt::delay(ctx, fault->delay));
  }
  if (fault && fault->kind == Fault::Kind::refuse) {
    co_return fail(fault->error);
  }
  co_return Unit{};
}

template <class T>
Result<T> leave(MaybeFault fault, Result<T> result) {
  return result.has_value() && fault && fault->kind == Fault::Kind::lose_reply
             ? Result<T>(fail(fault->error))
             : std::move(result);
}

class FaultySource final : public ByteSource {
 public:
  FaultySource(std::unique_ptr<ByteSource> inner, Fault fault)
      : inner_(std::move(inner)), fault_(std::move(fault)) {}

  Task<Chunk> next(rt::Context& ctx) override {
    if (fault_.kind == Fault::Kind::cut && passed_ >= fault_.at) {
      co_return fail(fault_.error);
    }
    CO_TRY(Chunk chunk, co_await inner_->next(ctx));
    const uint64_t from = std::exchange(passed_, passed_ + chunk.size());
    if (fault_.at < from || fault_.at >= passed_) {
      co_return chunk;
    }
    const size_t at = fault_.at - from;
    if (fault_.kind == Fault::Kind::cut) {
      co_return at == 0 ? Result<Chunk>(fail(fault_.error)) : chunk.slice(0, at);
    }
    co_return co_await flipped(ctx, std::move(chunk), at);
  }

 private:
  static Task<Chunk> flipped(rt::Context& ctx, Chunk chunk, size_t at) {
    BufferPool own({.bytes_max = chunk.size(), .chunk_bytes = chunk.size()});
    CO_TRY(Buffer buffer, co_await own.take(ctx));
    std::ranges::copy(chunk.bytes(), buffer.space().begin());
    buffer.space()[at] ^= std::byte{1};
    co_return Chunk(std::move(buffer), chunk.size());
  }

  std::unique_ptr<ByteSource> inner_;
  Fault fault_;
  uint64_t passed_ = 0;
};

Task<std::unique_ptr<ByteSource>> open_flipped(rt::Context& ctx, std::shared_ptr<const Body> body,
                                               uint64_t offset, Fault fault) {
  CO_TRY(auto source, co_await body->open(ctx, offset));
  fault.at -= std::min(fault.at, offset);
  co_return std::make_unique<FaultySource>(std::move(source), std::move(fault));
}

// The bytes go wrong behind whoever digested them on their way here.
Body flipped_body(MaybeFault fault, Body body) {
  if (!fault || fault->kind != Fault::Kind::flip) {
    return body;
  }
  auto inner = std::make_shared<const Body>(body);
  body.open = [inner, fault](rt::Context& ctx, uint64_t offset) {
    return open_flipped(ctx, inner, offset, *fault);
  };
  return body;
}

class FaultyUpload final : public Upload {
 public:
  FaultyUpload(std::unique_ptr<Upload> inner, const FaultPlan& plan, Key key)
      : inner_(std::move(inner)), plan_(plan), key_(std::move(key)) {}

  Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) override {
    const MaybeFault fault = fault_of(plan_, Operation::part, key_);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault,
                    co_await inner_->part(ctx, number, flipped_body(fault, std::move(body))));
  }
  Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) override {
    const MaybeFault fault = fault_of(plan_, Operation::commit, key_);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault, co_await inner_->commit(ctx, std::move(digests)));
  }
  Task<Unit> abort(rt::Context& ctx) override { co_return co_await inner_->abort(ctx); }
  std::string id() const override { return inner_->id(); }
  Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts) override {
    return inner_->take_over(ctx, std::move(parts));
  }
  void keep() override { inner_->keep(); }

 private:
  std::unique_ptr<Upload> inner_;
  const FaultPlan& plan_;  // the store's
  Key key_;
};

class FaultyStore final : public ObjectStore {
 public:
  FaultyStore(std::shared_ptr<ObjectStore> inner, FaultPlan plan)
      : inner_(std::move(inner)), plan_(std::move(plan)) {}

  Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) override {
    const MaybeFault fault = fault_of(plan_, Operation::head, key);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault, co_await inner_->head(ctx, std::move(key), std::move(options)));
  }
  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override {
    const MaybeFault fault = fault_of(plan_, Operation::get, key);
    CO_OK(co_await enter(ctx, fault));
    CO_TRY(Opened opened, leave(fault, co_await inner_->get(ctx, std::move(key), options)));
    if (fault) {
      opened.source = std::make_unique<FaultySource>(std::move(opened.source), *fault);
    }
    co_return opened;
  }
  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override {
    const MaybeFault fault = fault_of(plan_, Operation::put, key);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault, co_await inner_->put(ctx, std::move(key),
                                                flipped_body(fault, std::move(body)), options));
  }
  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override {
    const MaybeFault fault = fault_of(plan_, Operation::begin_upload, key);
    CO_OK(co_await enter(ctx, fault));
    CO_TRY(auto upload, co_await inner_->begin_upload(ctx, key, std::move(options)));
    co_return std::make_unique<FaultyUpload>(std::move(upload), plan_, std::move(key));
  }
  Task<Page> list(rt::Context& ctx, ListOptions options) override {
    const MaybeFault fault = fault_of(plan_, Operation::list, options.prefix);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault, co_await inner_->list(ctx, std::move(options)));
  }
  Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) override {
    const MaybeFault fault = fault_of(plan_, Operation::remove, key);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault, co_await inner_->remove(ctx, std::move(key), std::move(options)));
  }
  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override {
    const MaybeFault fault = fault_of(plan_, Operation::copy, to);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault,
                    co_await inner_->copy_within(ctx, std::move(from), std::move(to), options));
  }
  Task<ObjectMeta> pull(rt::Context& ctx, Key to, PullSource source, PutOptions options) override {
    const MaybeFault fault = fault_of(plan_, Operation::copy, to);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault, co_await inner_->pull(ctx, std::move(to), std::move(source), options));
  }
  const Capabilities& capabilities() const override { return inner_->capabilities(); }
  Task<std::string> presign(rt::Context& ctx, Key key, PresignOptions options) override {
    return inner_->presign(ctx, std::move(key), std::move(options));
  }
  Task<Tags> tags(rt::Context& ctx, Key key) override { return inner_->tags(ctx, std::move(key)); }
  Task<std::vector<PendingUpload>> uploads(rt::Context& ctx, Key prefix) override {
    const MaybeFault fault = fault_of(plan_, Operation::list, prefix);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault, co_await inner_->uploads(ctx, std::move(prefix)));
  }
  Task<Unit> abort_upload(rt::Context& ctx, Key key, std::string id) override {
    const MaybeFault fault = fault_of(plan_, Operation::remove, key);
    CO_OK(co_await enter(ctx, fault));
    co_return leave(fault, co_await inner_->abort_upload(ctx, std::move(key), std::move(id)));
  }
  Task<Lock> lock(rt::Context& ctx, Key key, LockOptions options) override {
    return inner_->lock(ctx, std::move(key), std::move(options));
  }
  Task<Unit> set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                           LockOptions options) override {
    return inner_->set_retention(ctx, std::move(key), retention, std::move(options));
  }
  Task<Unit> set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) override {
    return inner_->set_legal_hold(ctx, std::move(key), on, std::move(options));
  }
  Task<Unit> restore(rt::Context& ctx, Key key, RestoreOptions options) override {
    return inner_->restore(ctx, std::move(key), std::move(options));
  }

 private:
  std::shared_ptr<ObjectStore> inner_;
  FaultPlan plan_;
};

}  // namespace

std::unique_ptr<ObjectStore> make_faulty(std::shared_ptr<ObjectStore> inner, FaultPlan plan) {
  return std::make_unique<FaultyStore>(std::move(inner), std::move(plan));
}

}  // namespace tutti::cloud::wrap
