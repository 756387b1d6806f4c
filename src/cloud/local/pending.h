// SPDX-License-Identifier: Apache-2.0
// Uploads that nobody is writing: what a process that died, or gave up, left in a staging folder to
// be gone on with. Blocking; called on the files' executor.
#pragma once

#include "cloud/local/staging.h"

namespace tutti::cloud::local {

// Notes of which object a resumable file will be, and since when; found by pending_uploads(). Where
// there is no room for it, the upload goes on unlisted.
void note_upload(int fd, const Key& key, Instant now);

// Those of keys that start with `prefix`, by key. Natural names: looks through all folders below
// that of the prefix.
Result<std::vector<PendingUpload>> pending_uploads(const std::filesystem::path& root, Names names,
                                                   const std::string& prefix);

// What is gone is no error; conflict: somebody writes it.
Result<Unit> abort_pending(Staging& staging, const std::string& id);

}  // namespace tutti::cloud::local
