// SPDX-License-Identifier: Apache-2.0
// Checks of a connection: the steps in their order, a verdict for each, and which step it is that
// an error speaks of. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace tutti::cloud::probe {

enum class Step : uint8_t {
  settings,
  folder,       // of this machine: there, to be read and written
  space,        // free in it
  name,         // of the host, resolved
  connection,   // TCP, to the service or the proxy
  tls,          // with a certificate that is trusted
  answer,       // of HTTP
  clock,        // ours beside the service's
  credentials,  // found, and accepted
  region,
  bucket,
  list,
  read,
  write,
  remove,
};
std::string_view step_name(Step step);

enum class Verdict : uint8_t { ok, failed, not_tried };
std::string_view verdict_name(Verdict verdict);  // ok, failed, not tried

struct Check {
  Step step = Step::settings;
  Verdict verdict = Verdict::not_tried;
  std::string what = {};                      // what was seen, or why it was not tried
  std::optional<Error> error = std::nullopt;  // of what failed
};

// The checks of one connection. Each step has one verdict; a failure stays.
class Checks {
 public:
  void ok(Step step, std::string what);
  void fail(Step step, Error error);
  void skip(Step step, std::string why);  // unless something is known of it
  void skip_all(std::span<const Step> steps, const std::string& why);

  bool has(Step step) const { return checks_.contains(step); }
  bool failed(Step step) const;
  bool any_failed() const;
  std::vector<Check> in_order() const;

 private:
  std::map<Step, Check> checks_;
};

// What a failure of the store speaks of: by the provider's own word, else by its code; `asked`
// where it is about what was asked for.
Step step_of(const Error& error, Step asked);

// Clouds refuse requests signed more than a quarter of an hour off, tokens already less.
constexpr Duration skew_max = minutes(5);
// `ahead`: of our clock before the service's.
Check check_clock(Duration ahead);

// Of a command that made these checks: 0, what the failures have in common, or 1.
int exit_status_of(const std::vector<std::vector<Check>>& connections);

}  // namespace tutti::cloud::probe
