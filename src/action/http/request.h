// SPDX-License-Identifier: Apache-2.0
// From `with` to a request, and what a reply means. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "action/api/action.h"
#include "net/http.h"

namespace tutti::action::http {

Schema make_schema();

// How the next page is found: one of `next`, `link`, `param`.
struct Paginate {
  std::string next;   // expression: the next URL, or nothing
  bool link = false;  // the Link header's rel="next"
  std::string param;  // of the query; counts up until a page has no items
  int64_t start = 1;
  int64_t step = 1;
  std::string items;  // expression: the list in a page; empty: the page itself
  int64_t pages_max = 1000;
};

struct Call {
  net::HttpRequest request;
  std::string check;  // expression
  std::string save;   // address
  std::optional<Paginate> paginate = std::nullopt;
};

using SecretReader = std::function<Result<std::string>(std::string_view name)>;
// `connection`: the settings of the connection `with` names, or null. Errors: bad_input, `where`
// the key.
Result<Call> make_call(const Value& with, const Value& connection, const SecretReader& secret);

std::string method_of(const Value& with);  // upper case

// The body as a value: JSON when the reply says so, text when it is UTF-8, else null.
Result<Value> body_value(const net::HttpResponse& response);
Value headers_value(const net::HttpHeaders& headers);  // lower-case names

bool is_success(int status);
// Worth another try within the attempt.
bool is_transient(int status);
// What a reply that is no success means to the caller. `repeatable`: of its request.
Error status_error(const net::HttpRequest& request, const net::HttpResponse& response,
                   bool repeatable, Instant now);

// The URL of rel="next" in a Link header.
std::optional<std::string> next_link(const net::HttpHeaders& headers);
// `url` with the query parameter set, replacing one of that name.
std::string with_query(const std::string& url, const std::string& name, const std::string& value);

}  // namespace tutti::action::http
