// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/ascii.h"
#include "net/http.h"

namespace tutti::net {
namespace {

using CurlUrl = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

Error url_error(const std::string& url, std::string_view why) {
  return {.code = Code::bad_input,
          .what = fmt::format("it is no URL we can use: {}", why),
          .where = url,
          .remedy = "write http://HOST/PATH or https://HOST/PATH"};
}

Result<CurlUrl> parse(const std::string& url) {
  CurlUrl parsed(curl_url(), curl_url_cleanup);
  const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_URLENCODE);
  if (code != CURLUE_OK) {
    return fail(url_error(url, curl_url_strerror(code)));
  }
  return parsed;
}

std::string part(const CurlUrl& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  std::string out;
  if (curl_url_get(url.get(), which, &text, flags) == CURLUE_OK) {
    out = text;
    curl_free(text);
  }
  return out;
}

struct Origin {
  std::string scheme, host, port;
  bool operator==(const Origin&) const = default;
};

Result<Origin> origin_of(const std::string& url) {
  TRY(const CurlUrl parsed, parse(url));
  Origin origin{part(parsed, CURLUPART_SCHEME), part(parsed, CURLUPART_HOST),
                part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT)};
  origin.host = ascii_lower(std::move(origin.host));
  return origin;
}

// What may go to a stranger: nothing that could be a key.
bool is_harmless(const std::string& name) {
  constexpr std::string_view names[] = {"accept",       "accept-language", "user-agent",
                                        "content-type", "range",           "if-modified-since",
                                        "if-none-match"};
  return std::ranges::any_of(names, [&](std::string_view each) { return same_name(each, name); });
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

const std::string* find_header(const HttpHeaders& headers, std::string_view name) {
  for (const HttpHeader& header : headers) {
    if (same_name(header.name, name)) {
      return &header.value;
    }
  }
  return nullptr;
}

bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
}

bool is_idempotent(std::string_view method) {
  return is_safe(method) || method == "PUT" || method == "DELETE";
}

Result<Unit> check_url(const std::string& url) {
  TRY(const CurlUrl parsed, parse(url));
  const std::string scheme = part(parsed, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return fail(url_error(url, fmt::format("its scheme is {}", scheme)));
  }
  if (url.find_first_of("\r\n\0", 0, 3) != std::string::npos) {
    return fail(url_error(url, "it holds a line end"));
  }
  return Unit{};
}

Result<std::string> resolve_url(const std::string& base, const std::string& reference) {
  TRY(const CurlUrl url, parse(base));
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, reference.c_str(), CURLU_URLENCODE);
  if (code != CURLUE_OK) {
    return fail(url_error(reference, curl_url_strerror(code)));
  }
  std::string resolved = part(url, CURLUPART_URL);
  TRY_OK(check_url(resolved));
  return resolved;
}

Result<std::optional<HttpRequest>> follow_redirect(const HttpRequest& request,
                                                   const HttpHead& head) {
  const std::string* location = find_header(head.headers, "location");
  if (!is_redirect(head.status) || location == nullptr || request.redirects_max == 0) {
    return std::nullopt;
  }
  HttpRequest next = request;
  --next.redirects_max;
  TRY(next.url, resolve_url(request.url, *location));
  TRY(const Origin from, origin_of(request.url));
  TRY(const Origin to, origin_of(next.url));
  if (from.scheme == "https" && to.scheme == "http") {
    return fail(Error{.code = Code::denied,
                      .what = "the server redirects from https to http",
                      .where = request.url,
                      .remedy = "use the address of the https service"});
  }
  const bool keeps_method = head.status == 307 || head.status == 308;
  if (!keeps_method && !is_safe(request.method)) {
    next.method = "GET";
    next.body = std::nullopt;
    std::erase_if(next.headers,
                  [](const HttpHeader& each) { return same_name(each.name, "content-type"); });
  }
  if (from != to) {
    if (!is_safe(next.method) || next.body) {
      return fail(Error{.code = Code::denied,
                        .what = fmt::format("the server redirects a {} to another host, {}",
                                            next.method, to.host),
                        .where = request.url,
                        .remedy = "use the address of that host if you trust it"});
    }
    std::erase_if(next.headers, [](const HttpHeader& each) { return !is_harmless(each.name); });
  }
  return next;
}

}  // namespace tutti::net
