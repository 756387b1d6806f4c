// SPDX-License-Identifier: Apache-2.0
#include "cloud/azure/hashed.h"

#include <algorithm>

#include "rt/scope.h"

namespace tutti::cloud::azure {
namespace {

constexpr size_t offload_bytes_min = 64U << 10U;  // below, a hop costs more than the hash

class Hashers {
 public:
  explicit Hashers(const std::vector<DigestKind>& kinds) {
    for (const DigestKind kind : kinds) {
      hashers_.emplace_back(kind);
    }
  }
  void update(std::span<const std::byte> bytes) {
    for (Hasher& each : hashers_) {
      each.update(bytes);
    }
  }
  std::vector<Digest> finish() {
    std::vector<Digest> out;
    for (Hasher& each : hashers_) {
      out.push_back(each.finish());
    }
    return out;
  }

 private:
  std::vector<Hasher> hashers_;
};

class HashedSource final : public ByteSource {
 public:
  HashedSource(std::unique_ptr<ByteSource> inner, const std::vector<DigestKind>& kinds,
               rt::Executor cpu, Found found)
      : inner_(std::move(inner)),
        hashers_(std::make_shared<Hashers>(kinds)),
        cpu_(std::move(cpu)),
        found_(std::move(found)) {
    found_->clear();
  }

  Task<Chunk> next(rt::Context& ctx) override {
    CO_TRY(Chunk chunk, co_await inner_->next(ctx));
    if (chunk.empty()) {
      if (found_->empty()) {
        *found_ = hashers_->finish();
      }
    } else if (chunk.size() < offload_bytes_min) {
      hashers_->update(chunk.bytes());
    } else {
      auto update = [hashers = hashers_, chunk] {
        hashers->update(chunk.bytes());
        return Unit{};
      };
      co_await rt::offload(cpu_, std::move(update));
    }
    co_return chunk;
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  std::shared_ptr<Hashers> hashers_;
  rt::Executor cpu_;
  Found found_;
};

struct Opening {
  Body inner;
  std::vector<DigestKind> kinds;
  rt::Executor cpu;
  Found found;
};

Task<std::unique_ptr<ByteSource>> open_hashed(rt::Context& ctx,
                                              std::shared_ptr<const Opening> opening) {
  CO_TRY(auto source, co_await opening->inner.open(ctx, 0));
  co_return std::make_unique<HashedSource>(std::move(source), opening->kinds, opening->cpu,
                                           opening->found);
}

}  // namespace

Body hashed(Body inner, std::vector<DigestKind> kinds, rt::Executor cpu, Found found) {
  Body body = inner;
  // A CRC32C of the same pass shows that the others are of the bytes that arrived (BodyCheck).
  if (std::ranges::find(kinds, DigestKind::crc32c) == kinds.end()) {
    kinds.push_back(DigestKind::crc32c);
  }
  body.digests_after = [after = inner.digests_after, found] {
    std::vector<Digest> all = after ? after() : std::vector<Digest>{};
    all.insert(all.end(), found->begin(), found->end());
    return all;
  };
  auto opening = std::make_shared<const Opening>(
      Opening{std::move(inner), std::move(kinds), std::move(cpu), std::move(found)});
  body.open = [opening](rt::Context& ctx, uint64_t) { return open_hashed(ctx, opening); };
  return body;
}

rt::asio::awaitable<std::vector<Digest>> digests_of(rt::Executor cpu,
                                                    std::shared_ptr<const std::string> bytes,
                                                    std::vector<DigestKind> kinds) {
  auto digest = [bytes, kinds = std::move(kinds)] {
    std::vector<Digest> out;
    for (const DigestKind kind : kinds) {
      out.push_back(digest_of(kind, *bytes));
    }
    return out;
  };
  if (bytes->size() < offload_bytes_min) {
    co_return digest();
  }
  co_return co_await rt::offload(std::move(cpu), std::move(digest));
}

}  // namespace tutti::cloud::azure
