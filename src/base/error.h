// SPDX-License-Identifier: Apache-2.0
// Result and Error: how everything that can fail in normal running says so.
//
// A code says what the caller may do, not where it broke; the set is closed. `unknown_outcome` is
// apart from `unavailable`: the write may have happened, so read before retrying.
// Bugs of ours abort (check.h); nothing in Tutti throws.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"

namespace tutti {

enum class Code : uint8_t {
  not_found,
  conflict,         // it exists already, or changed under us
  throttled,        // slow down; see retry_after
  unavailable,      // cannot be reached or answers 5xx; nothing was done
  unknown_outcome,  // the request may have been carried out
  timed_out,
  cancelled,
  denied,     // credentials or permission
  bad_input,  // a file, argument or value the user can mend
  unsupported,
  corrupt,  // bytes that fail their proof
  internal,
};

std::string_view code_name(Code code);
std::optional<Code> code_from_name(std::string_view name);

// True where trying the same thing again may help without anybody changing anything.
bool is_retryable(Code code);

// Exit status of a command that ends with this code (docs/cli.md): 1 the work failed, 2 bad input
// or something that does not exist, 3 cannot reach, 4 refused, 130 interrupted.
int exit_status(Code code);

struct Error {
  Code code = Code::internal;
  std::string what;    // subject and what happened, one sentence without the final point
  std::string where;   // file:line:column, address or service; may be empty
  std::string remedy;  // what to do about it; may be empty
  std::optional<Duration> retry_after = std::nullopt;
  std::string provider_code = {};  // the service's own word: NoSuchKey, 404, SQLITE_FULL

  bool operator==(const Error&) const = default;

  // "where: what. remedy", without the parts that are empty.
  std::string text() const;
};

// The same error with `context` before its text: context("copying s3://b/k").
Error with_context(Error error, std::string_view context);

struct Unit {
  bool operator==(const Unit&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }
inline std::unexpected<Error> fail(Code code, std::string what, std::string remedy = {}) {
  return std::unexpected(
      Error{.code = code, .what = std::move(what), .where = {}, .remedy = std::move(remedy)});
}

}  // namespace tutti

#define TUTTI_JOIN_(a, b) a##b
#define TUTTI_JOIN(a, b) TUTTI_JOIN_(a, b)
#define TUTTI_TRY_(ret, temp, decl, ...)              \
  auto temp = (__VA_ARGS__);                          \
  if (!temp.has_value()) {                            \
    ret ::std::unexpected(::std::move(temp).error()); \
  }                                                   \
  decl = ::std::move(*temp)
#define TUTTI_OK_(ret, ...)                            \
  do {                                                 \
    if (auto ok_ = (__VA_ARGS__); !ok_.has_value()) {  \
      ret ::std::unexpected(::std::move(ok_).error()); \
    }                                                  \
  } while (false)

// TRY(auto x, f()) : x is the value of f(), or the enclosing function returns f's error.
// CO_TRY is the same in a coroutine; TRY_OK and CO_OK where the value is not needed.
// Several statements: always inside braces.
#define TRY(decl, ...) TUTTI_TRY_(return, TUTTI_JOIN(try_, __LINE__), decl, __VA_ARGS__)
#define CO_TRY(decl, ...) TUTTI_TRY_(co_return, TUTTI_JOIN(try_, __LINE__), decl, __VA_ARGS__)
#define TRY_OK(...) TUTTI_OK_(return, __VA_ARGS__)
#define CO_OK(...) TUTTI_OK_(co_return, __VA_ARGS__)
