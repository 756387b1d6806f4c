// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 as bytes (RFC 9112), pure: what a request looks like, what a reply's head and a chunked
// body say. Strict: what could be read in two ways is an error, as somebody between may have read
// it in the other. Private to net.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http.h"

namespace tutti::net {

constexpr size_t reply_head_bytes_max = 256U << 10U;

// http://HOST:PORT/TARGET in its parts. nullopt: something else, curl's business (user and password
// in it, letters that must be encoded first, another scheme).
struct HttpTarget {
  bool tls = false;
  std::string host;    // without the brackets of an IPv6 address
  std::string port;    // always there
  std::string header;  // for Host
  std::string path;    // with the query; never empty
};
std::optional<HttpTarget> parse_http_target(std::string_view url);

// What methods and names of headers are made of.
bool is_token(std::string_view text);

// Request line and headers. Content-Length is of `body_bytes`, and left out where a method has no
// body by nature.
std::string request_head(const HttpRequest& request, const HttpTarget& target,
                         std::string_view user_agent, uint64_t body_bytes);

struct ReplyHead {
  int status = 0;
  HttpHeaders headers;
  size_t bytes = 0;  // of the head itself
  // How its body ends.
  bool chunked = false;
  std::optional<uint64_t> length = std::nullopt;  // none, not chunked: with the connection
  bool keep_alive = false;                        // the connection can be used again
};
// nullopt: more bytes are needed. `method` of the request: a reply to HEAD has no body. An interim
// reply (1xx) is returned as such.
Result<std::optional<ReplyHead>> parse_reply_head(std::string_view bytes, std::string_view method);

// A chunked body, piece after piece.
class ChunkedReader {
 public:
  struct Piece {
    size_t skip = 0;   // bytes of framing before the data; taken already
    size_t bytes = 0;  // of data behind them; counted as taken
    bool end = false;  // the body is complete
  };
  // Looks at what has come. Neither data nor end: more is needed (after dropping `skip`).
  Result<Piece> next(std::string_view come);
  // Of the chunk that is being read: what may be read past next() into other memory.
  uint64_t left() const { return left_; }
  void took(uint64_t bytes) { left_ -= bytes; }
  void untake(uint64_t bytes) { left_ += bytes; }  // of what next() counted

 private:
  enum class At : uint8_t { size, data, data_end, trailer, end };
  At at_ = At::size;
  uint64_t left_ = 0;
  size_t trailer_bytes_ = 0;
};

}  // namespace tutti::net
