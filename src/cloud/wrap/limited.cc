// SPDX-License-Identifier: Apache-2.0
#include "cloud/wrap/limited.h"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "rt/clock.h"
#include "rt/wait.h"

namespace tutti::cloud::wrap {
namespace {

constexpr uint64_t turns_a_second = 20;
constexpr uint64_t turn_bytes_min = 4096;
constexpr double catch_up_seconds = 0.1;

WeekTime week_time_of(Instant now) {
  const std::time_t seconds_now = now.us / 1'000'000;
  std::tm local{};
  // tidy: allow clock, it asks no clock: only what time of the day that instant is here
  localtime_r(&seconds_now, &local);
  return {.day = local.tm_wday, .minute = local.tm_hour * 60 + local.tm_min};
}

class LimitedSource final : public ByteSource {
 public:
  LimitedSource(std::unique_ptr<ByteSource> inner, std::shared_ptr<Limiter> limiter)
      : inner_(std::move(inner)), limiter_(std::move(limiter)) {}

  Task<Chunk> next(rt::Context& ctx) override {
    if (rest_.empty()) {
      CO_TRY(rest_, co_await inner_->next(ctx));
    }
    const size_t size = std::min<uint64_t>(rest_.size(), limiter_->turn_bytes(ctx));
    if (size > 0) {
      CO_OK(co_await limiter_->bytes(ctx, size));
    }
    Chunk turn = size == rest_.size() ? std::exchange(rest_, Chunk()) : rest_.slice(0, size);
    if (!rest_.empty()) {
      rest_ = rest_.slice(size, rest_.size() - size);
    }
    co_return turn;
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  std::shared_ptr<Limiter> limiter_;
  Chunk rest_;
};

Task<std::unique_ptr<ByteSource>> open_limited(Task<std::unique_ptr<ByteSource>> opening,
                                               std::shared_ptr<Limiter> limiter) {
  CO_TRY(auto source, co_await std::move(opening));
  co_return std::make_unique<LimitedSource>(std::move(source), std::move(limiter));
}

Body limited_body(Body body, std::shared_ptr<Limiter> limiter) {
  body.open = [open = std::move(body.open), limiter = std::move(limiter)](rt::Context& ctx,
                                                                          uint64_t offset) {
    return open_limited(open(ctx, offset), limiter);
  };
  return body;
}

class LimitedUpload final : public Upload {
 public:
  LimitedUpload(std::unique_ptr<Upload> inner, std::shared_ptr<Limiter> limiter)
      : inner_(std::move(inner)), limiter_(std::move(limiter)) {}
  Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->part(ctx, number, limited_body(std::move(body), limiter_));
  }
  std::string id() const override { return inner_->id(); }
  Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->take_over(ctx, std::move(parts));
  }
  void keep() override { inner_->keep(); }
  Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->commit(ctx, std::move(digests));
  }
  Task<Unit> abort(rt::Context& ctx) override { return inner_->abort(ctx); }

 private:
  std::unique_ptr<Upload> inner_;
  std::shared_ptr<Limiter> limiter_;
};

class LimitedStore final : public ObjectStore {
 public:
  LimitedStore(std::shared_ptr<ObjectStore> inner, std::shared_ptr<Limiter> limiter)
      : inner_(std::move(inner)), limiter_(std::move(limiter)) {}

  Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->head(ctx, std::move(key), std::move(options));
  }
  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    CO_TRY(Opened opened, co_await inner_->get(ctx, std::move(key), std::move(options)));
    opened.source = std::make_unique<LimitedSource>(std::move(opened.source), limiter_);
    co_return opened;
  }
  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->put(ctx, std::move(key), limited_body(std::move(body), limiter_),
                                   std::move(options));
  }
  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    CO_TRY(auto upload, co_await inner_->begin_upload(ctx, std::move(key), std::move(options)));
    co_return std::make_unique<LimitedUpload>(std::move(upload), limiter_);
  }
  Task<Page> list(rt::Context& ctx, ListOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->list(ctx, std::move(options));
  }
  Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->remove(ctx, std::move(key), std::move(options));
  }
  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->copy_within(ctx, std::move(from), std::move(to), std::move(options));
  }
  Task<ObjectMeta> pull(rt::Context& ctx, Key to, PullSource source, PutOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->pull(ctx, std::move(to), std::move(source), std::move(options));
  }
  const Capabilities& capabilities() const override { return inner_->capabilities(); }
  Task<Tags> tags(rt::Context& ctx, Key key) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->tags(ctx, std::move(key));
  }
  Task<std::vector<PendingUpload>> uploads(rt::Context& ctx, Key prefix) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->uploads(ctx, std::move(prefix));
  }
  Task<Unit> abort_upload(rt::Context& ctx, Key key, std::string id) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->abort_upload(ctx, std::move(key), std::move(id));
  }
  Task<Lock> lock(rt::Context& ctx, Key key, LockOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->lock(ctx, std::move(key), std::move(options));
  }
  Task<Unit> set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                           LockOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->set_retention(ctx, std::move(key), retention, std::move(options));
  }
  Task<Unit> set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->set_legal_hold(ctx, std::move(key), on, std::move(options));
  }
  Task<Unit> restore(rt::Context& ctx, Key key, RestoreOptions options) override {
    CO_OK(co_await limiter_->request(ctx));
    co_return co_await inner_->restore(ctx, std::move(key), std::move(options));
  }
  Task<Unit> create_bucket(rt::Context& ctx) override { return inner_->create_bucket(ctx); }
  Task<Unit> remove_bucket(rt::Context& ctx) override { return inner_->remove_bucket(ctx); }
  Task<std::string> presign(rt::Context& ctx, Key key, PresignOptions options) override {
    return inner_->presign(ctx, std::move(key), std::move(options));
  }

 private:
  std::shared_ptr<ObjectStore> inner_;
  std::shared_ptr<Limiter> limiter_;
};

