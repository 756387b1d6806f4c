// SPDX-License-Identifier: Apache-2.0
#include "net/http1.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/ascii.h"

namespace tutti::net {
namespace {

constexpr size_t chunk_line_bytes_max = 4096;

std::string_view strip(std::string_view text) {
  constexpr std::string_view blank = " \t";
  const size_t first = text.find_first_not_of(blank);
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::unexpected<Error> broken(std::string_view why) {
  return fail(Error{.code = Code::unavailable,
                    .what = fmt::format("the reply is no HTTP/1.1: {}", why),
                    .remedy = "check that host and port are those of the service"});
}

std::optional<uint64_t> parse_number(std::string_view text, int base) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  return error == std::errc() && rest == end && !text.empty() ? std::optional(number)
                                                              : std::nullopt;
}

// The line at the front, without its end; nullopt: it is not complete. A bare LF ends one, too.
std::optional<std::string_view> take_line(std::string_view& bytes) {
  const size_t end = bytes.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

// HTTP/1.x SSS reason
Result<int> parse_status_line(std::string_view line, bool& modern) {
  constexpr size_t shortest = 12;
  const bool known = line.size() >= shortest && line.starts_with("HTTP/1.") && line[8] == ' ' &&
                     (line[7] == '0' || line[7] == '1') &&
                     (line.size() == shortest || line[shortest] == ' ');
  const auto status = known ? parse_number(line.substr(9, 3), 10) : std::nullopt;
  if (!status || *status < 100) {
    return broken(fmt::format("it begins with '{}'", line.substr(0, 40)));
  }
  modern = line[7] == '1';
  return static_cast<int>(*status);
}

Result<HttpHeader> parse_header(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
      line.find('\0') != std::string_view::npos || line.find('\r') != std::string_view::npos) {
    return broken("a line among its headers is none");
  }
  return HttpHeader{.name = std::string(line.substr(0, colon)),
                    .value = std::string(strip(line.substr(colon + 1)))};
}

// How long the body is, from the headers (RFC 9112, 6.3).
Result<Unit> frame(ReplyHead& head, std::string_view method, bool modern) {
  head.keep_alive = modern;
  bool has_length = false;
  for (const HttpHeader& each : head.headers) {
    const std::string name = ascii_lower(std::string(each.name));
    if (name == "content-length") {
      const auto length = parse_number(each.value, 10);
      if (!length || (has_length && head.length != length)) {
        return broken(fmt::format("Content-Length is '{}'", each.value));
      }
      head.length = length;
      has_length = true;
    } else if (name == "transfer-encoding") {
      if (ascii_lower(std::string(each.value)) != "chunked" || head.chunked) {
        return broken(fmt::format("Transfer-Encoding is '{}'", each.value));
      }
      head.chunked = true;
    } else if (name == "connection") {
      const std::string value = ascii_lower(std::string(each.value));
      head.keep_alive = (head.keep_alive && !value.contains("close")) ||
                        (!modern && value.contains("keep-alive"));
    }
  }
  if (head.chunked && has_length) {
    return broken("it has both Content-Length and Transfer-Encoding");
  }
  const bool no_body =
      method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304;
  if (no_body) {
    head.chunked = false;
    head.length = 0;
  }
  head.keep_alive = head.keep_alive && (head.chunked || head.length);
  return Unit{};
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_ascii_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

std::optional<HttpTarget> parse_http_target(std::string_view url) {
  HttpTarget target;
  target.tls = url.starts_with("https://");
  if (!target.tls && !url.starts_with("http://")) {
    return std::nullopt;
  }
  const bool plain = std::ranges::all_of(url, [](char c) { return c > ' ' && c < '\x7f'; });
  url.remove_prefix(target.tls ? 8 : 7);
  const size_t path = std::min(url.find_first_of("/?#"), url.size());
  const std::string_view authority = url.substr(0, path);
  target.path = url.substr(path, url.find('#') - path);
  if (!target.path.starts_with('/')) {
    target.path.insert(0, "/");
  }
  const bool v6 = authority.starts_with('[');
  const size_t host_end =
      v6 ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos || !plain) {
    return std::nullopt;
  }
  target.host = authority.substr(v6 ? 1 : 0, host_end - (v6 ? 1 : 0));
  const std::string_view rest = authority.substr(host_end + (v6 ? 1 : 0));
  const std::string_view standard = target.tls ? "443" : "80";
  target.port = rest.size() > 1 ? rest.substr(1) : standard;
  const auto port = parse_number(target.port, 10);
  const bool host_letters = std::ranges::all_of(target.host, [v6](char c) {
    return is_ascii_alnum(c) || c == '-' || c == '.' || c == '_' || (v6 && c == ':');
  });
  if (target.host.empty() || !host_letters || (!rest.empty() && rest[0] != ':') || !port ||
      *port == 0 || *port > UINT16_MAX) {
    return std::nullopt;
  }
  target.header = target.port == standard
                      ? std::string(authority.substr(0, host_end + (v6 ? 1 : 0)))
                      : std::string(authority);
  return target;
}

std::string request_head(const HttpRequest& request, const HttpTarget& target,
                         std::string_view user_agent, uint64_t body_bytes) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", request.method, target.path);
  const auto add = [&](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(head), "{}:{}{}\r\n", name, value.empty() ? "" : " ", value);
  };
  if (find_header(request.headers, "host") == nullptr) {
    add("Host", target.header);
  }
  if (find_header(request.headers, "user-agent") == nullptr) {
    add("User-Agent", user_agent);
  }
  if (find_header(request.headers, "accept") == nullptr) {
    add("Accept", "*/*");
  }
  for (const HttpHeader& each : request.headers) {
    add(each.name, each.value);
  }
  const bool has_body = request.body || request.source != nullptr || request.method == "POST";
  if (has_body && find_header(request.headers, "content-length") == nullptr) {
    add("Content-Length", fmt::to_string(body_bytes));
  }
  head += "\r\n";
  return head;
}

