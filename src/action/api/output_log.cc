// SPDX-License-Identifier: Apache-2.0
#include "action/api/output_log.h"

namespace tutti::action {

void LastWords::add(std::string_view bytes) {
  constexpr size_t kept_bytes_max = 8192;
  text_ += bytes;
  if (text_.size() > kept_bytes_max) {
    text_.erase(0, text_.size() - kept_bytes_max);
  }
}

std::string LastWords::line() const {
  constexpr size_t line_bytes_max = 400;
  const size_t end = text_.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) {
    return {};
  }
  const size_t before = text_.find_last_of('\n', end);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  std::string line = text_.substr(begin, end + 1 - begin);
  if (line.size() > line_bytes_max) {
    line.resize(line_bytes_max);
    line += "...";
  }
  return line;
}

Task<Unit> OutputLog::write(rt::Context& ctx, rt::OutputKind kind, std::string bytes) {
  const bool error = kind == rt::OutputKind::err;
  if (error) {
    errors_.add(bytes);
  }
  co_return co_await attempt_.log(ctx, error ? Stream::err : Stream::out, std::move(bytes));
}

}  // namespace tutti::action
