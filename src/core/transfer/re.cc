// SPDX-License-Identifier: Apache-2.0
#include "core/transfer/re.h"

#include <fmt/format.h>

namespace tutti::transfer {

Result<std::shared_ptr<const re2::RE2>> compile(const std::string& pattern, Case letters) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(8 << 20);
  options.set_case_sensitive(letters == Case::matters);
  auto compiled = std::make_shared<const re2::RE2>(pattern, options);
  if (!compiled->ok()) {
    return fail(Error{.code = Code::bad_input,
                      .what = fmt::format("not a regular expression: {}", compiled->error()),
                      .where = pattern,
                      .remedy = "write one of RE2's: no look-around, no back-references"});
  }
  return compiled;
}

}  // namespace tutti::transfer
