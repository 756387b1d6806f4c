// SPDX-License-Identifier: Apache-2.0
#include "net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <boost/asio/ip/tcp.hpp>

#include "base/check.h"
#include "rt/descriptor.h"
#include "rt/wait.h"

namespace tutti::net {
namespace {

namespace asio = rt::asio;
using Address = asio::ip::tcp::endpoint;

constexpr size_t want_bytes_max = 512U << 10U;  // must fit into what the kernel holds for us
constexpr int tls_read_bytes = 64 << 10;        // several records by one system call

Error broken_error(int error_number) {
  return {
      .code = Code::unavailable,
      .what = fmt::format("the connection broke: {}", std::system_category().message(error_number)),
      .remedy = "the server ended the connection early; see its log"};
}

Error refused_error(const Endpoint& to, const std::string& why) {
  return {.code = Code::unavailable,
          .what = fmt::format("no connection to {} port {}: {}", to.host, to.port, why),
          .remedy = "check host and port, that the service runs, and the firewall between"};
}

class TcpStream final : public Stream {
 public:
  TcpStream(rt::Executor loop, rt::Descriptor fd) : bytes_(std::move(loop), std::move(fd)) {}

  Result<Read> read(std::span<std::byte> space) override {
    while (true) {
      const ssize_t n = recv(bytes_.fd(), space.data(), space.size(), 0);
      if (n >= 0) {
        return Read{.bytes = static_cast<size_t>(n), .ended = n == 0 && !space.empty()};
      }
      if (errno == EAGAIN) {
        return Read{};
      }
      if (errno != EINTR) {
        return fail(broken_error(errno));
      }
    }
  }
  Result<size_t> write(std::span<const std::byte> bytes, bool more) override {
    while (true) {
      const ssize_t n =
          send(bytes_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | (more ? MSG_MORE : 0));
      if (n >= 0) {
        return static_cast<size_t>(n);
      }
      if (errno == EAGAIN) {
        return 0;
      }
      if (errno != EINTR) {
        return fail(broken_error(errno));
      }
    }
  }
  Task<Unit> wait(rt::Context& ctx, For what) override {
    return what == For::reading   ? bytes_.readable(ctx)
           : what == For::writing ? bytes_.writable(ctx)
                                  : bytes_.either(ctx);
  }
  void want(size_t bytes) override {
    const int wanted = static_cast<int>(std::clamp<size_t>(bytes, 1, want_bytes_max));
    if (wanted != wanted_) {
      wanted_ = wanted;
      setsockopt(bytes_.fd(), SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof(wanted));
    }
  }

  rt::ByteStream& bytes() { return bytes_; }

