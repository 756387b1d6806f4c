// SPDX-License-Identifier: Apache-2.0
// Which objects of a prefix take part, in which order, and how many may fail: inputs that the
// actions on many objects share with the commands.
#pragma once

#include "action/objects/objects.h"

namespace tutti::action::objects {

// `now`: what ages count from. bad_input names the parameter, or the text in it that is wrong.
Result<transfer::Filter> filter_param(const Value& with, Instant now);
void add_filter_params(Schema& schema);
// Those whose templates are still to be rendered, as unknown_params().
std::vector<std::string> unknown_filters(const Value& with);

Result<transfer::Order> order_param(const Value& with);
void add_order_params(Schema& schema);
Result<std::vector<transfer::Rename>> rename_param(const Value& with);
void add_rename_param(Schema& schema);

Result<xfer::Pull> pull_param(const Value& with);
void add_pull_param(Schema& schema);

// As xfer::Request::failures_max.
Result<uint64_t> failures_param(const Value& with);
void add_failures_param(Schema& schema);

// The entries of a transfer, for its manifest, whether or not it ends well.
class Noted {
 public:
  std::function<void(const xfer::Entry&)> taker() {
    return [this](const xfer::Entry& entry) { take(entry); };
  }
  const std::vector<xfer::Entry>& entries() const { return entries_; }
  uint64_t failed() const { return failed_; }

  // Which objects failed, the first of them; empty: none.
  std::string failures_text() const;
  // How an attempt with failed objects ends. `output` is what it gives all the same. Failures that
  // may pass decide whether it is tried again.
  Result<Outcome> failed_outcome(rt::Context& ctx, Value output) const;
  // The same of a transfer that `error` ended.
  Result<Outcome> ended_outcome(rt::Context& ctx, Error error) const;

 private:
  void take(const xfer::Entry& entry);

  std::vector<xfer::Entry> entries_;
  uint64_t failed_ = 0;
};

}  // namespace tutti::action::objects
