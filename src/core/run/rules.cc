// SPDX-License-Identifier: Apache-2.0
#include "core/run/rules.h"

namespace tutti::run {

Verdict decide(spec::TriggerRule rule, const NeedCounts& needs) {
  using enum Verdict;
  using enum spec::TriggerRule;
  if (needs.total == 0) {
    return run;
  }
  const uint32_t bad = needs.failed + needs.upstream_failed;
  const uint32_t done = needs.succeeded + bad + needs.skipped;
  const bool all_ended = done == needs.total;
  switch (rule) {
    case all_success:
      if (bad > 0) {
        return upstream_failed;
      }
      if (needs.skipped > 0) {
        return skip;
      }
      return all_ended ? run : wait;
    case all_failed:
      if (needs.succeeded + needs.skipped > 0) {
        return skip;
      }
      return all_ended ? run : wait;
    case all_done:
      return all_ended ? run : wait;
    case all_done_min_one_success:
      if (!all_ended) {
        return wait;
      }
      if (needs.succeeded > 0) {
        return run;
      }
      return bad > 0 ? upstream_failed : skip;
    case all_skipped:
      if (needs.succeeded + bad > 0) {
        return skip;
      }
      return all_ended ? run : wait;
    case one_success:
      if (needs.succeeded > 0) {
        return run;
      }
      if (!all_ended) {
        return wait;
      }
      return bad > 0 ? upstream_failed : skip;
    case one_failed:
      if (bad > 0) {
        return run;
      }
      return all_ended ? skip : wait;
    case one_done:
      if (needs.succeeded + needs.failed > 0) {
        return run;
      }
      return all_ended ? skip : wait;
    case none_failed:
      if (bad > 0) {
        return upstream_failed;
      }
      return all_ended ? run : wait;
    case none_failed_min_one_success:
      if (bad > 0) {
        return upstream_failed;
      }
      if (!all_ended) {
        return wait;
      }
      return needs.succeeded > 0 ? run : skip;
    case none_skipped:
      if (needs.skipped > 0) {
        return skip;
      }
      return all_ended ? run : wait;
    case always:
      return run;
  }
  return wait;
}

}  // namespace tutti::run