 private:
  rt::ByteStream bytes_;
  int wanted_ = 1;
};

// ---- name and connection

struct Resolved {
  boost::system::error_code error;
  std::vector<Address> addresses;
};

// Shared with the resolver's call, which may outlive a cancelled wait.
struct Lookup {
  explicit Lookup(rt::Executor loop) : resolver(std::move(loop)) {}
  asio::ip::tcp::resolver resolver;
  Resolved found;
  std::shared_ptr<rt::Waiter> waiter = rt::Waiter::make();
};

Task<std::vector<Address>> resolve(rt::Context& ctx, rt::Executor loop, Endpoint to) {
  boost::system::error_code no_number;
  const auto number = asio::ip::make_address(to.host, no_number);
  if (!no_number) {
    co_return std::vector{Address(number, static_cast<uint16_t>(std::stoi(to.port)))};
  }
  auto lookup = std::make_shared<Lookup>(std::move(loop));
  lookup->resolver.async_resolve(
      to.host, to.port, asio::ip::resolver_base::numeric_service,
      [lookup](boost::system::error_code error, const asio::ip::tcp::resolver::results_type& all) {
        lookup->found.error = error;
        for (const auto& each : all) {
          lookup->found.addresses.push_back(each.endpoint());
        }
        lookup->waiter->complete();
      });
  CO_OK(co_await lookup->waiter->wait(ctx));
  if (lookup->found.error || lookup->found.addresses.empty()) {
    co_return fail(Error{.code = Code::unavailable,
                         .what = fmt::format("the name {} cannot be resolved: {}", to.host,
                                             lookup->found.error.message()),
                         .remedy = "check the host's name, and that this machine can resolve it"});
  }
  co_return std::move(lookup->found.addresses);
}

Task<std::unique_ptr<TcpStream>> connect_to(rt::Context& ctx, rt::Executor loop, Address address,
                                            Endpoint to) {
  rt::Descriptor fd(
      socket(address.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  const int yes = 1;
  if (!fd.is_open() || setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0 ||
      setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes)) != 0 ||
      (::connect(fd.get(), address.data(), static_cast<socklen_t>(address.size())) != 0 &&
       errno != EINPROGRESS)) {
    co_return fail(refused_error(to, std::system_category().message(errno)));
  }
  const int number = fd.get();
  auto stream = std::make_unique<TcpStream>(std::move(loop), std::move(fd));
  CO_OK(co_await stream->bytes().writable(ctx));
  int error_number = 0;
  socklen_t size = sizeof(error_number);
  if (getsockopt(number, SOL_SOCKET, SO_ERROR, &error_number, &size) != 0 || error_number != 0) {
    co_return fail(refused_error(to, std::system_category().message(error_number)));
  }
  co_return stream;
}

// One address after the other; each has its share of the time that is left.
Task<std::unique_ptr<TcpStream>> connect_tcp(rt::Context& ctx, rt::Executor loop, Endpoint to) {
  CO_TRY(const std::vector<Address> addresses, co_await resolve(ctx, loop, to));
  Error last;
  for (size_t i = 0; i < addresses.size(); ++i) {
    rt::Context share = ctx;
    if (ctx.deadline()) {
      const Duration left = *ctx.deadline() - ctx.clock().boot();
      share = ctx.with_timeout({left.us / static_cast<int64_t>(addresses.size() - i)});
    }
    auto stream = co_await connect_to(share, loop, addresses[i], to);
    if (stream.has_value()) {
      co_return std::move(*stream);
    }
    CO_OK(ctx.check());
    last = std::move(stream).error();
    if (last.code == Code::timed_out) {
      last = refused_error(to, "it did not answer in time");
    }
  }
  co_return fail(std::move(last));
}

}  // namespace

// ---- TLS

struct Trust::State {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()),
                                                            &SSL_CTX_free};
};

Trust::Trust(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trust::~Trust() = default;

namespace {

std::string tls_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "it was ended";
}

class TlsStream final : public Stream {
 public:
  using Ssl = std::unique_ptr<SSL, decltype(&SSL_free)>;
  TlsStream(std::unique_ptr<TcpStream> tcp, std::shared_ptr<Trust> trust, Ssl ssl)
      : tcp_(std::move(tcp)), trust_(std::move(trust)), ssl_(std::move(ssl)) {}

  Result<Read> read(std::span<std::byte> space) override {
    size_t bytes = 0;
    ERR_clear_error();
    const int done = SSL_read_ex(ssl_.get(), space.data(), space.size(), &bytes);
    if (done == 1) {
      return Read{.bytes = bytes};
    }
    TRY(const bool ended, is_ended(done));
    return Read{.ended = ended};
  }
  Result<size_t> write(std::span<const std::byte> bytes, bool) override {
    size_t taken = 0;
    ERR_clear_error();
    const int done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &taken);
    if (done == 1) {
      return taken;
    }
    TRY(const bool ended, is_ended(done));
    if (ended) {
      return fail(broken_error(EPIPE));
    }
    return 0;
  }
  Task<Unit> wait(rt::Context& ctx, For what) override {
    return tcp_->wait(ctx, wants_write_ ? For::either : what);
  }
  // Of what is wanted some may have come already and wait here for the rest of its record.
  void want(size_t bytes) override { tcp_->want(bytes > 2 * tls_read_bytes ? tls_read_bytes : 1); }

  // One step of the agreement; false: it waits for the other side.
  Result<bool> shake_hands() {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) {
      return true;
    }
    TRY(const bool ended, is_ended(done));
    if (ended) {
      return fail(Code::unavailable, "the connection was closed");
    }
    return false;
  }
  SSL* ssl() { return ssl_.get(); }

 private:
  // What SSL_get_error says of a call that did nothing: true: the end; false: wait.
  Result<bool> is_ended(int done) {
    const int saved = errno;
    wants_write_ = false;
    switch (SSL_get_error(ssl_.get(), done)) {
      case SSL_ERROR_WANT_WRITE:
        wants_write_ = true;
        return false;
      case SSL_ERROR_WANT_READ:
        return false;
      case SSL_ERROR_ZERO_RETURN:
        return true;
      case SSL_ERROR_SYSCALL:
        return fail(broken_error(saved == 0 ? ECONNRESET : saved));
      default:
        return fail(Error{.code = Code::unavailable,
                          .what = "the TLS connection broke: " + tls_reason(),
                          .remedy = "the server ended the connection early; see its log"});
    }
  }

  std::unique_ptr<TcpStream> tcp_;
  std::shared_ptr<Trust> trust_;
  Ssl ssl_;
  bool wants_write_ = false;
};

