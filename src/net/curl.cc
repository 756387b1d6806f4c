// SPDX-License-Identifier: Apache-2.0
#include "net/curl.h"

#include <sys/stat.h>

#include <cstdlib>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/check.h"

namespace tutti::net {

void init_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

std::string find_ca_file() {
  if (const char* own = std::getenv("SSL_CERT_FILE")) {
    return own;
  }
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    struct stat info{};
    if (stat(path, &info) == 0) {
      return path;
    }
  }
  return {};
}

namespace {

constexpr std::string_view proxy_remedy = "check the proxy in https_proxy, http_proxy or all_proxy";

// What a proxy's answer to CONNECT means; it does not come from the service.
Error error_of_tunnel(std::string_view status) {
  Error error{.code = Code::unavailable,
              .what = fmt::format("the proxy opens no connection: it answered {}", status),
              .remedy = "see the proxy's log; https_proxy or all_proxy names it"};
  if (status == "407") {
    error.code = Code::denied;
    error.remedy = "it wants user and password: http://USER:PASSWORD@HOST:PORT in https_proxy";
  } else if (status == "403") {
    error.code = Code::denied;
    error.remedy =
        "the proxy lets nobody through to this host; ask who runs it, or name the host "
        "in no_proxy";
  }
  return error;
}

// Of a proxy, where that is what failed. curl's words may hold its URL, and with it a password.
std::optional<Error> error_of_proxy(CURLcode code, std::string_view text) {
  constexpr std::string_view tunnel = "CONNECT tunnel failed, response ";
  if (text.starts_with(tunnel)) {
    return error_of_tunnel(text.substr(tunnel.size()));
  }
  if (text.starts_with("Unsupported proxy")) {
    return Error{.code = Code::bad_input,
                 .what = "the address of the proxy is none",
                 .remedy =
                     "write http://USER:PASSWORD@HOST:PORT into https_proxy, http_proxy or "
                     "all_proxy, what is special in user and password as %40 for @"};
  }
  if (code == CURLE_COULDNT_RESOLVE_PROXY) {
    return Error{.code = Code::unavailable,
                 .what = "the name of the proxy cannot be resolved",
                 .remedy = std::string(proxy_remedy)};
  }
  return std::nullopt;
}

}  // namespace

Error error_of_curl(CURLcode code, std::string_view text, std::string where) {
  if (auto error = error_of_proxy(code, text)) {
    error->where = std::move(where);
    error->provider_code = fmt::format("curl {}", static_cast<int>(code));
    return std::move(*error);
  }
  Error error{.code = Code::unavailable,
              .what = std::string(text.empty() ? curl_easy_strerror(code) : text),
              .where = std::move(where),
              .provider_code = fmt::format("curl {}", static_cast<int>(code))};
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      error.remedy = "check the host's name, and that this machine can resolve it";
      return error;
    case CURLE_COULDNT_CONNECT:
      error.remedy = "check host and port, that the service runs, and the firewall between";
      return error;
    case CURLE_PEER_FAILED_VERIFICATION:
      error.code = Code::denied;
      error.what = "the server's certificate cannot be trusted: " + error.what;
      error.remedy = "check the host's name; for an own CA name its PEM file in SSL_CERT_FILE";
      return error;
    case CURLE_SSL_CACERT_BADFILE:
      error.code = Code::bad_input;
      error.remedy = "name a PEM file of CA certificates in SSL_CERT_FILE";
      return error;
    case CURLE_SSL_CONNECT_ERROR:
      error.what = "no TLS connection: " + error.what;
      error.remedy = "check that the port speaks TLS";
      return error;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      error.code = Code::bad_input;
      return error;
    case CURLE_OPERATION_TIMEDOUT:
      error.code = Code::timed_out;
      break;
    case CURLE_TOO_LARGE:
      error.code = Code::bad_input;
      error.what = "the reply's headers are too large";
      break;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
      error.remedy = "the server ended the connection early; see its log";
      break;
    case CURLE_ABORTED_BY_CALLBACK:
      error.what = "the connection was closed before a reply came";
      break;
    case CURLE_OUT_OF_MEMORY:
      error.code = Code::internal;
      break;
    default:
      break;
  }
  return error;
}

}  // namespace tutti::net
