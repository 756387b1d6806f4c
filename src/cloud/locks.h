// SPDX-License-Identifier: Apache-2.0
// What is said of versions that cannot be removed, changed or read yet, alike for every store.
// Pure.
#pragma once

#include "cloud/object_store.h"

namespace tutti::cloud {

bool is_locked(const Lock& lock, Instant now);
// denied: until when and by what the version is locked, and what to do about it.
Error locked_error(const Lock& lock, Instant now);
// Whether a version with this lock may get `wanted` (none: no retention) at `now`: bad_input for a
// time that has passed, denied where the lock does not allow it.
Result<Unit> check_retention(const Lock& lock, const std::optional<Retention>& wanted,
                             bool bypass_governance, Instant now);

std::string_view retention_mode_name(RetentionMode mode);
Result<RetentionMode> parse_retention_mode(std::string_view text);
// `until`: a time (UTC), or so long from now; empty: no retention. In whole seconds, as services
// keep them.
Result<Lock> parse_lock(const std::string& until, std::string_view mode, bool legal_hold,
                        Instant now);
std::string lock_text(const Lock& lock);  // "governance until 2026-12-01 00:00:00 UTC, legal hold"

// denied: the bytes of an archived object cannot be read, and how that is changed.
Error archived_error(Archived state);

}  // namespace tutti::cloud
