// SPDX-License-Identifier: Apache-2.0
// TestServer: an HTTP server for tests on 127.0.0.1, as polite or hostile as its handler. Each
// connection has a thread; the handler writes bytes as it likes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tutti::net {

class TestConnection {
 public:
  explicit TestConnection(int fd) : fd_(fd) {}
  int fd() const { return fd_; }

  // One request with its body (Content-Length); empty when the client went away.
  std::string read_request() {
    std::string& text = held_;
    size_t head_end = 0;
    while ((head_end = text.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) {
        return {};
      }
    }
    size_t size = head_end + 4;
    if (const size_t at = text.find("ontent-Length: "); at < head_end) {
      size += std::stoul(text.substr(at + 15));
    }
    while (text.size() < size) {
      if (!receive()) {
        return {};
      }
    }
    std::string request = text.substr(0, size);
    text.erase(0, size);
    return request;
  }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        return false;
      }
      sent_ += static_cast<size_t>(n);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  bool reply(const std::string& status, const std::string& body, const std::string& headers = {}) {
    return send("HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n" + headers + "\r\n" + body);
  }
  // Until the client closes its end.
  void wait_for_close() {
    while (receive()) {
      held_.clear();
    }
  }
  // The same without taking what it sends.
  void wait_for_close_unread() const {
    pollfd fd{fd_, POLLRDHUP, 0};
    poll(&fd, 1, 10'000);
  }
  size_t sent() const { return sent_; }

 private:
  bool receive() {
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n > 0) {
      held_.append(buffer, static_cast<size_t>(n));
    }
    return n > 0;
  }

  int fd_;
  std::string held_;
  size_t sent_ = 0;
};

class TestServer {
 public:
  using Handler = std::function<void(TestConnection&)>;
  explicit TestServer(Handler handler) : handler_(std::move(handler)) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd_, 64) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TestServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) {
        shutdown(fd, SHUT_RDWR);
      }
    }
    for (std::thread& each : threads_) {
      each.join();
    }
    close(fd_);
  }

  int port() const { return port_; }
  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  int connections() const { return connections_; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  void note(std::string request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
  }

  // Answers every request with what `answer` returns for it (a whole reply).
  static Handler answering(TestServer*& self,
                           std::function<std::string(const std::string&)> answer) {
    return [&self, answer = std::move(answer)](TestConnection& connection) {
      while (true) {
        const std::string request = connection.read_request();
        if (request.empty()) {
          return;
        }
        self->note(request);
        if (!connection.send(answer(request))) {
          return;
        }
      }
    };
  }

 private:
  void serve() {
    while (true) {
      const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
        return;
      }
      ++connections_;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] {
        TestConnection connection(fd);
        handler_(connection);
        const std::lock_guard inner(mutex_);
        std::erase(open_, fd);
        close(fd);
      });
    }
  }

  Handler handler_;
  int fd_ = -1;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::string> requests_;
  std::vector<std::thread> threads_;
  std::thread thread_;
};

// A whole reply.
inline std::string http_reply(const std::string& status, const std::string& body,
                              const std::string& headers = {}) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}

}  // namespace tutti::net
