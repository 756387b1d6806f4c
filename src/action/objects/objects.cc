// SPDX-License-Identifier: Apache-2.0
#include "action/objects/objects.h"

#include <array>

#include <fmt/format.h>

namespace tutti::action::objects {
namespace {

constexpr size_t manifest_bytes_max = 32U << 20U;

std::unexpected<Error> bad(std::string_view name, std::string_view why, std::string remedy = {}) {
  return fail(Code::bad_input, fmt::format("`{}` {}", name, why), std::move(remedy));
}

Result<cloud::Located> open_value(const Services& services, const AttemptInfo& info,
                                  const Value& given, std::string_view name) {
  const Value& value = is_object(given) ? given["uri"] : given;
  if (!value.is_string() || value.as_string().empty()) {
    return bad(name, value.is_null() ? "is missing" : "is not an address",
               "write an address, for example s3://bucket/key");
  }
  auto located = services.connections.open(info.profile, std::string_view(value.as_string()));
  if (!located.has_value()) {
    Error error = std::move(located).error();
    if (error.where.empty()) {
      error.where = value.as_string();
    }
    return fail(std::move(error));
  }
  return located;
}

}  // namespace

Result<cloud::Located> open_param(const Services& services, const AttemptInfo& info,
                                  const Value& with, std::string_view name) {
  return open_value(services, info, with[name], name);
}

bool is_object(const Value& value) { return value.is_map() && value["uri"].is_string(); }

std::string shown_address(const Value& value) {
  const Value& address = is_object(value) ? value["uri"] : value;
  return address.is_string() ? address.as_string() : to_json(address);
}

Task<xfer::Selected> select_param(rt::Context& ctx, const Services* services, AttemptInfo info,
                                  Value with, std::string name) {
  CO_TRY(cloud::Located located, open_param(*services, info, with, name));
  if (is_object(with[name])) {
    co_return xfer::Selected::exactly(std::move(located));
  }
  co_return co_await xfer::Selected::of(ctx, std::move(located));
}

Result<std::vector<cloud::Located>> open_params(const Services& services, const AttemptInfo& info,
                                                const Value& with, std::string_view name) {
  const Value& value = with[name];
  std::vector<cloud::Located> all;
  for (const Value& each : value.is_list() ? value.as_list() : ValueList{value}) {
    TRY(cloud::Located located, open_value(services, info, each, name));
    all.push_back(std::move(located));
  }
  if (all.empty()) {
    return bad(name, "is an empty list", "write at least one address");
  }
  return all;
}

Result<int64_t> int_param(const Value& with, std::string_view name, int64_t fallback,
                          int64_t least) {
  const Value& value = with[name];
  if (value.is_null()) {
    return fallback;
  }
  if (!value.is_int() || value.as_int() < least) {
    return bad(name, fmt::format("is not a whole number of at least {}", least));
  }
  return value.as_int();
}

Result<std::string> text_param(const Value& with, std::string_view name) {
  const Value& value = with[name];
  if (!value.is_null() && !value.is_string()) {
    return bad(name, "is not a text");
  }
  return value.is_null() ? std::string() : value.as_string();
}

bool is_unknown(const Value& value) {
  if (value.is_string()) {
    return value.as_string().contains("{{") || value.as_string().contains("{%");
  }
  if (value.is_list()) {
    for (const Value& each : value.as_list()) {
      if (is_unknown(each)) {
        return true;
      }
    }
  }
  return false;
}

std::vector<std::string> unknown_params(const Value& with,
                                        std::initializer_list<std::string_view> names) {
  std::vector<std::string> unknown;
  for (const std::string_view name : names) {
    if (is_unknown(with[name])) {
      unknown.push_back(fmt::format("{}: {}", name, to_json(with[name])));
    }
  }
  return unknown;
}

std::function<void(const xfer::Progress&)> progress_to(Attempt& attempt) {
  return [&attempt](const xfer::Progress& progress) {
    attempt.progress({.bytes_done = static_cast<int64_t>(progress.bytes_done),
                      .bytes_total = progress.bytes_total,
                      .items_done = static_cast<int64_t>(progress.objects_done),
                      .items_total = progress.objects_total});
  };
}

Value manifest_value(const std::vector<xfer::Entry>& entries) {
  std::string text = xfer::to_text(entries);
  const std::string digest = to_text(xfer::content_digest(entries));
  Value manifest = Value::of({{"digest", digest}, {"objects", entries.size()}});
  manifest.edit_map().set("text",
                          text.size() <= manifest_bytes_max ? Value(std::move(text)) : Value());
  return manifest;
}

Value object_value(const cloud::Located& located, const cloud::ObjectMeta& meta) {
  return Value::of({{"uri", cloud::address_of(located, meta.key)},
                    {"key", meta.key.text},
                    {"size", meta.size},
                    {"etag", meta.etag},
                    {"modified", to_text(meta.modified)}});
}

std::string human_bytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 6> units{"B", "kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) {
    return fmt::format("{} B", bytes);
  }
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, units[unit]);
}

std::string objects_text(uint64_t objects) {
  return objects == 1 ? "1 object" : fmt::format("{} objects", objects);
}

}  // namespace tutti::action::objects
