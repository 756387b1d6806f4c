// SPDX-License-Identifier: Apache-2.0
#include "xfer/carry.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cloud/body_check.h"

namespace tutti::xfer {
namespace {

constexpr std::string_view type_name = "content_type";
constexpr std::string_view metadata_prefix = "metadata.";
constexpr std::string_view tags_prefix = "tags.";
constexpr size_t names_max = 8;  // kept, and said

bool says_something(std::string_view content_type) {
  return !content_type.empty() && content_type != "application/octet-stream" &&
         content_type != "binary/octet-stream";
}

// Room for metadata at the destination.
class Room {
 public:
  explicit Room(size_t bytes) : left_(bytes) {}
  bool take(size_t bytes) {
    const bool fits = bytes <= left_;
    left_ -= fits ? bytes : 0;
    return fits;
  }

 private:
  size_t left_;
};

void carry_headers(const cloud::ObjectMeta& source, Room& room, Carried& out) {
  const std::string& type = source.content_type;
  if (!type.empty() && cloud::is_header_value(type) && room.take(type.size())) {
    out.put.content_type = type;
  } else if (says_something(type)) {
    out.lost.emplace_back(type_name);
  }
  for (const ContentHeader& each : content_headers) {
    const std::string& value = source.headers.*each.value;
    if (value.empty()) {
      continue;
    }
    if (cloud::is_header_value(value) && room.take(value.size())) {
      out.put.headers.*each.value = value;
    } else {
      out.lost.emplace_back(each.name);
    }
  }
}

void carry_metadata(const cloud::ObjectMeta& source, const cloud::Capabilities& can, Room& room,
                    Carried& out) {
  for (const auto& [name, value] : source.metadata) {
    if (name == origin_name) {
      continue;
    }
    if (cloud::is_metadata(can, name, value) && room.take(name.size() + value.size())) {
      out.put.metadata[name] = value;
    } else {
      out.lost.push_back(fmt::format("{}{}", metadata_prefix, name));
    }
  }
}

void carry_tags(const cloud::Tags& tags, const cloud::TagLimits& limits, Carried& out) {
  for (const auto& [name, value] : tags) {
    if (out.put.tags.size() < limits.count_max && cloud::is_tag(limits, name, value)) {
      out.put.tags[name] = value;
    } else {
      out.lost.push_back(fmt::format("{}{}", tags_prefix, name));
    }
  }
}

std::string_view holder_of(std::string_view provider) {
  constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"file", "a folder"},
      {"local", "a folder"},
      {"s3", "S3"},
      {"gcs", "Google Cloud Storage"},
      {"azure", "Azure"}};
  const auto* at = std::ranges::find(words, provider, [](const auto& each) { return each.first; });
  return at == std::end(words) ? "the destination" : at->second;
}

}  // namespace

Carried carry(const cloud::ObjectMeta& source, const cloud::Tags& tags, const std::string& origin,
              const cloud::Capabilities& can) {
  Carried out;
  Room room(can.metadata_bytes_max);
  // First: by it another try of the same run knows its objects.
  if (!origin.empty() && room.take(origin_name.size() + origin.size())) {
    out.put.metadata[origin_name] = origin;
  }
  carry_headers(source, room, out);
  carry_metadata(source, can, room, out);
  carry_tags(tags, can.tags, out);
  return out;
}

cloud::CopyOptions copy_inside_options(const cloud::ObjectMeta& source, cloud::PutOptions put,
                                       std::vector<std::string>& lost) {
  const bool anew = put.metadata.contains(origin_name) || source.metadata.contains(origin_name);
  std::erase_if(lost, [&](const std::string& each) {
    return !each.starts_with(tags_prefix) && !(anew && each.starts_with(metadata_prefix));
  });
  put.content_type.clear();
  put.headers = {};
  if (!anew) {
    put.metadata.clear();
  }
  return {.if_match = source.etag,
          .version = source.is_latest ? std::string() : source.version,
          .put = std::move(put),
          .metadata_anew = anew};
}

void Losses::add(const std::vector<std::string>& lost) {
  if (std::ranges::none_of(lost, [](const std::string& each) { return each != type_name; })) {
    return;
  }
  ++objects;
  for (std::string_view each : lost) {
    for (const std::string_view prefix : {metadata_prefix, tags_prefix}) {
      each.remove_prefix(each.starts_with(prefix) ? prefix.size() : 0);
    }
    if (names.contains(std::string(each))) {
      continue;
    }
    if (names.size() == names_max) {
      names_all = false;
    } else {
      names.emplace(each);
    }
  }
}

std::string losses_text(const Losses& losses, const std::string& provider, bool manifest) {
  if (losses.objects == 0) {
    return {};
  }
  return fmt::format("{} {} lost what {} cannot hold: {}{}; {}", losses.objects,
                     losses.objects == 1 ? "object" : "objects", holder_of(provider),
                     fmt::join(losses.names, ", "), losses.names_all ? "" : " and more",
                     manifest ? "the manifest lists them" : "--manifest FILE lists them");
}

}  // namespace tutti::xfer
