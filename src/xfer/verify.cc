// SPDX-License-Identifier: Apache-2.0
#include "xfer/verify.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "rt/retry.h"
#include "rt/scope.h"
#include "xfer/hashing.h"

namespace tutti::xfer {
namespace {

constexpr size_t parallel = 64;

struct Work {
  const cloud::Connections& connections;
  std::string profile;
  Claims claims;
  Proving proving;
  rt::Executor cpu;
  Proven proven = {};
};

Result<Claim> claim_of(const Value& line) {
  Claim claim{.address = std::string(line["to"].get_string("address")),
              .bytes = static_cast<uint64_t>(std::max<int64_t>(0, line.get_int("bytes", -1)))};
  if (line.get_string("format") != manifest_format || claim.address.empty() ||
      line.get_int("bytes", -1) < 0 || !line["digests"].is_map()) {
    return fail(Code::bad_input, "this is no line of a manifest",
                "give a file that --manifest wrote");
  }
  claim.failed = line.get_string("done") == done_name(Done::failed);
  for (const auto& [kind, value] : line["digests"].as_map()) {
    if (value.is_string()) {
      TRY(const Digest digest, parse_digest(kind + ":" + value.as_string()));
      claim.digests.push_back(digest);
    }
  }
  return claim;
}

Error at_line(Error error, size_t number) {
  error.where = fmt::format("line {}", number);
  return error;
}

Result<Claim> parse_claim(std::string_view line) {
  TRY(const Value value, parse_json(line));
  return claim_of(value);
}

// Errors say which line.
Result<Unit> for_each_line(std::string_view text,
                           const std::function<Result<Unit>(const Value&)>& take) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) {
      continue;
    }
    const auto value = parse_json(line);
    auto taken = value.has_value() ? take(*value) : Result<Unit>(fail(value.error()));
    if (!taken.has_value()) {
      return fail(at_line(std::move(taken).error(), number));
    }
  }
  return Unit{};
}

// What differs between the claim and digests that are known; nullopt: they have none in common.
std::optional<std::string> difference(const Claim& claim, const std::vector<Digest>& known) {
  std::optional<std::string> text;
  for (const Digest& each : claim.digests) {
    const auto its = std::ranges::find(known, each.kind, &Digest::kind);
    if (its == known.end()) {
      continue;
    }
    if (*its != each) {
      return fmt::format("its bytes are different: {} now, {} in the manifest", to_text(*its),
                         to_text(each));
    }
    text = "";
  }
  return text;
}

std::string size_difference(const Claim& claim, uint64_t bytes) {
  return bytes == claim.bytes
             ? std::string()
             : fmt::format("it has {} bytes, {} in the manifest", bytes, claim.bytes);
}

const std::string missing = "it is missing";

// Empty: it is as claimed.
Task<std::string> look_at(rt::Context& ctx, Work& all, Claim claim) {
  if (claim.failed) {
    co_return std::string("it was not copied: the manifest says that it failed");
  }
  CO_TRY(const cloud::Located located, all.connections.open(all.profile, claim.address));
  if (all.proving == Proving::quick) {
    const auto head = co_await located.store->head(ctx, located.key);
    if (!head.has_value() && head.error().code == Code::not_found) {
      co_return missing;
    }
    CO_OK(head);
    if (auto told = size_difference(claim, head->size); !told.empty()) {
      co_return told;
    }
    if (auto told = difference(claim, head->digests)) {
      co_return std::move(*told);
    }
  }
  auto opened = co_await located.store->get(ctx, located.key, {});
  if (!opened.has_value()) {
    if (opened.error().code == Code::not_found) {
      co_return missing;
    }
    co_return fail(std::move(opened).error());
  }
  if (auto told = size_difference(claim, opened->meta.size); !told.empty()) {
    co_return told;
  }
  CO_TRY(const Seen seen,
         co_await digest_opened(ctx, std::move(*opened), kinds_of(claim.digests), all.cpu));
  ++all.proven.read;
  co_return difference(claim, seen.digests)
      .value_or("the manifest has no digest of it: only its size is proven");
}

Task<Unit> prove_one(rt::Context& ctx, Work& all, Claim claim) {
  auto attempt = [&](rt::Context& inner) { return look_at(inner, all, claim); };
  auto what = co_await rt::retry(ctx, {}, attempt);
  if (!what.has_value() && what.error().code == Code::corrupt) {
    what = what.error().what;
  }
  CO_OK(what);
  if (what->empty()) {
    ++all.proven.objects;
    all.proven.bytes += claim.bytes;
  } else {
    all.proven.different.push_back({claim.address, std::move(*what)});
  }
  co_return Unit{};
}

Task<Unit> prove_all(rt::Scope& scope, Work& all) {
  while (true) {
    CO_TRY(auto claim, all.claims.next());
    if (!claim) {
      co_return Unit{};
    }
    CO_OK(co_await scope.spawn(prove_one(scope.context(), all, std::move(*claim))));
  }
}

}  // namespace

Result<std::optional<Claim>> Claims::next() {
  while (std::getline(*manifest_, line_)) {
    ++number_;
    if (line_.empty()) {
      continue;
    }
    auto claim = parse_claim(line_);
    if (!claim.has_value()) {
      return fail(at_line(std::move(claim).error(), number_));
    }
    return std::optional(std::move(*claim));
  }
  if (manifest_->bad()) {
    return fail(at_line({.code = Code::unavailable, .what = "it cannot be read on"}, number_ + 1));
  }
  return std::nullopt;
}

Result<std::vector<std::string>> parse_failed(std::string_view manifest) {
  std::vector<std::string> sources;
  TRY_OK(for_each_line(manifest, [&](const Value& line) -> Result<Unit> {
    TRY_OK(claim_of(line));
    if (line.get_string("done") == done_name(Done::failed)) {
      sources.emplace_back(line["from"].get_string("address"));
    }
    return Unit{};
  }));
  return sources;
}

Task<Proven> prove_again(rt::Context& ctx, const cloud::Connections& connections,
                         std::string profile, Claims claims, Proving proving, rt::Executor cpu) {
  Work all{.connections = connections,
           .profile = std::move(profile),
           .claims = std::move(claims),
           .proving = proving,
           .cpu = std::move(cpu)};
  CO_OK(co_await rt::scoped(ctx, {.children_max = parallel}, prove_all, std::ref(all)));
  std::ranges::sort(all.proven.different, {}, &Disproved::address);
  co_return std::move(all.proven);
}

}  // namespace tutti::xfer
