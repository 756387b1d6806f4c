// SPDX-License-Identifier: Apache-2.0
#include "xfer/hashing.h"

#include <algorithm>

#include <fmt/format.h>

#include "rt/scope.h"

namespace tutti::xfer {
namespace {

constexpr size_t offload_bytes_min = 64U << 10U;  // below, a hop costs more than the hash

class Hashes {
 public:
  explicit Hashes(const std::vector<DigestKind>& kinds) {
    for (const DigestKind kind : kinds) {
      hashers_.emplace_back(kind);
    }
    // A CRC32C alone costs less than a hop to another thread and back.
    heavy_ = kinds != std::vector{DigestKind::crc32c};
  }
  bool heavy() const { return heavy_; }
  void update(std::span<const std::byte> bytes) {
    for (Hasher& each : hashers_) {
      each.update(bytes);
    }
  }
  std::vector<Digest> finish() {
    std::vector<Digest> digests;
    for (Hasher& each : hashers_) {
      digests.push_back(each.finish());
    }
    return digests;
  }

 private:
  std::vector<Hasher> hashers_;
  bool heavy_ = true;
};

class HashingSource final : public cloud::ByteSource {
 public:
  HashingSource(std::unique_ptr<cloud::ByteSource> inner, const std::vector<DigestKind>& kinds,
                std::vector<Digest> expected, rt::Executor cpu, std::shared_ptr<Seen> seen,
                OnBytes on_bytes)
      : inner_(std::move(inner)),
        hashes_(std::make_shared<Hashes>(kinds)),
        expected_(std::move(expected)),
        cpu_(std::move(cpu)),
        seen_(std::move(seen)),
        on_bytes_(std::move(on_bytes)) {
    *seen_ = {};
  }

  Task<cloud::Chunk> next(rt::Context& ctx) override {
    CO_TRY(cloud::Chunk chunk, co_await inner_->next(ctx));
    if (chunk.empty()) {
      CO_OK(finish());
      co_return chunk;
    }
    if (chunk.size() < offload_bytes_min || !hashes_->heavy()) {
      hashes_->update(chunk.bytes());
    } else {
      auto update = [hashes = hashes_, chunk] {
        hashes->update(chunk.bytes());
        return Unit{};
      };
      co_await rt::offload(cpu_, std::move(update));
    }
    seen_->bytes += chunk.size();
    if (on_bytes_) {
      on_bytes_(chunk.size());
    }
    co_return chunk;
  }

 private:
  Result<Unit> finish() {
    if (!seen_->digests.empty()) {
      return Unit{};
    }
    seen_->digests = hashes_->finish();
    return check_source(seen_->digests, expected_);
  }

  std::unique_ptr<cloud::ByteSource> inner_;
  std::shared_ptr<Hashes> hashes_;
  std::vector<Digest> expected_;
  rt::Executor cpu_;
  std::shared_ptr<Seen> seen_;
  OnBytes on_bytes_;
};

// What is shared by the openings of one body.
struct Opening {
  cloud::Body inner;
  std::vector<DigestKind> kinds;
  std::vector<Digest> expected;
  rt::Executor cpu;
  std::shared_ptr<Seen> seen;
  OnBytes on_bytes;
};

Task<std::unique_ptr<cloud::ByteSource>> open_hashing(rt::Context& ctx,
                                                      std::shared_ptr<const Opening> opening) {
  CO_TRY(auto source, co_await opening->inner.open(ctx, 0));
  co_return std::make_unique<HashingSource>(std::move(source), opening->kinds, opening->expected,
                                            opening->cpu, opening->seen, opening->on_bytes);
}

// The first two of one kind that are not the same.
std::optional<std::pair<Digest, Digest>> difference(const std::vector<Digest>& seen,
                                                    const std::vector<Digest>& expected) {
  for (const Digest& each : expected) {
    const auto mine = std::ranges::find(seen, each.kind, &Digest::kind);
    if (mine != seen.end() && *mine != each) {
      return std::pair(*mine, each);
    }
  }
  return std::nullopt;
}

Task<std::unique_ptr<cloud::ByteSource>> cannot_start_inside() {
  co_return fail(Code::unsupported, "a digest of the whole cannot start in the middle");
}

}  // namespace

Result<Unit> check_source(const std::vector<Digest>& seen, const std::vector<Digest>& expected) {
  if (const auto differing = difference(seen, expected)) {
    return fail(Code::corrupt,
                fmt::format("the source gave bytes with {}, but says {}", to_text(differing->first),
                            to_text(differing->second)),
                "the source is damaged, or was changed without Tutti: write it again");
  }
  return Unit{};
}

std::vector<DigestKind> kinds_of(const std::vector<Digest>& digests) {
  std::vector<DigestKind> kinds;
  std::ranges::transform(digests, std::back_inserter(kinds), &Digest::kind);
  return kinds;
}

std::vector<DigestKind> whole_kinds(bool sha256) {
  return sha256 ? std::vector{DigestKind::sha256, DigestKind::crc32c}
                : std::vector{DigestKind::crc32c};
}

cloud::Body hashing_body(cloud::Body inner, std::vector<DigestKind> kinds,
                         std::vector<Digest> expected, rt::Executor cpu, std::shared_ptr<Seen> seen,
                         OnBytes on_bytes) {
  cloud::Body body;
  body.size = inner.size;
  body.one_shot = inner.one_shot;
  body.digests_after = [seen] { return seen->digests; };
  inner.digests.clear();
  auto opening = std::make_shared<const Opening>(Opening{std::move(inner), std::move(kinds),
                                                         std::move(expected), std::move(cpu), seen,
                                                         std::move(on_bytes)});
  body.open = [opening](rt::Context& ctx, uint64_t offset) {
    return offset == 0 ? open_hashing(ctx, opening) : cannot_start_inside();
  };
  return body;
}

Task<Seen> digest_object(rt::Context& ctx, cloud::ObjectStore& store, cloud::Key key,
                         std::string if_match, std::vector<DigestKind> kinds, rt::Executor cpu) {
  CO_TRY(cloud::Opened opened,
         co_await store.get(ctx, std::move(key), {.if_match = std::move(if_match)}));
  co_return co_await digest_opened(ctx, std::move(opened), std::move(kinds), std::move(cpu));
}

Task<Seen> digest_opened(rt::Context& ctx, cloud::Opened opened, std::vector<DigestKind> kinds,
                         rt::Executor cpu) {
  auto seen = std::make_shared<Seen>();
  HashingSource source(std::move(opened.source), kinds, {}, std::move(cpu), seen, {});
  while (true) {
    CO_TRY(const cloud::Chunk chunk, co_await source.next(ctx));
    if (chunk.empty()) {
      break;
    }
  }
  if (const auto differing = difference(seen->digests, opened.meta.digests)) {
    co_return fail(Code::corrupt,
                   fmt::format("its bytes have {}, its store says {}", to_text(differing->first),
                               to_text(differing->second)),
                   "it is damaged, or was changed without Tutti: write it again");
  }
  co_return *seen;
}

}  // namespace tutti::xfer
