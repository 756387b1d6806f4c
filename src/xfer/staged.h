// SPDX-License-Identifier: Apache-2.0
// Objects that are compressed, encrypted or the reverse on their way. Inside of xfer.
//
// The source is read once and proven at its end; the stages; the output is digested, for its
// destination is proven by it. How large it becomes is known at its end only: what fits into one
// part goes as one put, the rest as an upload, one part after the other, each held in memory until
// the store has it. With a journal, a try goes on with the parts an earlier one sent: the source is
// read again, the nonces are the journal's, and parts that come out as they were are not sent
// again. Any other try is begun anew, with other nonces.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "xfer/sending.h"

namespace tutti::xfer {

// bad_input: what cannot go together.
Result<Unit> check_stages(const Request& request);

// As transfer::destination_of; where `to` is a prefix names are changed as the request says, and
// tell what was done to the bytes. bad_input: nothing is left of a name.
Result<std::string> target_of(const Request& request, const transfer::Selection& selection,
                              std::string_view key, const cloud::Located& to);

// As send(), of a request with stages. Two errors tell of keys: `denied` and `corrupt`.
Task<Entry> send_staged(rt::Context& ctx, Run& run, Job job,
                        std::optional<cloud::ObjectMeta> existing);

}  // namespace tutti::xfer
