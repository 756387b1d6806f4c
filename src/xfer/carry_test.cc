// SPDX-License-Identifier: Apache-2.0
#include "xfer/carry.h"

#include "base/doctest.h"

namespace tutti::xfer {
namespace {

using Lost = std::vector<std::string>;

cloud::ObjectMeta described() {
  return {.key = {"k"},
          .content_type = "text/csv",
          .headers = {.encoding = "gzip",
                      .language = "de",
                      .disposition = "attachment; filename=\"a.csv\"",
                      .cache_control = "no-cache"},
          .metadata = {{"owner", "ana"}, {"source", "crm"}}};
}

cloud::Capabilities holding(size_t bytes) {
  return {.provider = "s3",
          .metadata_bytes_max = bytes,
          .tags = {.count_max = 2, .name_letters_max = 4, .value_letters_max = 5}};
}

TEST_CASE("a store that can hold all of it gets all of it") {
  const cloud::ObjectMeta source = described();
  const Carried carried = carry(source, {{"team", "data"}}, {}, holding(2048));
  CHECK(carried.lost.empty());
  CHECK(carried.put.content_type == source.content_type);
  CHECK(carried.put.headers == source.headers);
  CHECK(carried.put.metadata == source.metadata);
  CHECK(carried.put.tags == cloud::Tags{{"team", "data"}});
}

TEST_CASE("a store that holds nothing beside the bytes loses each of it, by name") {
  const Carried carried = carry(described(), {{"team", "data"}}, "run/1", {.provider = "file"});
  CHECK(carried.lost == Lost{"content_type", "content_encoding", "content_language",
                             "content_disposition", "cache_control", "metadata.owner",
                             "metadata.source", "tags.team"});
  CHECK(carried.put.content_type.empty());
  CHECK(carried.put.headers == ContentHeaders{});
  CHECK(carried.put.metadata.empty());
  CHECK(carried.put.tags.empty());
}

TEST_CASE("a content type that says nothing is not lost") {
  for (const char* type : {"", "application/octet-stream", "binary/octet-stream"}) {
    CHECK(carry({.content_type = type}, {}, {}, {}).lost.empty());
  }
  CHECK(carry({.content_type = "text/csv"}, {}, {}, {}).lost == Lost{"content_type"});
}

TEST_CASE("metadata that is too large is left away one by one, and what fits goes along") {
  cloud::ObjectMeta source{.metadata = {{"a", "1234"}, {"b", "123456789"}, {"c", "123"}}};
  const Carried carried = carry(source, {}, {}, holding(9));
  CHECK(carried.put.metadata == cloud::Metadata{{"a", "1234"}, {"c", "123"}});
  CHECK(carried.lost == Lost{"metadata.b"});
  source.headers.encoding = "gzip";
  const Carried with_header = carry(source, {}, {}, holding(9));
  CHECK(with_header.put.headers.encoding == "gzip");
  CHECK(with_header.put.metadata == cloud::Metadata{{"a", "1234"}});
  CHECK(with_header.lost == Lost{"metadata.b", "metadata.c"});
}

TEST_CASE("names and values the destination cannot have are lost, not refused") {
  cloud::ObjectMeta source{.headers = {.disposition = "filename=\u00fc.csv"},
                           .metadata = {{"Upper", "1"}, {"a_b.c", "2"}, {"line", "3\n4"}}};
  CHECK(carry(source, {}, {}, holding(2048)).lost ==
        Lost{"content_disposition", "metadata.Upper", "metadata.a_b.c", "metadata.line"});
  cloud::Capabilities signs = holding(2048);
  signs.metadata_signs = true;
  CHECK(carry(source, {}, {}, signs).put.metadata == cloud::Metadata{{"a_b.c", "2"}});
}

TEST_CASE("tags beyond the destination's limits are lost") {
  const cloud::Tags tags{{"a", "1"}, {"b", "too long"}, {"c@", "2"}, {"large", "3"}, {"z", "4"}};
  const Carried carried = carry({}, tags, {}, holding(0));
  CHECK(carried.put.tags == cloud::Tags{{"a", "1"}, {"c@", "2"}});
  CHECK(carried.lost == Lost{"tags.b", "tags.large", "tags.z"});
  cloud::Capabilities ascii = holding(0);
  ascii.tags.ascii_only = true;
  CHECK(carry({}, {{"c@", "2"}}, {}, ascii).lost == Lost{"tags.c@"});
  CHECK(carry({}, {{"\u00fc", "\u00fc\u00fc\u00fc\u00fc\u00fc"}}, {}, holding(0)).lost.empty());
}

TEST_CASE("the origin is that of this run, never the one of before") {
  const cloud::ObjectMeta source{.metadata = {{origin_name, "run/1"}, {"owner", "ana"}}};
  const Carried anonymous = carry(source, {}, {}, holding(2048));
  CHECK(anonymous.put.metadata == cloud::Metadata{{"owner", "ana"}});
  CHECK(anonymous.lost.empty());
  const Carried ours = carry(source, {}, "run/2", holding(2048));
  CHECK(ours.put.metadata == cloud::Metadata{{origin_name, "run/2"}, {"owner", "ana"}});
}

TEST_CASE("a copy inside of a service says only what changes") {
  cloud::ObjectMeta source = described();
  source.etag = "e1";
  source.metadata["Upper"] = "1";
  const auto inside = [&](const std::string& origin, Lost& lost) {
    Carried carried = carry(source, {{"x@", "too long"}}, origin, holding(2048));
    carried.put.only_if_absent = true;
    lost = carried.lost;
    return copy_inside_options(source, std::move(carried.put), lost);
  };
  Lost lost;
  const cloud::CopyOptions as_it_is = inside({}, lost);
  CHECK(as_it_is.if_match == "e1");
  CHECK(as_it_is.put.only_if_absent);
  CHECK(as_it_is.put.content_type.empty());
  CHECK(as_it_is.put.headers == ContentHeaders{});
  CHECK(as_it_is.put.metadata.empty());
  CHECK_FALSE(as_it_is.metadata_anew);
  CHECK(lost == Lost{"tags.x@"});
  const cloud::CopyOptions marked = inside("run/2", lost);
  CHECK(marked.metadata_anew);
  CHECK(marked.put.metadata.contains(origin_name));
  CHECK(lost == Lost{"metadata.Upper", "tags.x@"});
  source.metadata = {{origin_name, "run/1"}};
  const cloud::CopyOptions unmarked = inside({}, lost);
  CHECK(unmarked.metadata_anew);
  CHECK(unmarked.put.metadata.empty());
}

TEST_CASE("losses of many objects are one sentence, and a content type alone is none") {
  Losses losses;
  losses.add({});
  losses.add({"content_type"});
  CHECK(losses_text(losses, "file", true).empty());
  losses.add({"content_type", "metadata.owner"});
  CHECK(losses_text(losses, "file", true) ==
        "1 object lost what a folder cannot hold: content_type, owner; the manifest lists them");
  losses.add({"tags.team"});
  CHECK(losses_text(losses, "gcs", false) ==
        "2 objects lost what Google Cloud Storage cannot hold: content_type, owner, team; "
        "--manifest FILE lists them");
  for (int i = 0; i < 20; ++i) {
    losses.add({"metadata.k" + std::to_string(i)});
  }
  CHECK(losses_text(losses, "", true) ==
        "22 objects lost what the destination cannot hold: content_type, k0, k1, k2, k3, k4, "
        "owner, team and more; the manifest lists them");
}

}  // namespace
}  // namespace tutti::xfer
