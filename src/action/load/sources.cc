// SPDX-License-Identifier: Apache-2.0
#include "action/load/sources.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "rt/scope.h"
#include "xfer/select.h"

namespace tutti::action {
namespace {

using Files = std::map<std::string, SourceFile>;  // by address

std::unexpected<Error> wrong_from(std::string what) {
  return fail(Code::bad_input, "`from` " + std::move(what),
              "give an address, a prefix that ends with '/', a pattern, a list of them, or the "
              "manifest of a copy");
}

struct Wanted {
  std::string address;
  bool exactly = false;  // it came out of a listing or a manifest: no pattern
};

// The source of a manifest's line, which may have been copied to several destinations.
std::string source_of(const Value& line) {
  const Value& from = line["from"];
  return from.is_map()
             ? to_json(Value(ValueList{from["provider"], from["endpoint"], from["account"],
                                       from["bucket"], from["key"], from["address"]}))
             : line["to"]["address"].as_string();
}

// The destinations in a manifest's text, one for each source object.
Result<std::vector<Wanted>> wanted_of_manifest(std::string_view text) {
  std::vector<Wanted> out;
  std::set<std::string> sources;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) {
      TRY(const Value line, parse_json(text.substr(at, end - at)));
      if (!line["to"]["address"].is_string()) {
        return wrong_from("is a manifest with a line that names no destination");
      }
      if (sources.insert(source_of(line)).second) {
        out.push_back({line["to"]["address"].as_string(), true});
      }
    }
    at = end + 1;
  }
  return out;
}

bool is_object(const Value& value) { return value.is_map() && value["uri"].is_string(); }

// The addresses of `from` in their order.
Result<std::vector<Wanted>> wanted_of(const Value& from) {
  if (from.is_string()) {
    return std::vector{Wanted{from.as_string()}};
  }
  if (is_object(from)) {  // one of `list`
    return std::vector{Wanted{from["uri"].as_string(), true}};
  }
  if (from.is_list()) {
    std::vector<Wanted> out;
    for (const Value& each : from.as_list()) {
      if (!is_object(each) && !each.is_string()) {
        return wrong_from(fmt::format("holds a {}", kind_name(each.kind())));
      }
      out.push_back(is_object(each) ? Wanted{each["uri"].as_string(), true}
                                    : Wanted{each.as_string()});
    }
    return out;
  }
  if (!from.is_map()) {
    return wrong_from(fmt::format("is a {}", kind_name(from.kind())));
  }
  if (!from["text"].is_string()) {
    return wrong_from("is a map without the text of a manifest");
  }
  return wanted_of_manifest(from["text"].as_string());
}

bool is_marker(std::string_view key) {
  const std::string_view name = key.substr(key.find_last_of('/') + 1);
  return name.empty() || name.starts_with('_') || name.starts_with('.');
}

SourceFile file_of(const cloud::Located& located, const cloud::ObjectMeta& meta) {
  SourceFile file{.address = cloud::address_of(located, meta.key),
                  .ref = cloud::ref_of(located, meta.key),
                  .size = meta.size};
  for (const DigestKind kind :
       {DigestKind::sha256, DigestKind::crc64nvme, DigestKind::md5, DigestKind::crc32c}) {
    if (const auto digest = meta.digest(kind)) {
      file.proof = to_text(*digest);
      return file;
    }
  }
  file.proof = "etag:" + meta.etag;
  return file;
}

// A listing may leave out digests that a head has.
Task<Unit> prove(rt::Context& ctx, cloud::Located located, cloud::Key key, SourceFile& file) {
  CO_TRY(const cloud::ObjectMeta meta, co_await located.store->head(ctx, std::move(key)));
  file = file_of(located, meta);
  co_return Unit{};
}

Task<Unit> prove_all(rt::Scope& scope, cloud::Located located,
                     std::vector<std::pair<std::string, SourceFile*>> by_key) {
  for (auto& [key, file] : by_key) {
    CO_OK(co_await scope.spawn(prove(scope.context(), located, {key}, *file)));
  }
  co_return Unit{};
}

