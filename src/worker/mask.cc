// SPDX-License-Identifier: Apache-2.0
#include "worker/mask.h"

#include <algorithm>
#include <map>

#include "worker/mask_patterns.h"
#include "worker/secrets.h"

namespace tutti::worker {
namespace {

std::string stand_in(const std::string& name) { return "‹secret:" + name + "›"; }

}  // namespace

Masker::Masker(const std::vector<std::pair<std::string, std::string>>& secrets) {
  struct Node {
    std::map<uint8_t, uint32_t> edges;
    uint32_t pattern_bytes = 0;
    uint32_t secret = 0;
  };
  std::vector<Node> trie(1);
  starts_.resize(65536 / 64);
  for (const auto& [name, value] : secrets) {
    if (value.size() < secret_bytes_min) {
      continue;
    }
    const auto secret = static_cast<uint32_t>(names_.size());
    names_.push_back(name);
    for (const std::string& pattern : patterns_of(value)) {
      uint32_t at = 0;
      for (const char c : pattern) {
        const auto [edge, added] = trie[at].edges.try_emplace(static_cast<uint8_t>(c), 0);
        if (added) {
          edge->second = static_cast<uint32_t>(trie.size());
          at = edge->second;
          trie.emplace_back();
        } else {
          at = edge->second;
        }
      }
      trie[at].pattern_bytes = static_cast<uint32_t>(pattern.size());
      trie[at].secret = secret;
      const size_t pair = static_cast<uint8_t>(pattern[1]) << 8U | static_cast<uint8_t>(pattern[0]);
      starts_[pair / 64] |= 1ULL << (pair % 64);
    }
  }
  if (names_.empty()) {
    return;
  }
  states_.resize(trie.size() + 1);
  root_.assign(256, 0);
  for (uint32_t i = 0; i < trie.size(); ++i) {
    states_[i].edges = static_cast<uint32_t>(edges_.size());
    for (const auto& [byte, to] : trie[i].edges) {
      edges_.push_back({byte, to});
      states_[to].depth = states_[i].depth + 1;
      if (i == 0) {
        root_[byte] = to;
      }
    }
  }
  states_.back().edges = static_cast<uint32_t>(edges_.size());
  // Breadth first: the fail state of a state is shallower, so it is finished before.
  std::vector<uint32_t> order = {0};
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t at = order[i];
    State& state = states_[at];
    if (trie[at].pattern_bytes > 0) {
      state.match_bytes = trie[at].pattern_bytes;
      state.secret = trie[at].secret;
    } else {
      state.match_bytes = states_[state.fail].match_bytes;
      state.secret = states_[state.fail].secret;
    }
    for (const auto& [byte, to] : trie[at].edges) {
      states_[to].fail = at == 0 ? 0 : step(state.fail, byte);
      order.push_back(to);
    }
  }
}

uint32_t Masker::step(uint32_t state, uint8_t byte) const {
  while (state != 0) {
    const uint32_t end = states_[state + 1].edges;
    for (uint32_t i = states_[state].edges; i < end; ++i) {
      if (edges_[i].byte == byte) {
        return edges_[i].to;
      }
    }
    state = states_[state].fail;
  }
  return root_[byte];
}

// The next place where a pattern can begin: most text is passed over here.
size_t Masker::skip(std::string_view text, size_t at) const {
  const size_t last = text.size() - 1;
  const uint64_t* starts = starts_.data();
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  for (; at < last; ++at) {
    const unsigned pair = static_cast<unsigned>(bytes[at + 1]) << 8U | bytes[at];
    if ((starts[pair / 64] >> (pair % 64) & 1U) != 0) {
      break;
    }
  }
  return at;
}

std::string Masker::mask_text(std::string text) const {
  if (empty() || text.empty()) {
    return text;
  }
  MaskStream stream(std::shared_ptr<const Masker>(std::shared_ptr<const Masker>(), this));
  std::string out = stream.feed(text);
  out += stream.finish();
  return out;
}

Value Masker::mask(Value value) const {
  if (empty()) {
    return value;
  }
  switch (value.kind()) {
    case Kind::string:
      return mask_text(value.as_string());
    case Kind::integer:
    case Kind::real: {
      std::string text = to_json(value);
      std::string masked = mask_text(text);
      return masked == text ? value : Value(std::move(masked));
    }
    case Kind::list: {
      ValueList list = value.as_list();
      for (Value& each : list) {
        each = mask(std::move(each));
      }
      return list;
    }
    case Kind::map: {
      ValueMap map;
      for (const auto& [key, member] : value.as_map()) {
        map.set(mask_text(key), mask(member));
      }
      return map;
    }
    default:
      return value;
  }
}

Error Masker::mask(Error error) const {
  for (std::string* text : {&error.what, &error.where, &error.remedy, &error.provider_code}) {
    *text = mask_text(std::move(*text));
  }
  return error;
}

MaskStream::MaskStream(std::shared_ptr<const Masker> masker) : masker_(std::move(masker)) {}

std::string MaskStream::feed(std::string_view chunk) {
  if (masker_->empty() || chunk.empty()) {
    return std::string(chunk);
  }
  size_t at = held_.size();
  held_.append(chunk);
  while (at < held_.size()) {
    if (state_ == 0) {
      at = masker_->skip(held_, at);
    }
    state_ = masker_->step(state_, static_cast<uint8_t>(held_[at]));
    ++at;
    const Masker::State& state = masker_->states_[state_];
    if (state.match_bytes > 0) {
      hide(at - state.match_bytes, at, state.secret);
    }
  }
  return take(held_.size() - masker_->states_[state_].depth);
}

std::string MaskStream::finish() {
  state_ = 0;
  return take(held_.size());
}

void MaskStream::hide(size_t begin, size_t end, uint32_t secret) {
  Hidden added{begin, end, stand_in(masker_->names_[secret]), secret};
  while (!hidden_.empty() && hidden_.back().end > added.begin) {
    const Hidden& before = hidden_.back();
    if (before.begin < added.begin) {  // they overlap: both are named, once
      added.begin = before.begin;
      added.text = before.last_secret == secret ? before.text : before.text + added.text;
    }
    hidden_.pop_back();
  }
  hidden_.push_back(std::move(added));
}

// Gives out what is before `certain`, but for a hidden part that reaches beyond it: it may grow.
std::string MaskStream::take(size_t certain) {
  std::string out;
  size_t at = 0;
  size_t taken = 0;
  for (; taken < hidden_.size(); ++taken) {
    const Hidden& each = hidden_[taken];
    if (each.end > certain) {
      certain = std::min(certain, each.begin);
      break;
    }
    out.append(held_, at, each.begin - at);
    out += each.text;
    at = each.end;
  }
  if (at == 0 && certain == held_.size()) {
    out.swap(held_);
    hidden_.clear();
    return out;
  }
  out.append(held_, at, certain - at);
  hidden_.erase(hidden_.begin(), hidden_.begin() + static_cast<std::ptrdiff_t>(taken));
  for (Hidden& each : hidden_) {
    each.begin -= certain;
    each.end -= certain;
  }
  held_.erase(0, certain);
  return out;
}

}  // namespace tutti::worker
