// SPDX-License-Identifier: Apache-2.0
// What only Azure has, on the emulator.
#include "tests/conformance/object_store/stores.h"

#include "base/doctest.h"

namespace tutti::cloud {
namespace {

TEST_CASE_TEMPLATE("a large blob goes in blocks and keeps the digests of the whole", S, Azure) {
  S w;
  std::string text(20'000'003, 'x');
  for (size_t i = 0; i < text.size(); i += 997) {
    text[i] = static_cast<char>(i * 31);
  }
  for (const bool known : {true, false}) {
    Body body = body_of(w.buffers, text);
    body.size = known ? body.size : std::nullopt;
    body.digests = {sha256(text)};
    const auto put = w.run(w.store->put(w.ctx, {"big"}, body, {.only_if_absent = known}));
    REQUIRE_OK(put);
    CHECK(put->size == text.size());
    const auto head = w.run(w.store->head(w.ctx, {"big"}));
    REQUIRE_OK(head);
    CHECK(head->etag == put->etag);
    CHECK(head->digests == put->digests);
    for (const DigestKind kind : {DigestKind::crc32c, DigestKind::sha256, DigestKind::md5}) {
      CHECK(head->digest(kind) == digest_of(kind, text));
    }
    const auto blocks =
        sign::parse_azure_blocks(w.send(sign::azure_blocks_request(w.at, "big")).body);
    REQUIRE_OK(blocks);
    CHECK(blocks->size() == 3);
    CHECK(w.run(get_text(w.ctx, *w.store, {"big"})).value() == text);
  }
  Body wrong = body_of(w.buffers, text);
  wrong.digests = {digest_of(DigestKind::md5, "else")};
  CHECK(w.run(w.store->put(w.ctx, {"new"}, wrong, {})).error().code == Code::corrupt);
  CHECK(w.head_code("new") == Code::not_found);
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE_TEMPLATE("below a prefix keys are its own, and others are not seen", S, Azure) {
  S w;
  REQUIRE_OK(w.put("pre/fix/a", "1"));
  REQUIRE_OK(w.put("pre/fixed", "2"));
  const auto below =
      w.open({{"access_key", Azure::key}, {"root", "az://" + w.at.container + "/pre/fix"}});
  REQUIRE_OK(below);
  CHECK(w.run(get_text(w.ctx, *below->store, {"a"})).value() == "1");
  REQUIRE_OK(w.run(below->store->copy_within(w.ctx, {"a"}, {"d/b"}, {})));
  w.store = below->store;
  CHECK(w.list({}) == "a d/b ");
  CHECK(w.list({.delimiter = "/"}) == "a d/ ");
  CHECK(w.list({.start_after = {"a"}}) == "d/b ");
  CHECK(w.run(below->store->head(w.ctx, {"no"})).error().where == "c://no");
}

TEST_CASE_TEMPLATE("as whom it is asked decides what is allowed", S, Azure) {
  S w;
  REQUIRE_OK(w.put("a", "text"));
  const Instant end = w.clock->wall() + hours(1);
  const auto as_sas = [&](const sign::Pairs& sas) {
    return w.open({{"sas", sign::encode_query(sas)}}).value().store;
  };
  const auto reader =
      as_sas(sign::azure_service_sas(w.account, {.container = w.at.container},
                                     {.permissions = "rl", .expiry = end, .https_only = false}));
  CHECK(w.run(get_text(w.ctx, *reader, {"a"})).value() == "text");
  CHECK(w.run(reader->list(w.ctx, {}))->objects.size() == 1);
  const auto put = w.run(reader->put(w.ctx, {"b"}, body_of(w.buffers, "x"), {}));
  REQUIRE(!put.has_value());
  CHECK(put.error().code == Code::denied);
  CHECK_FALSE(put.error().text().contains("sig="));

  const auto writer = as_sas(sign::azure_account_sas(
      w.account, "sco", {.permissions = "rwdlac", .expiry = end, .https_only = false}));
  REQUIRE_OK(w.run(writer->put(w.ctx, {"b"}, body_of(w.buffers, "x"), {})));
  REQUIRE_OK(w.run(writer->copy_within(w.ctx, {"a"}, {"c"}, {})));
  CHECK(w.list({}) == "a b c ");

  const auto over = as_sas(sign::azure_service_sas(
      w.account, {.container = w.at.container},
      {.permissions = "r", .expiry = w.clock->wall() - hours(1), .https_only = false}));
  CHECK(w.run(over->head(w.ctx, {"a"})).error().code == Code::denied);
  const auto stranger = w.open({{"access_key", "QUJD"}}).value().store;
  const auto refused = w.run(stranger->list(w.ctx, {}));
  CHECK(refused.error().code == Code::denied);
  CHECK(refused.error().remedy.contains("credentials"));
  const auto nobody = w.open({{"anonymous", true}}).value().store;
  CHECK_FALSE(w.run(nobody->head(w.ctx, {"a"})).has_value());
}

TEST_CASE_TEMPLATE("a connection string is enough", S, Azure) {
  S w;
  REQUIRE_OK(w.put("a", "text"));
  const auto located =
      w.open({{"connection_string",
               fmt::format("AccountName={};AccountKey={};BlobEndpoint={}", w.account.account,
                           Azure::key, Azure::url("TUTTI_TEST_AZURE"))}});
  REQUIRE_OK(located);
  CHECK(w.run(get_text(w.ctx, *located->store, {"a"})).value() == "text");
}

TEST_CASE_TEMPLATE("a presigned URL is read by whoever has it", S, Azure) {
  S w;
  REQUIRE_OK(w.put("d/a b", "text"));
  const auto url = w.run(w.store->presign(w.ctx, {"d/a b"}, {.valid = minutes(5)}));
  REQUIRE_OK(url);
  auto got = w.run(w.http.fetch(w.ctx, {.url = *url}));
  REQUIRE_OK(got);
  CHECK(got->head.status == 200);
  CHECK(got->body == "text");
  const auto to = w.run(w.store->presign(w.ctx, {"new"}, {.method = "PUT", .valid = minutes(5)}));
  REQUIRE_OK(to);
  got = w.run(w.http.fetch(w.ctx, {.method = "PUT",
                                   .url = *to,
                                   .headers = {{"x-ms-blob-type", "BlockBlob"}},
                                   .body = "theirs"}));
  REQUIRE_OK(got);
  CHECK(got->head.status == 201);
  CHECK(w.text("new") == "theirs");
}

TEST_CASE_TEMPLATE("an archived blob says how to read it", S, Azure) {
  S w;
  REQUIRE_OK(w.put("cold", "text", {.storage_class = "Archive"}));
  REQUIRE_OK(w.run(w.store->head(w.ctx, {"cold"})));
  const auto opened = w.run(w.store->get(w.ctx, {"cold"}, {}));
  REQUIRE(!opened.has_value());
  CHECK(opened.error().code == Code::denied);
  CHECK(opened.error().remedy.contains("tutti restore"));
}

TEST_CASE_TEMPLATE("a block is taken from a URL by the service itself", S, Azure) {
  S w;
  REQUIRE_OK(w.put("a", "0123456789"));
  const sign::Pairs sas = sign::azure_service_sas(
      w.account, {.container = w.at.container, .blob = "a"},
      {.permissions = "r", .expiry = w.clock->wall() + minutes(5), .https_only = false});
  const std::string block = sign::azure_block_id("upload", 1);
  const http::Reply staged = w.send(sign::azure_block_from_request(
      w.at, "b", block, {.url = sign::azure_url(w.at, false, "a", sas), .offset = 3, .length = 4}));
  CHECK(staged.status == 201);
  CHECK(sign::parse_azure_written(staged.headers).check ==
        digest_of(DigestKind::crc64nvme, "3456"));
  CHECK(w.text("b") == "not_found");
  const http::Reply done =
      w.send(sign::azure_commit_request(w.at, "b", {}, {}), sign::azure_commit_body({block}));
  CHECK(done.status == 201);
  CHECK(w.text("b") == "3456");
}

TEST_CASE_TEMPLATE("an object is pulled by the service itself", S, Azure) {
  S w;
  REQUIRE_OK(w.put("a", "0123456789"));
  const auto meta = w.run(w.store->head(w.ctx, {"a"}));
  REQUIRE_OK(meta);
  const auto pull = [&w](ObjectMeta source, PutOptions options) {
    return w.run(w.store->pull(
        w.ctx, {"b"},
        {.url =
             [&w](rt::Context& ctx) { return w.store->presign(ctx, {"a"}, {.valid = minutes(5)}); },
         .meta = std::move(source),
         .asks_if_match = true,
         .unchanged = {}},
        std::move(options)));
  };
  const auto pulled = pull(*meta, {.only_if_absent = true, .metadata = {{"owner", "ana"}}});
  REQUIRE_OK(pulled);
  CHECK(pulled->size == 10);
  CHECK(pulled->digest(DigestKind::md5) == digest_of(DigestKind::md5, "0123456789"));
  CHECK(w.text("b") == "0123456789");
  const auto head = w.run(w.store->head(w.ctx, {"b"}));
  REQUIRE_OK(head);
  CHECK(head->etag == pulled->etag);
  CHECK(head->metadata == Metadata{{"owner", "ana"}});
  CHECK(pull(*meta, {.only_if_absent = true}).error().code == Code::conflict);
  REQUIRE_OK(pull(*meta, {.if_match = pulled->etag}));
  ObjectMeta other = *meta;
  other.etag = "0x1";
  CHECK_FALSE(pull(other, {}).has_value());
  other = *meta;
  other.digests = {digest_of(DigestKind::crc64nvme, "else")};
  CHECK(pull(other, {}).error().code == Code::corrupt);
  CHECK(w.text("b") == "0123456789");
}

TEST_CASE_TEMPLATE("containers are listed", S, Azure) {
  S w;
  const auto listed = sign::parse_azure_containers(
      w.send(sign::azure_containers_request(w.at, w.at.container, "")).body);
  REQUIRE_OK(listed);
  CHECK(listed->names == std::vector<std::string>{w.at.container});
  w.at.container += "-gone";
  CHECK(w.open({{"access_key", Azure::key}}).value().store != nullptr);
  const auto gone = w.open({{"access_key", Azure::key}, {"root", "az://" + w.at.container}});
  CHECK(w.run(gone->store->list(w.ctx, {})).error().what == "there is no such container");
  CHECK(w.run(gone->store->put(w.ctx, {"a"}, body_of(w.buffers, "x"), {})).error().code ==
        Code::not_found);
}

}  // namespace
}  // namespace tutti::cloud
