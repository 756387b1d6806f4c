// SPDX-License-Identifier: Apache-2.0
#include "net/reach.h"

#include <array>
#include <memory>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/check.h"
#include "base/http_date.h"
#include "net/curl.h"

namespace tutti::net {
namespace {

constexpr long connect_ms = 10'000;
constexpr long whole_ms = 15'000;

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

struct Heard {
  std::optional<Instant> date;
};

size_t on_header(char* data, size_t, size_t size, void* argument) {
  constexpr std::string_view name = "date:";
  std::string line(data, size);
  line.erase(line.find_last_not_of("\r\n") + 1);
  if (ascii_lower(line.substr(0, name.size())) == name) {
    const size_t at = line.find_first_not_of(' ', name.size());
    static_cast<Heard*>(argument)->date =
        parse_http_date(at == std::string::npos ? "" : line.substr(at));
  }
  return size;
}

void set_up(CURL* easy, const std::string& url, const std::string& ca_file, Heard& heard) {
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "tutti");
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, whole_ms);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &heard);
  if (!ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
  }
}

bool has_passed(CURL* easy, CURLINFO info) {
  curl_off_t us = 0;
  return curl_easy_getinfo(easy, info, &us) == CURLE_OK && us > 0;
}

// IP:PORT; empty before there was a connection.
std::string peer_of(CURL* easy) {
  const char* ip = nullptr;
  long port = 0;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
  if (ip == nullptr || *ip == '\0') {
    return {};
  }
  const bool v6 = std::string_view(ip).contains(':');
  return v6 ? fmt::format("[{}]:{}", ip, port) : fmt::format("{}:{}", ip, port);
}

}  // namespace

Stage stage_of(int curl_code, const Progress& progress) {
  switch (curl_code) {
    case CURLE_OK:
      return Stage::done;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Stage::name;
    case CURLE_COULDNT_CONNECT:
      return Stage::connection;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return Stage::tls;
    default:  // ran out of time, or was cut off
      return !progress.resolved                  ? Stage::name
             : !progress.connected               ? Stage::connection
             : progress.tls && !progress.secured ? Stage::tls
                                                 : Stage::answer;
  }
}

Reach reach(const std::string& url) {
  init_curl_once();
  const Easy easy(curl_easy_init(), &curl_easy_cleanup);
  CHECK(easy != nullptr);
  std::array<char, CURL_ERROR_SIZE> text{};
  Heard heard;
  const std::string ca_file = find_ca_file();
  set_up(easy.get(), url, ca_file, heard);
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, text.data());
  const CURLcode code = curl_easy_perform(easy.get());
  Reach found{.address = peer_of(easy.get()),
              .tls = url.starts_with("https://"),
              .server_time = heard.date};
  long value = 0;
  found.proxy =
      curl_easy_getinfo(easy.get(), CURLINFO_USED_PROXY, &value) == CURLE_OK && value != 0;
  value = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &value);
  found.status = static_cast<int>(value);
  found.stage = stage_of(code, {.resolved = has_passed(easy.get(), CURLINFO_NAMELOOKUP_TIME_T),
                                .connected = has_passed(easy.get(), CURLINFO_CONNECT_TIME_T),
                                .tls = found.tls,
                                .secured = has_passed(easy.get(), CURLINFO_APPCONNECT_TIME_T)});
  if (found.stage != Stage::done) {
    found.error = error_of_curl(code, text.data(), url);
  }
  return found;
}

}  // namespace tutti::net