Error handshake_error(TlsStream& stream, Error error) {
  const long verdict = SSL_get_verify_result(stream.ssl());
  if (verdict != X509_V_OK) {
    return {.code = Code::denied,
            .what = fmt::format("the server's certificate cannot be trusted: {}",
                                X509_verify_cert_error_string(verdict)),
            .remedy = "check the host's name; for an own CA name its PEM file in SSL_CERT_FILE"};
  }
  error.what = "no TLS connection: " + error.what;
  error.remedy = "check that the port speaks TLS";
  return error;
}

// The certificate must be of this host: a name, or an address.
void expect_host(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) != 1) {
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size());
    SSL_set_tlsext_host_name(ssl, host.c_str());
  }
}

Task<std::unique_ptr<Stream>> secure(rt::Context& ctx, std::unique_ptr<TcpStream> tcp, Endpoint to,
                                     std::shared_ptr<Trust> trust) {
  TlsStream::Ssl ssl(SSL_new(trust->state().context.get()), &SSL_free);
  CHECK(ssl != nullptr && SSL_set_fd(ssl.get(), tcp->bytes().fd()) == 1);
  SSL_set_connect_state(ssl.get());
  expect_host(ssl.get(), to.host);
  auto stream = std::make_unique<TlsStream>(std::move(tcp), std::move(trust), std::move(ssl));
  while (true) {
    auto done = stream->shake_hands();
    if (!done.has_value()) {
      co_return fail(handshake_error(*stream, std::move(done).error()));
    }
    if (*done) {
      co_return stream;
    }
    CO_OK(co_await stream->wait(ctx, Stream::For::reading));
  }
}

}  // namespace

Result<std::shared_ptr<Trust>> Trust::load(const std::string& ca_file) {
  auto state = std::make_unique<State>();
  SSL_CTX* context = state->context.get();
  CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, tls_read_bytes);
  constexpr unsigned char http1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context, http1, sizeof(http1));
  if (!ca_file.empty() && SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    return fail(Error{.code = Code::bad_input,
                      .what = "its certificates cannot be read: " + tls_reason(),
                      .where = ca_file,
                      .remedy = "name a PEM file of CA certificates in SSL_CERT_FILE"});
  }
  return std::make_shared<Trust>(std::move(state));
}

Task<std::unique_ptr<Stream>> Stream::connect(rt::Context& ctx, rt::Executor loop, Endpoint to,
                                              std::shared_ptr<Trust> trust) {
  CO_TRY(auto tcp, co_await connect_tcp(ctx, std::move(loop), to));
  if (!to.tls) {
    co_return tcp;
  }
  co_return co_await secure(ctx, std::move(tcp), to, std::move(trust));
}

}  // namespace tutti::net