Task<Unit> add(rt::Context& ctx, const cloud::Connections& connections, std::string profile,
               Wanted wanted, Files& files) {
  CO_TRY(const cloud::Located located, connections.open(profile, wanted.address));
  CO_TRY(xfer::Selected selected, wanted.exactly
                                      ? Result<xfer::Selected>(xfer::Selected::exactly(located))
                                      : co_await xfer::Selected::of(ctx, located));
  const bool exact = selected.selection().kind == transfer::Selection::Kind::object;
  std::vector<std::pair<std::string, SourceFile*>> unproven;
  size_t count = 0;
  while (true) {
    CO_TRY(const auto meta, co_await selected.next(ctx));
    if (!meta) {
      break;
    }
    if (!exact && is_marker(meta->key.text)) {
      continue;
    }
    ++count;
    SourceFile file = file_of(located, *meta);
    SourceFile& kept = files[file.address] = std::move(file);
    if (!exact && kept.proof.starts_with("etag:") &&
        !located.store->capabilities().keeps_digests.empty()) {
      unproven.emplace_back(meta->key.text, &kept);
    }
  }
  if (count == 0 && wanted.exactly) {
    co_return fail(Error{.code = Code::not_found,
                         .what = "there is no such object",
                         .where = wanted.address,
                         .remedy = "it was there when it was listed or copied: do that again"});
  }
  if (count == 0) {
    CO_TRY(Error error, co_await xfer::nothing_there(ctx, located));
    if (error.remedy.empty()) {
      error.remedy = "check the address, or let an earlier task write it";
    }
    co_return fail(std::move(error));
  }
  constexpr size_t heads_max = 16;
  co_return co_await rt::scoped(ctx, {.children_max = heads_max}, prove_all, located,
                                std::move(unproven));
}

}  // namespace

Task<Sources> find_sources(rt::Context& ctx, const cloud::Connections& connections,
                           std::string profile, Value from) {
  CO_TRY(const std::vector<Wanted> addresses, wanted_of(from));
  if (addresses.empty()) {
    co_return wrong_from("names no file");
  }
  Files files;
  for (const Wanted& wanted : addresses) {
    CO_OK(co_await add(ctx, connections, profile, wanted, files));
  }
  Sources sources;
  for (auto& [address, file] : files) {
    sources.bytes += file.size;
    sources.files.push_back(std::move(file));
  }
  co_return sources;
}

std::string manifest_digest(const Sources& sources) {
  Hasher hasher(DigestKind::sha256);
  for (const SourceFile& file : sources.files) {
    hasher.update(to_json(Value(ValueList{file.ref.provider, file.ref.endpoint, file.ref.account,
                                          file.ref.bucket, file.ref.key, file.size, file.proof})));
    hasher.update("\n");
  }
  return to_text(hasher.finish());
}

Result<std::string> format_of(const Sources& sources) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> known = {
      {{".csv", "csv"},
       {".tsv", "csv"},
       {".json", "json"},
       {".ndjson", "ndjson"},
       {".jsonl", "ndjson"},
       {".parquet", "parquet"}}};
  std::string format;
  std::string first;
  for (const SourceFile& file : sources.files) {
    std::string_view name = file.address;
    for (const std::string_view packed : {".gz", ".zst"}) {
      if (name.ends_with(packed)) {
        name.remove_suffix(packed.size());
      }
    }
    const auto* at = std::ranges::find_if(
        known, [name](const auto& each) { return name.ends_with(each.first); });
    if (at == known.end()) {
      return fail(Error{.code = Code::bad_input,
                        .what = "its name does not say which format it has",
                        .where = file.address,
                        .remedy = "give `format`: csv, json, ndjson or parquet"});
    }
    if (!format.empty() && format != at->second) {
      return fail(Code::bad_input,
                  fmt::format("the files have different formats: {} and {}", first, file.address),
                  "load them with two tasks, or narrow the pattern");
    }
    format = at->second;
    first = file.address;
  }
  return format;
}

Result<TableName> parse_table(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('.', at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  const bool empty = std::ranges::any_of(parts, [](const auto& part) { return part.empty(); });
  if (empty || parts.size() < 2 || parts.size() > 3) {
    return fail(Code::bad_input, fmt::format("`into` is '{}'", text),
                "write CONNECTION.SCHEMA.TABLE, or CONNECTION.TABLE");
  }
  return TableName{.connection = parts[0],
                   .schema = parts.size() == 3 ? parts[1] : "main",
                   .table = parts.back()};
}

}  // namespace tutti::action
