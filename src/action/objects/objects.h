// SPDX-License-Identifier: Apache-2.0
// Inputs and failures of the actions on objects.
#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "action/api/action.h"
#include "cloud/connections.h"
#include "rt/task.h"
#include "xfer/manifest.h"
#include "xfer/select.h"
#include "xfer/transfer.h"

namespace tutti::action::objects {

// What these actions are made with; outlives them.
struct Services {
  const cloud::Connections& connections;
  rt::Executor cpu;                    // a pool's, for digests
  std::filesystem::path journal = {};  // as xfer::Request::journal
  std::function<Result<std::string>(std::string_view name)> secret = {};  // of the project
};

// An address of `with`, opened in the attempt's profile. bad_input names the parameter.
Result<cloud::Located> open_param(const Services& services, const AttemptInfo& info,
                                  const Value& with, std::string_view name);
// What an address of `with` selects: a text as xfer::Selected::of, an object of `list` or
// `wait.object` ({uri, ...}) exactly.
Task<xfer::Selected> select_param(rt::Context& ctx, const Services* services, AttemptInfo info,
                                  Value with, std::string name);
bool is_object(const Value& value);  // {uri: ADDRESS, ...}
// "s3://b/k" of either; for plans.
std::string shown_address(const Value& value);
// One or a list of them; at least one.
Result<std::vector<cloud::Located>> open_params(const Services& services, const AttemptInfo& info,
                                                const Value& with, std::string_view name);
// A whole number of at least `least`; `fallback` where the parameter is not given.
Result<int64_t> int_param(const Value& with, std::string_view name, int64_t fallback,
                          int64_t least);
// A text; empty where it is not given.
Result<std::string> text_param(const Value& with, std::string_view name);

// True where a template in it is still to be rendered: plan() cannot open it.
bool is_unknown(const Value& value);
// Which of these parameters are, as Preview::unknown names them.
std::vector<std::string> unknown_params(const Value& with,
                                        std::initializer_list<std::string_view> names);

// Tells the attempt, which outlives it, how far a transfer is.
std::function<void(const xfer::Progress&)> progress_to(Attempt& attempt);

// {digest, objects, text}; no text where it would have more than 32 MiB.
Value manifest_value(const std::vector<xfer::Entry>& entries);

// {uri, key, size, etag, modified}
Value object_value(const cloud::Located& located, const cloud::ObjectMeta& meta);

std::string human_bytes(uint64_t bytes);     // "1.5 MB"
std::string objects_text(uint64_t objects);  // "1 object", "12 objects"

}  // namespace tutti::action::objects
