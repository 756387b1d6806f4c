// SPDX-License-Identifier: Apache-2.0
#include "action/http/request.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/http_date.h"

namespace tutti::action::http {
namespace {

constexpr size_t excerpt_bytes_max = 300;

std::unexpected<Error> wrong(std::string where, std::string what, std::string remedy = {}) {
  return fail(Error{.code = Code::bad_input,
                    .what = std::move(what),
                    .where = "with." + where,
                    .remedy = std::move(remedy)});
}

std::string text_of(const Value& value) {
  return value.is_string() ? value.as_string() : value.is_null() ? "" : to_json(value);
}

// A text, or {secret: NAME} in a connection's settings.
Result<std::string> secret_text(const Value& value, const SecretReader& secret,
                                const std::string& where) {
  if (const auto name = value.get_string("secret"); !name.empty()) {
    if (!secret) {
      return wrong(where, "no secrets can be read here");
    }
    return secret(name);
  }
  if (value.is_map() || value.is_list() || value.is_null()) {
    return wrong(where, fmt::format("a {} is no text", kind_name(value.kind())));
  }
  return text_of(value);
}

Result<Unit> add_headers(net::HttpHeaders& out, const Value& headers, const std::string& where,
                         const SecretReader& secret) {
  if (headers.is_null()) {
    return Unit{};
  }
  if (!headers.is_map()) {
    return wrong(where, "headers are a map of names and texts");
  }
  for (const auto& [name, value] : headers.as_map()) {
    TRY(std::string text, secret_text(value, secret, where + "." + name));
    std::erase_if(out, [&](const net::HttpHeader& each) {
      return std::ranges::equal(each.name, name,
                                [](char a, char b) { return ascii_lower(a) == ascii_lower(b); });
    });
    out.push_back({name, std::move(text)});
  }
  return Unit{};
}

Result<Unit> add_auth(net::HttpHeaders& out, const Value& auth, const SecretReader& secret) {
  if (auth.is_null()) {
    return Unit{};
  }
  if (!auth["bearer"].is_null() || !auth["secret"].is_null()) {
    const Value& token = auth["bearer"].is_null() ? auth : auth["bearer"];
    TRY(std::string text, secret_text(token, secret, "auth.bearer"));
    out.push_back({"Authorization", "Bearer " + text});
    return Unit{};
  }
  if (!auth["basic"].is_null()) {
    const Value& basic = auth["basic"];
    std::string pair;
    if (basic.is_map() && basic["secret"].is_null()) {
      TRY(const std::string user, secret_text(basic["user"], secret, "auth.basic.user"));
      TRY(const std::string word, secret_text(basic["password"], secret, "auth.basic.password"));
      pair = user + ":" + word;
    } else {
      TRY(pair, secret_text(basic, secret, "auth.basic"));
    }
    out.push_back({"Authorization", "Basic " + base64_encode(pair)});
    return Unit{};
  }
  if (auth["header"].is_map()) {
    return add_headers(out, auth["header"], "auth.header", secret);
  }
  return wrong("auth", "it is none of the kinds of authentication",
               "give {bearer: TOKEN}, {basic: {user: U, password: P}} or {header: {NAME: VALUE}}");
}

Result<std::string> form_text(const Value& form) {
  if (!form.is_map()) {
    return wrong("form", "a form is a map of names and values");
  }
  std::string out;
  for (const auto& [name, value] : form.as_map()) {
    const ValueList values = value.is_list() ? value.as_list() : ValueList{value};
    for (const Value& each : values) {
      out += (out.empty() ? "" : "&") + percent_encode(name) + "=" + percent_encode(text_of(each));
    }
  }
  return out;
}

Result<Unit> set_body(net::HttpRequest& request, const Value& with) {
  const auto* given = with.as_map().find("json");
  std::string type = "application/json";
  int kinds = 0;
  for (const char* name : {"json", "body", "form"}) {
    kinds += with[name].is_null() ? 0 : 1;
  }
  if (kinds > 1) {
    return wrong("body", "json, body and form are given together", "give one of them");
  }
  if (given != nullptr) {
    request.body = to_json(*given);
  } else if (!with["form"].is_null()) {
    TRY(request.body, form_text(with["form"]));
    type = "application/x-www-form-urlencoded";
  } else if (!with["body"].is_null()) {
    request.body = text_of(with["body"]);
    type = with["body"].is_string() ? "" : type;
  }
  if (request.body && (request.method == "GET" || request.method == "HEAD")) {
    return wrong("method", fmt::format("a {} has no body", request.method), "add method: POST");
  }
  if (request.body && !type.empty() &&
      net::find_header(request.headers, "content-type") == nullptr) {
    request.headers.push_back({"Content-Type", type});
  }
  return Unit{};
}

Result<std::string> url_of(const Value& with, const Value& connection) {
  if (!with["url"].is_null()) {
    return std::string(with.get_string("url"));
  }
  if (!connection.is_map() || connection.get_string("url").empty()) {
    return wrong("url", "neither a URL nor a connection with one is given",
                 "give url, or connection and path");
  }
  // Joined as texts, so that no path can lead to another host.
  std::string base(connection.get_string("url"));
  std::string path(with.get_string("path"));
  while (base.ends_with('/')) {
    base.pop_back();
  }
  if (!path.empty() && !path.starts_with('/') && !path.starts_with('?')) {
    path.insert(0, "/");
  }
  return base + path;
}

Result<Paginate> parse_paginate(const Value& from) {
  if (!from.is_map()) {
    return wrong("paginate", "it is a map",
                 "give {next: EXPRESSION}, {link: true} or {param: NAME}");
  }
  Paginate out{.next = std::string(from.get_string("next")),
               .link = from.get_bool("link"),
               .param = std::string(from.get_string("param")),
               .start = from.get_int("start", 1),
               .step = from.get_int("step", 1),
               .items = std::string(from.get_string("items")),
               .pages_max = from.get_int("pages_max", 1000)};
  for (const auto& [name, value] : from.as_map()) {
    constexpr std::string_view known[] = {"next", "link",  "param",    "start",
                                          "step", "items", "pages_max"};
    if (std::ranges::find(known, name) == std::end(known)) {
      return wrong("paginate." + name, "no such key",
                   "known are next, link, param, start, step, items, pages_max");
    }
  }
  const int ways = (out.next.empty() ? 0 : 1) + (out.link ? 1 : 0) + (out.param.empty() ? 0 : 1);
  if (ways != 1) {
    return wrong("paginate", "it needs exactly one of next, link and param");
  }
  if (!out.param.empty() && out.items.empty()) {
    return wrong("paginate.items", "with `param` the last page is the one without items",
                 "give items: an expression such as body.results");
  }
  if (out.pages_max < 1 || out.pages_max > 100'000) {
    return wrong("paginate.pages_max", "it is from 1 to 100000");
  }
  return out;
}

bool says_json(const net::HttpHeaders& headers) {
  const std::string* type = net::find_header(headers, "content-type");
  if (type == nullptr) {
    return false;
  }
  std::string kind = ascii_lower(type->substr(0, type->find(';')));
  while (kind.ends_with(' ')) {
    kind.pop_back();
  }
  return kind == "application/json" || kind.ends_with("+json") || kind == "text/json";
}

std::string excerpt(const std::string& body) {
  if (body.empty() || !is_utf8(body)) {
    return {};
  }
  std::string text = body.substr(0, excerpt_bytes_max);
  while (!is_utf8(text)) {
    text.pop_back();
  }
  std::ranges::replace(text, '\n', ' ');
  return ": " + text + (text.size() < body.size() ? "..." : "");
}

Code code_of(int status) {
  switch (status) {
    case 401:
    case 403:
    case 407:
      return Code::denied;
    case 404:
    case 410:
      return Code::not_found;
    case 409:
    case 412:
      return Code::conflict;
    case 429:
      return Code::throttled;
    case 408:
      return Code::timed_out;
    default:
      return status >= 500 ? Code::unavailable : Code::bad_input;
  }
}

}  // namespace

Schema make_schema() {
  return {
      .name = "http",
      .summary = "Sends an HTTP request and checks the reply.",
      .params =
          {{.name = "url", .kind = ParamKind::url, .doc = "Where to.", .secret_ok = true},
           {.name = "connection",
            .kind = ParamKind::web_service,
            .doc = "A connection of type http, instead of `url`."},
           {.name = "path", .doc = "Behind the connection's URL.", .secret_ok = true},
           {.name = "method",
            .doc = "In upper case.",
            .choices = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"},
            .fallback = "GET"},
           {.name = "headers", .kind = ParamKind::map, .doc = "Of the request.", .secret_ok = true},
           {.name = "json",
            .kind = ParamKind::value,
            .doc = "The body, as JSON.",
            .secret_ok = true},
           {.name = "body",
            .kind = ParamKind::value,
            .doc = "The body, as text.",
            .secret_ok = true},
           {.name = "form",
            .kind = ParamKind::map,
            .doc = "The body, as fields of a form.",
            .secret_ok = true},
           {.name = "auth",
            .kind = ParamKind::map,
            .doc = "{bearer: TOKEN}, {basic: {user: U, password: P}} or {header: {NAME: VALUE}}.",
            .secret_ok = true},
           {.name = "check",
            .kind = ParamKind::expression,
            .doc = "What must be true of status, headers and body.",
            .raw = true,
            .names = {"status", "headers", "body"},
            .fallback = "a status from 200 to 299"},
           {.name = "save",
            .kind = ParamKind::address,
            .doc = "The object that the reply's body becomes, whole or not at all."},
           {.name = "paginate",
            .kind = ParamKind::map,
            .doc = "How further pages are found: {next: expression for the URL}, {link: true} for "
                   "the Link header, or {param: NAME, start: 1}; with items: expression for the "
                   "list in a page, pages_max: 1000.",
            .raw = true},
           {.name = "idempotency_key",
            .doc = "Sent as Idempotency-Key: makes a write safe to repeat."}},
      .one_of = {{"url", "connection"}},
      .outputs = {{.name = "status", .kind = "integer", .doc = "Of the (last) reply."},
                  {.name = "headers", .kind = "map of text", .doc = "Names in lower case."},
                  {.name = "body",
                   .kind = "value or text",
                   .doc = "JSON is parsed; null with `save` and for bytes that are no text; with "
                          "`paginate` the list of all items (or pages)."},
                  {.name = "bytes", .kind = "integer", .doc = "Of the body."},
                  {.name = "saved", .kind = "address", .doc = "With `save`."}},
      .write_param = "method",
      .safe_values = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"},
      .key_param = "idempotency_key",
  };
}

std::string method_of(const Value& with) {
  std::string method(with.get_string("method", "GET"));
  std::ranges::transform(method, method.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  return method;
}

Result<Call> make_call(const Value& with, const Value& connection, const SecretReader& secret) {
  if (!with.is_map()) {
    return wrong("url", "nothing is given");
  }
  Call call{.check = std::string(with.get_string("check")),
            .save = std::string(with.get_string("save"))};
  net::HttpRequest& request = call.request;
  request.method = method_of(with);
  TRY(request.url, url_of(with, connection));
  TRY_OK(net::check_url(request.url));
  TRY_OK(add_headers(request.headers, connection["headers"], "connection.headers", secret));
  TRY_OK(add_headers(request.headers, with["headers"], "headers", {}));
  if (net::find_header(request.headers, "authorization") == nullptr) {
    const bool own = !with["auth"].is_null();
    TRY_OK(add_auth(request.headers, own ? with["auth"] : connection["auth"],
                    own ? SecretReader{} : secret));
  }
  TRY_OK(set_body(request, with));
  if (const std::string key = text_of(with["idempotency_key"]); !key.empty()) {
    request.headers.push_back({"Idempotency-Key", key});
    request.repeatable = true;
  }
  if (!with["paginate"].is_null()) {
    TRY(call.paginate, parse_paginate(with["paginate"]));
    if (!call.save.empty()) {
      return wrong("save", "pages cannot be saved as one object",
                   "leave out save, and write the items with the action write");
    }
    if (!call.paginate->param.empty()) {
      request.url =
          with_query(request.url, call.paginate->param, std::to_string(call.paginate->start));
    }
  }
  return call;
}

Result<Value> body_value(const net::HttpResponse& response) {
  const std::string& body = response.body;
  if (says_json(response.head.headers) && !body.empty()) {
    auto value = parse_json(body);
    if (!value.has_value()) {
      return fail(Error{.code = Code::bad_input,
                        .what = "the reply says it is JSON, but it is not: " + value.error().what,
                        .where = response.head.url});
    }
    return value;
  }
  return is_utf8(body) ? Value(body) : Value();
}

Value headers_value(const net::HttpHeaders& headers) {
  ValueMap out;
  for (const net::HttpHeader& header : headers) {
    std::string name = ascii_lower(header.name);
    const Value* before = out.find(name);
    out.set(name, before == nullptr ? header.value : before->as_string() + ", " + header.value);
  }
  return out;
}

bool is_success(int status) { return status >= 200 && status < 300; }

bool is_transient(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

Error status_error(const net::HttpRequest& request, const net::HttpResponse& response,
                   bool repeatable, Instant now) {
  const int status = response.head.status;
  Error error{.code = code_of(status),
              .what = fmt::format("the server answered {}{}", status, excerpt(response.body)),
              .where = fmt::format("{} {}", request.method, request.url),
              .provider_code = fmt::format("{}", status)};
  if (const std::string* after = net::find_header(response.head.headers, "retry-after")) {
    error.retry_after = parse_retry_after(*after, now);
  }
  if (error.code == Code::denied) {
    error.remedy = "check `auth` and what it may do";
  } else if ((status == 502 || status == 504) && !repeatable) {
    error.code = Code::unknown_outcome;
    error.remedy = "a gateway answered for the service: look whether it was carried out";
  }
  return error;
}

std::optional<std::string> next_link(const net::HttpHeaders& headers) {
  for (const net::HttpHeader& header : headers) {
    std::string name = ascii_lower(header.name);
    if (name != "link") {
      continue;
    }
    std::string_view text = header.value;
    while (true) {  // <url>; rel="next", <url>; rel="last"
      const size_t open = text.find('<');
      const size_t close = text.find('>', open);
      if (open == std::string_view::npos || close == std::string_view::npos) {
        break;
      }
      const size_t end = std::min(text.find('<', close), text.size());
      const std::string_view parameters = text.substr(close + 1, end - close - 1);
      if (parameters.find("rel=\"next\"") != std::string_view::npos ||
          parameters.find("rel=next") != std::string_view::npos) {
        return std::string(text.substr(open + 1, close - open - 1));
      }
      text = text.substr(end);
    }
  }
  return std::nullopt;
}

std::string with_query(const std::string& url, const std::string& name, const std::string& value) {
  const size_t fragment = std::min(url.find('#'), url.size());
  const size_t question = std::min(url.find('?'), fragment);
  std::string out = url.substr(0, question);
  char separator = '?';
  const std::string own = percent_encode(name) + "=";
  for (size_t at = question + 1; at < fragment;) {
    const size_t end = std::min(url.find('&', at), fragment);
    const std::string field = url.substr(at, end - at);
    if (!field.starts_with(own)) {
      out += separator + field;
      separator = '&';
    }
    at = end + 1;
  }
  return out + separator + own + percent_encode(value);
}

}  // namespace tutti::action::http
