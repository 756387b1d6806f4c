// SPDX-License-Identifier: Apache-2.0
// An S3 service that drops what it is sent, so that what an upload costs is the client's: one
// thread, and bodies never leave the kernel. Of an object its key, size and ETag stay, until it
// ends.
//
// usage: sink PORT
//
//   PUT /BUCKET/KEY   200; the ETag is the Content-MD5, or none of an MD5; a checksum that came as
//                     header or trailer goes back as it came, and nobody has compared it
//   HEAD              200 or 404
//   GET /BUCKET       a listing without keys
//   GET /_kept/TEXT   "OBJECTS BYTES" of what begins with /TEXT
//   anything else     501
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/digest.h"

namespace tutti::bench {
namespace {

constexpr size_t head_bytes_max = 64 << 10;
constexpr size_t read_bytes = 16 << 10;
constexpr uint64_t tail_bytes = 512;  // of a body: the trailer of an aws-chunked one lies there
constexpr std::string_view crc32c = "x-amz-checksum-crc32c";
constexpr std::string_view no_keys =
    R"(<?xml version="1.0" encoding="UTF-8"?>)"
    R"(<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)"
    "<KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
    "</ListBucketResult>";

struct Kept {
  uint64_t bytes = 0;
  std::string etag;
};
using Objects = std::unordered_map<std::string, Kept>;  // by path

uint64_t number_in(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The value behind "\r\nNAME:" in text whose lines end with \r\n; empty where there is none.
std::string_view value_in(std::string_view text, std::string_view name) {
  for (size_t at = text.find("\r\n"); at != text.npos; at = text.find("\r\n", at)) {
    at += 2;
    const std::string_view line = text.substr(at, text.find("\r\n", at) - at);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0) {
      const size_t value = line.find_first_not_of(' ', name.size() + 1);
      return value == line.npos ? std::string_view() : line.substr(value);
    }
  }
  return {};
}

std::string reply(std::string_view status, std::string_view headers, std::string_view body = {}) {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\n\r\n{}", status, headers, body.size(),
                     body);
}

// `tail` ends as the body does.
std::string keep(Objects& objects, std::string path, std::string_view head, std::string_view tail) {
  const std::string_view decoded = value_in(head, "x-amz-decoded-content-length");
  Kept kept{.bytes = number_in(decoded.empty() ? value_in(head, "content-length") : decoded),
            .etag = "dropped-1"};
  const auto md5 = base64_decode(value_in(head, "content-md5"));
  if (md5.has_value() && !md5->empty()) {
    kept.etag.clear();
    for (const char each : *md5) {
      kept.etag += fmt::format("{:02x}", static_cast<unsigned char>(each));
    }
  }
  std::string headers = fmt::format("ETag: \"{}\"\r\n", kept.etag);
  const std::string_view trailer = value_in(head, "x-amz-trailer");
  const std::string_view name = trailer.empty() ? crc32c : trailer;
  const std::string_view sum = value_in(trailer.empty() ? head : tail, name);
  if (!sum.empty()) {
    headers += fmt::format("{}: {}\r\nx-amz-checksum-type: FULL_OBJECT\r\n", name, sum);
  }
  objects[std::move(path)] = std::move(kept);
  return reply("200 OK", headers);
}

std::string count(const Objects& objects, std::string_view prefix) {
  uint64_t found = 0;
  uint64_t bytes = 0;
  for (const auto& [path, kept] : objects) {
    found += path.starts_with(prefix) ? 1 : 0;
    bytes += path.starts_with(prefix) ? kept.bytes : 0;
  }
  return reply("200 OK", "", fmt::format("{} {}", found, bytes));
}

std::string answer(Objects& objects, std::string_view head, std::string_view tail) {
  const std::string_view method = head.substr(0, head.find(' '));
  const std::string_view rest = head.substr(std::min(head.size(), method.size() + 1));
  const std::string_view target = rest.substr(0, rest.find_first_of(" \r"));
  std::string path(target.substr(0, target.find('?')));
  const bool query = path.size() < target.size();
  const bool bucket = path.find_first_not_of('/', path.find('/', 1)) == path.npos;
  if (method == "GET" && path.starts_with("/_kept/")) {
    return count(objects, std::string_view(path).substr(6));
  }
  if (bucket && (method == "HEAD" || method == "PUT")) {
    return reply("200 OK", "");
  }
  if (bucket && method == "GET") {
    return reply("200 OK", "Content-Type: application/xml\r\n", no_keys);
  }
  // Without a query: parts have one, and so have copies; those send a header for the source.
  if (method == "PUT" && (!query || target.ends_with("?x-id=PutObject")) &&
      value_in(head, "x-amz-copy-source").empty()) {
    return keep(objects, std::move(path), head, tail);
  }
  if (method == "HEAD") {
    const auto at = objects.find(path);
    return at == objects.end() ? reply("404 Not Found", "")
                               : fmt::format(
                                     "HTTP/1.1 200 OK\r\nETag: \"{}\"\r\nContent-Length: {}\r\n"
                                     "Last-Modified: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\n",
                                     at->second.etag, at->second.bytes);
  }
  return reply("501 Not Implemented", "");
}

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(fd_); }

  // Takes what is there; false: it has ended, or is to end.
  bool read(Objects& objects) {
    std::array<char, read_bytes> piece;
    const bool drop = left_ > tail_bytes;  // MSG_TRUNC: TCP drops the bytes without a copy
    const size_t wanted = head_.empty() ? piece.size() : std::min<size_t>(left_, piece.size());
    const ssize_t n = drop ? recv(fd_, nullptr, left_ - tail_bytes, MSG_TRUNC)
                           : recv(fd_, piece.data(), wanted, 0);
    if (n <= 0) {
      return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    if (!head_.empty()) {
      left_ -= static_cast<uint64_t>(n);
    }
    if (!drop) {
      held_ += head_.empty() ? 0 : static_cast<size_t>(n);
      in_.append(piece.data(), static_cast<size_t>(n));
    }
    return go_on(objects);
  }

 private:
  bool say(std::string_view text) const {  // a few hundred bytes: the kernel takes them whole
    return send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  bool begin(size_t head_end) {
    head_ = in_.substr(0, head_end + 2);
    in_.erase(0, head_end + 4);
    if (!value_in(head_, "transfer-encoding").empty()) {
      std::ignore = say(reply("411 Length Required", "Connection: close\r\n"));
      return false;
    }
    const uint64_t length = number_in(value_in(head_, "content-length"));
    held_ = std::min<uint64_t>(in_.size(), length);
    left_ = length - held_;
    return left_ == 0 || value_in(head_, "expect").empty() || say("HTTP/1.1 100 Continue\r\n\r\n");
  }

  bool go_on(Objects& objects) {
    while (true) {
      if (head_.empty()) {
        const size_t end = in_.find("\r\n\r\n");
        if (end == in_.npos) {
          return in_.size() < head_bytes_max;
        }
        if (!begin(end)) {
          return false;
        }
      }
      if (left_ > 0) {
        return true;
      }
      if (!say(answer(objects, head_, std::string_view(in_).substr(0, held_)))) {
        return false;
      }
      head_.clear();
      in_.erase(0, std::exchange(held_, 0));
    }
  }

  int fd_;
  std::string in_;
  std::string head_;   // of the request whose body is read; empty: a head is read
  size_t held_ = 0;    // bytes of in_ that are the body's
  uint64_t left_ = 0;  // bytes of the body that are still to come
};

int listen_at(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  const sockaddr_in address{.sin_family = AF_INET,
                            .sin_port = htons(port),
                            .sin_addr = {htonl(INADDR_LOOPBACK)},
                            .sin_zero = {}};
  CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    fmt::print(stderr, "sink: port {} is taken\n", port);
    std::exit(1);
  }
  return fd;
}

void watch(int epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

void serve(int listener) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listener);
  std::unordered_map<int, std::unique_ptr<Connection>> connections;
  Objects objects;
  std::array<epoll_event, 256> events;
  while (true) {
    const int ready = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events.at(i).data.fd;
      if (fd != listener) {
        if (!connections.at(fd)->read(objects)) {
          connections.erase(fd);
        }
      } else if (const int fresh =
                     accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                 fresh >= 0) {
        const int on = 1;
        setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[fresh] = std::make_unique<Connection>(fresh);
        watch(epoll, fresh);
      }
    }
  }
}

}  // namespace
}  // namespace tutti::bench

int main(int argc, char** argv) {
  const uint64_t port = argc == 2 ? tutti::bench::number_in(argv[1]) : 0;
  if (port == 0 || port > 65535) {
    fmt::print(stderr, "usage: sink PORT\n");
    return 2;
  }
  tutti::bench::serve(tutti::bench::listen_at(static_cast<uint16_t>(port)));
  return 0;
}
