// SPDX-License-Identifier: Apache-2.0
#include "net/curl.h"

#include <sys/stat.h>

#include <cstdlib>
#include <mutex>

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

Error error_of_curl(CURLcode code, std::string_view text, std::string where) {
  Error error{.code = Code::unavailable,
              .what = std::string(text.empty() ? curl_easy_strerror(code) : text),
              .where = std::move(where),
              .provider_code = fmt::format("curl {}", static_cast<int>(code))};
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
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