// One limiter for each connection, whoever opens it.
class Limiters {
 public:
  explicit Limiters(std::filesystem::path file) : file_(std::move(file)) {}

  Result<std::shared_ptr<Limiter>> of(std::string_view connection, const Value& settings) {
    auto plan = RatePlan::parse(settings["limits"]);
    if (!plan.has_value()) {
      plan.error().what = fmt::format("connection '{}': {}", connection, plan.error().what);
      return fail(std::move(plan).error());
    }
    const std::lock_guard lock(mutex_);
    // The same name stands for another connection in another profile.
    std::shared_ptr<Limiter>& limiter = limiters_[{std::string(connection), to_json(settings)}];
    if (limiter == nullptr) {
      limiter = std::make_shared<Limiter>(std::move(*plan), file_, std::string(connection));
    }
    return limiter;
  }

 private:
  std::filesystem::path file_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Limiter>> limiters_;
};

ConnectionConfig without_limits(const ConnectionConfig& config) {
  ConnectionConfig plain = config;
  if (plain.settings.is_map()) {
    ValueMap settings;
    for (const auto& [key, value] : config.settings.as_map()) {
      if (key != "limits") {
        settings.set(key, value);
      }
    }
    plain.settings = Value(std::move(settings));
  }
  return plain;
}

Opener limited(Opener inner, std::shared_ptr<Limiters> limiters) {
  Opener opener;
  opener.open = [open = std::move(inner.open), limiters](std::string_view connection,
                                                         const ConnectionConfig& config,
                                                         std::string_view rest) -> Result<Located> {
    TRY(auto limiter, limiters->of(connection, config.settings));
    TRY(Located located, open(connection, without_limits(config), rest));
    located.store = make_limited(std::move(located.store), std::move(limiter));
    return located;
  };
  if (inner.site) {
    opener.site = [site = std::move(inner.site)](std::string_view connection,
                                                 const ConnectionConfig& config) {
      return site(connection, without_limits(config));
    };
  }
  return opener;
}

}  // namespace

Limiter::Limiter(RatePlan plan, std::filesystem::path file, std::string name)
    : plan_(std::move(plan)), file_(std::move(file)), name_(std::move(name)) {}

void Limiter::look_at_file(Instant now) {
  if (now < looked_ + seconds(1) && looked_ <= now) {
    return;
  }
  looked_ = now;
  std::error_code none;
  const auto time = std::filesystem::last_write_time(file_, none);
  if (none) {
    from_file_.reset();
    file_time_ = {};
  } else if (time != file_time_) {
    file_time_ = time;
    from_file_.reset();
    std::ifstream file(file_);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto limits = parse_json(text);
    if (limits.has_value() && limits->is_map() && !(*limits)[name_].is_null()) {
      if (auto plan = RatePlan::parse((*limits)[name_]); plan.has_value()) {
        from_file_ = std::move(*plan);
      }
    }
  }
  rates_ = (from_file_ ? *from_file_ : plan_).at(week_time_of(now));
}

Rates Limiter::rates(rt::Context& ctx) {
  look_at_file(ctx.clock().wall());
  return rates_;
}

Duration Limiter::wait_for(Line& line, BootInstant now, double seconds_each) {
  const auto microseconds = [](double time) {
    return Duration{.us = static_cast<int64_t>(time * 1e6)};
  };
  line.free_at = std::max(line.free_at, now + microseconds(-catch_up_seconds));
  const Duration wait = line.free_at - now;
  line.free_at = line.free_at + microseconds(seconds_each);
  return wait;
}

Task<Unit> Limiter::request(rt::Context& ctx) {
  Duration wait{};
  {
    const std::lock_guard lock(mutex_);
    if (const uint64_t each_second = rates(ctx).requests; each_second > 0) {
      wait = wait_for(requests_, ctx.clock().boot(), 1.0 / static_cast<double>(each_second));
    }
  }
  co_return wait.us > 0 ? co_await rt::delay(ctx, wait) : Result<Unit>(Unit{});
}

Task<Unit> Limiter::bytes(rt::Context& ctx, uint64_t count) {
  Duration wait{};
  {
    const std::lock_guard lock(mutex_);
    if (const uint64_t each_second = rates(ctx).bytes; each_second > 0) {
      wait = wait_for(bytes_, ctx.clock().boot(),
                      static_cast<double>(count) / static_cast<double>(each_second));
    }
  }
  co_return wait.us > 0 ? co_await rt::delay(ctx, wait) : Result<Unit>(Unit{});
}

uint64_t Limiter::turn_bytes(rt::Context& ctx) {
  const std::lock_guard lock(mutex_);
  const uint64_t each_second = rates(ctx).bytes;
  return each_second == 0 ? UINT64_MAX : std::max(turn_bytes_min, each_second / turns_a_second);
}

std::shared_ptr<ObjectStore> make_limited(std::shared_ptr<ObjectStore> inner,
                                          std::shared_ptr<Limiter> limiter) {
  return std::make_shared<LimitedStore>(std::move(inner), std::move(limiter));
}

std::filesystem::path limits_file(const std::filesystem::path& project) {
  return project / ".tutti" / "limits.json";
}

Openers limited(Openers openers, std::filesystem::path file) {
  auto limiters = std::make_shared<Limiters>(std::move(file));
  for (auto& [type, opener] : openers) {
    opener = limited(std::move(opener), limiters);
  }
  return openers;
}

}  // namespace tutti::cloud::wrap
