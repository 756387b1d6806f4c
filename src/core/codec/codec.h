// SPDX-License-Identifier: Apache-2.0
// Bytes of a run's state. Page 0 is the header, page 1 the origin, the others hold
// `entries_per_page` tasks each. What is derived, and the plan, are not stored.
//
// Decoding takes any bytes: what encode did not write gives `corrupt`, never a crash.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/run/origin.h"
#include "core/run/state.h"

namespace tutti::codec {

inline constexpr uint32_t header_page = 0;
inline constexpr uint32_t origin_page = 1;
inline constexpr uint32_t first_entry_page = 2;
inline constexpr uint32_t entries_per_page = 64;

constexpr uint32_t page_of(TaskNo task) { return first_entry_page + task.value / entries_per_page; }
constexpr uint32_t page_count(size_t tasks) {
  return first_entry_page +
         static_cast<uint32_t>((tasks + entries_per_page - 1) / entries_per_page);
}

std::string encode_header(const run::RunState& state);
std::string encode_origin(const run::Origin& origin);
// `page`: first_entry_page up to page_count().
std::string encode_entries(const run::RunState& state, uint32_t page);

Result<run::Origin> decode_origin(std::string_view bytes);

struct PageBytes {
  uint32_t number = 0;
  std::string_view bytes;
};
// The whole state from its pages (the origin page is passed over), rebuilt and free of
// contradictions.
Result<run::RunState> decode_state(RunId id, std::shared_ptr<const run::RunPlan> plan,
                                   const std::vector<PageBytes>& pages);

}  // namespace tutti::codec
