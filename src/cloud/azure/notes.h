// SPDX-License-Identifier: Apache-2.0
// What is noted with a blob: digests, as metadata (Azure itself keeps an MD5 only), and a mark of
// who wrote it, by which a write whose reply was lost is known again.
#pragma once

#include <string>
#include <vector>

#include "cloud/object_store.h"
#include "cloud/sign/azure.h"
#include "rt/clock.h"

namespace tutti::cloud::azure {

// What a write says of its blob.
struct Notes {
  PutOptions options;
  std::vector<Digest> digests;  // of the whole
  std::string mark = {};        // empty: none
};

sign::AzureRetention azure_retention(const std::optional<Retention>& retention);
sign::AzureNotes azure_notes(const Notes& notes);
sign::AzureConditions conditions_of(const PutOptions& options);
// Needed where a write has conditions: tried again they would not hold against itself.
std::string mark_for(const PutOptions& options, rt::Random& random);
std::string new_mark(rt::Random& random);  // 16 letters and digits

bool has_mark(const sign::AzureBlob& blob, std::string_view mark);
// As head and listings give it.
ObjectMeta meta_of(sign::AzureBlob blob, Key key);
// As head would give it, of what was just written.
ObjectMeta meta_of(const Notes& notes, Key key, uint64_t size, const sign::AzureWritten& written);

}  // namespace tutti::cloud::azure