Result<std::optional<ReplyHead>> parse_reply_head(std::string_view bytes, std::string_view method) {
  std::string_view rest = bytes;
  ReplyHead head;
  bool modern = false;
  for (bool first = true;; first = false) {
    const auto line = take_line(rest);
    if (!line && bytes.size() >= reply_head_bytes_max) {
      return fail(Error{.code = Code::bad_input, .what = "the reply's headers are too large"});
    }
    if (first) {
      // A port that speaks something else is found out before all of it was awaited.
      const std::string_view begin = bytes.substr(0, 5);
      if (!std::string_view("HTTP/").starts_with(begin)) {
        return broken(fmt::format("it begins with '{}'", begin));
      }
    }
    if (!line) {
      return std::nullopt;
    }
    if (first) {
      TRY(head.status, parse_status_line(*line, modern));
    } else if (!line->empty()) {
      TRY(HttpHeader header, parse_header(*line));
      head.headers.push_back(std::move(header));
    } else {
      break;
    }
  }
  head.bytes = bytes.size() - rest.size();
  TRY_OK(frame(head, method, modern));
  return head;
}

Result<ChunkedReader::Piece> ChunkedReader::next(std::string_view come) {
  const std::string_view all = come;
  Piece piece;
  while (true) {
    piece.skip = all.size() - come.size();
    if (at_ == At::data && left_ > 0) {
      piece.bytes = std::min<uint64_t>(left_, come.size());
      left_ -= piece.bytes;
      return piece;
    }
    if (at_ == At::data) {
      at_ = At::data_end;
    }
    if (at_ == At::end) {
      piece.end = true;
      return piece;
    }
    const auto line = take_line(come);
    if (!line) {
      if (come.size() > chunk_line_bytes_max) {
        return broken("a chunk's first line has no end");
      }
      return piece;
    }
    if (at_ == At::data_end) {
      if (!line->empty()) {
        return broken("a chunk is longer than it said");
      }
      at_ = At::size;
    } else if (at_ == At::size) {
      const auto size = parse_number(strip(line->substr(0, line->find(';'))), 16);
      if (!size || line->starts_with('-')) {
        return broken(fmt::format("a chunk's size is '{}'", line->substr(0, 40)));
      }
      left_ = *size;
      at_ = left_ == 0 ? At::trailer : At::data;
    } else {
      trailer_bytes_ += line->size();
      if (trailer_bytes_ > reply_head_bytes_max) {
        return broken("its trailers are too large");
      }
      at_ = line->empty() ? At::end : At::trailer;
    }
  }
}

}  // namespace tutti::net
