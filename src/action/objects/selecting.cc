// SPDX-License-Identifier: Apache-2.0
#include "action/objects/selecting.h"

#include <fmt/format.h>

#include "action/api/outcome.h"

namespace tutti::action::objects {
namespace {

constexpr int64_t failures_default = 1000;
constexpr size_t failures_said = 20;

constexpr std::initializer_list<std::string_view> filter_names{
    "include", "exclude",    "include_regex", "exclude_regex", "larger",
    "smaller", "newer_than", "older_than",    "names"};

// One text or a list of them; none where it is not given.
Result<std::vector<std::string>> texts_param(const Value& with, std::string_view name) {
  const Value& value = with[name];
  std::vector<std::string> texts;
  if (value.is_null()) {
    return texts;
  }
  for (const Value& each : value.is_list() ? value.as_list() : ValueList{value}) {
    if (!each.is_string()) {
      return fail(Code::bad_input, fmt::format("`{}` is neither a text nor a list of texts", name));
    }
    texts.push_back(each.as_string());
  }
  return texts;
}

// A number of bytes may be written without quotes.
Result<std::string> size_param(const Value& with, std::string_view name) {
  const Value& value = with[name];
  return value.is_int() ? Result<std::string>(to_json(value)) : text_param(with, name);
}

Result<Outcome> with_output(Result<Outcome> outcome, Value output) {
  if (auto* failed = outcome.has_value() ? std::get_if<Failed>(&*outcome) : nullptr) {
    failed->output = std::move(output);
  }
  return outcome;
}

}  // namespace

Result<transfer::Filter> filter_param(const Value& with, Instant now) {
  transfer::FilterTexts texts;
  TRY(texts.include, texts_param(with, "include"));
  TRY(texts.exclude, texts_param(with, "exclude"));
  TRY(texts.include_regex, texts_param(with, "include_regex"));
  TRY(texts.exclude_regex, texts_param(with, "exclude_regex"));
  TRY(texts.larger, size_param(with, "larger"));
  TRY(texts.smaller, size_param(with, "smaller"));
  TRY(texts.newer, text_param(with, "newer_than"));
  TRY(texts.older, text_param(with, "older_than"));
  TRY(transfer::Filter filter, transfer::parse_filter(texts, now));
  if (const Value& names = with["names"]; names.is_string()) {
    filter.only = transfer::parse_names(names.as_string());
  } else if (!names.is_null()) {
    TRY(const std::vector<std::string> list, texts_param(with, "names"));
    filter.only.emplace(list.begin(), list.end());
  }
  return filter;
}

std::vector<std::string> unknown_filters(const Value& with) {
  return unknown_params(with, filter_names);
}

void add_filter_params(Schema& schema) {
  const std::vector<Param> params{
      {.name = "include", .doc = "Only what this pattern matches: *.csv, 2026/**.", .many = true},
      {.name = "exclude", .doc = "Not what this pattern matches; wins.", .many = true},
      {.name = "include_regex",
       .doc = "As include, by a regular expression that matches anywhere in the name.",
       .many = true},
      {.name = "exclude_regex", .doc = "As exclude, by a regular expression.", .many = true},
      {.name = "larger", .kind = ParamKind::size, .doc = "Only objects of more bytes: 10MB."},
      {.name = "smaller", .kind = ParamKind::size, .doc = "Only objects of fewer bytes."},
      {.name = "newer_than",
       .kind = ParamKind::duration,
       .doc = "Only objects written in this time before the attempt: 36h, 7d."},
      {.name = "older_than",
       .kind = ParamKind::duration,
       .doc = "Only objects written before this time."},
      {.name = "names",
       .kind = ParamKind::value,
       .doc = "Only these names, as they are below the prefix: a list, or a text with one on each "
              "line."}};
  schema.params.insert(schema.params.end(), params.begin(), params.end());
}

Result<transfer::Order> order_param(const Value& with) {
  transfer::Order order;
  TRY(const std::vector<std::string> first, texts_param(with, "first"));
  TRY(order.first, transfer::parse_patterns(first));
  TRY(const std::string by, text_param(with, "order"));
  TRY(order.by, transfer::parse_by(by.empty() ? "name" : by));
  return order;
}

void add_order_params(Schema& schema) {
  schema.params.push_back({.name = "first",
                           .doc = "What this pattern matches goes first; several: in their order.",
                           .many = true});
  schema.params.push_back({.name = "order",
                           .doc = "Which objects are begun first.",
                           .choices = {"name", "smallest", "largest", "oldest", "newest"},
                           .fallback = "name"});
}

Result<std::vector<transfer::Rename>> rename_param(const Value& with) {
  TRY(const std::vector<std::string> renames, texts_param(with, "rename"));
  return transfer::parse_renames(renames);
}

void add_rename_param(Schema& schema) {
  schema.params.push_back({.name = "rename",
                           .doc = "Other names below the destination, as sed -E: s/^old-//; "
                                  "several: one after the other.",
                           .many = true});
}

Result<xfer::Pull> pull_param(const Value& with) {
  TRY(const std::string pull, text_param(with, "pull"));
  return xfer::parse_pull(pull.empty() ? "auto" : pull);
}

void add_pull_param(Schema& schema) {
  schema.params.push_back(
      {.name = "pull",
       .doc = "Whether Azure reads the source by itself, at a signed URL; auto: objects of 1 MiB "
              "and more, where it may be able to.",
       .choices = {"auto", "always", "never"},
       .fallback = "auto"});
}

Result<uint64_t> failures_param(const Value& with) {
  TRY(const int64_t failures, int_param(with, "max_failures", failures_default, 0));
  return static_cast<uint64_t>(failures);
}

void add_failures_param(Schema& schema) {
  schema.params.push_back(
      {.name = "max_failures",
       .kind = ParamKind::integer,
       .doc = "The others go on when an object fails, until so many have; the task fails at its "
              "end.",
       .fallback = std::to_string(failures_default)});
}

void Noted::take(const xfer::Entry& entry) {
  failed_ += entry.done == xfer::Done::failed ? 1 : 0;
  entries_.push_back(entry);
}

std::string Noted::failures_text() const {
  if (failed_ == 0) {
    return {};
  }
  std::vector<xfer::Entry> some;
  for (const xfer::Entry& each : entries_) {
    if (each.error && some.size() < failures_said) {
      some.push_back(each);
    }
  }
  std::string text;
  for (const std::string& line : xfer::failure_lines(failed_, some)) {
    text += line + "\n";
  }
  return text;
}

Result<Outcome> Noted::failed_outcome(rt::Context& ctx, Value output) const {
  const xfer::Entry* telling = nullptr;
  for (const xfer::Entry& each : entries_) {
    const bool passing = each.error && is_retryable(each.error->code);
    if (each.error && (telling == nullptr || passing)) {
      telling = &each;
      if (passing) {
        break;
      }
    }
  }
  Error error = *telling->error;
  error.what = fmt::format("{} of {} failed, among them {}: {}", failed_,
                           objects_text(entries_.size()), telling->from.address, error.what);
  error.where = error.where.empty() ? telling->to.address : error.where;
  return with_output(outcome_of(ctx, std::move(error)), std::move(output));
}

Result<Outcome> Noted::ended_outcome(rt::Context& ctx, Error error) const {
  Value output = Value(ValueMap{});
  if (!entries_.empty()) {
    output = Value::of({{"failed", failed_}, {"manifest", manifest_value(entries_)}});
  }
  return with_output(outcome_of(ctx, std::move(error)), std::move(output));
}

}  // namespace tutti::action::objects
