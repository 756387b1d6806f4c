// SPDX-License-Identifier: Apache-2.0
#include "store/errors.h"

#include <fmt/format.h>

namespace tutti::store {

Error fenced_error(Epoch ours, Epoch current) {
  return {
      .code = Code::conflict,
      .what = fmt::format("another owner has taken over this project's state (epoch {}, ours {})",
                          current, ours),
      .remedy = "nothing was written; the new owner goes on with the runs"};
}

Error no_run_error(RunId run) {
  return {.code = Code::not_found,
          .what = fmt::format("there is no run {}", to_text(run)),
          .remedy = "`tutti runs` lists the runs"};
}

Error no_row_error(RunId run) {
  return {
      .code = Code::internal,
      .what = fmt::format("state of run {} was to be written before its run row", to_text(run))};
}

Error run_no_error(RunId run, int64_t run_no) {
  return {
      .code = Code::internal,
      .what = fmt::format("run {} cannot have the number {}: numbers belong to one run for ever",
                          to_text(run), run_no)};
}

Error no_blob_error(const Digest& digest) {
  return {.code = Code::not_found,
          .what = fmt::format("the stored bytes {} are not there", to_text(digest)),
          .remedy = "they were collected or deleted; run the task again"};
}

Error spoilt_blob_error(const Digest& digest) {
  return {.code = Code::corrupt,
          .what = fmt::format("the stored bytes {} no longer match their digest", to_text(digest)),
          .remedy = "check the disk; run the task that made them again"};
}

Result<Unit> check_blob(const Digest& digest, std::string_view bytes) {
  if (digest.kind != DigestKind::sha256 || sha256(bytes) != digest) {
    return fail(Error{
        .code = Code::bad_input,
        .what = fmt::format("the bytes to store do not match their digest {}", to_text(digest)),
        .remedy = "send them again"});
  }
  return Unit{};
}

}  // namespace tutti::store
