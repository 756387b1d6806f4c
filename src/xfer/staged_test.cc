// SPDX-License-Identifier: Apache-2.0
#include "xfer/staged.h"

#include <map>
#include <sstream>

#include <fmt/format.h>

#include "cloud/body.h"
#include "rt/file.h"
#include "xfer/stage/aes_gcm.h"
#include "xfer/stage/compress.h"
#include "xfer/staged_body.h"
#include "xfer/test_world.h"
#include "xfer/transfer.h"
#include "xfer/verify.h"

#include "base/doctest.h"

namespace tutti::xfer {
namespace {

using stage::Kind;
using transfer::IfExists;

const Error trouble{.code = Code::unavailable, .what = "503"};

struct World : TestWorld {
  explicit World(size_t chunk_bytes = 4U << 10U)
      : TestWorld({.bytes_max = 8 * chunk_bytes, .chunk_bytes = chunk_bytes}) {}
  void put(std::string bucket, std::string key, std::string text) {
    REQUIRE_OK(try_put(std::move(bucket), std::move(key), std::move(text)));
  }
  Request request(std::string from, std::string to, std::vector<stage::Spec> stages) {
    const auto side = [this](const std::string& address) {
      return located(address.substr(0, 1), address.substr(4));
    };
    return {.from = side(from),
            .to = {side(to)},
            .if_exists = IfExists::replace,
            .stages = std::move(stages)};
  }
  Result<Report> copy(Request what) {
    return loop.run(xfer::run(ctx, std::move(what), pool.executor()));
  }
  Result<Report> copy(std::string from, std::string to, std::vector<stage::Spec> stages) {
    return copy(request(std::move(from), std::move(to), std::move(stages)));
  }
};

stage::Key key(char digit = '1') {
  auto parsed = stage::Key::parse(std::string(64, digit));
  REQUIRE_OK(parsed);
  return *parsed;
}

std::vector<stage::Spec> sealing(Kind encrypt = Kind::aes_256_gcm, char digit = '1') {
  return {{.kind = Kind::zstd, .level = 3}, {.kind = encrypt, .key = key(digit)}};
}
std::vector<stage::Spec> opening(char digit = '1') {
  return {{.kind = Kind::decrypt, .key = key(digit)}, {.kind = Kind::decompress}};
}

// Compresses to about half.
std::string large_text(size_t bytes, uint64_t seed = 1) {
  std::string text;
  text.reserve(bytes);
  while (text.size() < bytes) {
    seed ^= seed << 13U;
    seed ^= seed >> 7U;
    seed ^= seed << 17U;
    text += static_cast<char>('a' + (seed >> 20U) % 16);
  }
  return text;
}

TEST_CASE("there and back is the same, and the names say what was done") {
  for (const Kind encrypt : {Kind::aes_256_gcm, Kind::fernet}) {
    World w;
    std::map<std::string, std::string> texts{{"empty", ""}, {"e/one", "1"}};
    for (int i = 0; i < 60; ++i) {  // more than go at once
      texts[fmt::format("n/{}.csv", i)] = large_text(static_cast<size_t>(i) * 997, 7);
    }
    texts["big"] = large_text(700'000);
    for (const auto& [name, text] : texts) {
      w.put("a", "d/" + name, text);
    }
    const auto sent = w.copy("a://d/", "b://s/", sealing(encrypt));
    REQUIRE_OK(sent);
    CHECK(sent->objects == texts.size());
    const std::string suffix = encrypt == Kind::fernet ? ".zst.fernet" : ".zst.tgcm";
    CHECK(w.text("b", "s/n/3.csv" + suffix).size() > 100);
    CHECK(w.text("b", "s/n/3.csv") == "not_found");
    const auto back = w.copy("b://s/", "a://back/", opening());
    REQUIRE_OK(back);
    for (const auto& [name, text] : texts) {
      CAPTURE(name);
      CHECK((w.text("a", "back/" + name) == text));
    }
    CHECK(w.buffers.in_use() == 0);
  }
}

TEST_CASE("the manifest tells both ends, and proves the destination without a key") {
  World w;
  w.put("a", "d/1", "one one one one");
  Request request = w.request("a://d/", "b://", sealing());
  request.sha256 = true;
  const auto report = w.copy(std::move(request));
  REQUIRE_OK(report);
  const Entry& entry = report->entries.at(0);
  const std::string there = w.text("b", "1.zst.tgcm");
  CHECK(entry.to.address == "b://1.zst.tgcm");
  CHECK(entry.bytes == there.size());
  CHECK(report->bytes == there.size());
  CHECK(entry.digests == std::vector{sha256(there), digest_of(DigestKind::crc32c, there)});
  CHECK(entry.source_bytes == 15);
  CHECK(entry.source_digests.at(0) == sha256("one one one one"));
  CHECK(entry.proof == Proof::store);
  const Value value = to_value(entry);
  CHECK(to_json(value["stages"]) == R"(["zstd","aes-256-gcm"])");
  CHECK(value["source_bytes"] == Value(15));
  CHECK(value["source_digests"]["sha256"] == Value(hex(sha256("one one one one"))));
  Claims claims(std::make_unique<std::istringstream>(to_text(report->entries)));
  CHECK(claims.next().value()->bytes == there.size());

  // Other nonces, so other bytes; equal content.
  Request twice = w.request("a://d/", "b://", sealing());
  twice.sha256 = true;
  const auto again = w.copy(std::move(twice));
  REQUIRE_OK(again);
  CHECK(again->entries.at(0).done == Done::replaced);
  CHECK(w.text("b", "1.zst.tgcm") != there);
  CHECK(content_digest(again->entries) == content_digest(report->entries));
  const auto meta = w.loop.run(w.inner_b->head(w.ctx, {"1.zst.tgcm"}));
  REQUIRE_OK(meta);
  CHECK(meta->content_type == "application/octet-stream");
}

TEST_CASE("a destination's own name and kept names stay as they are") {
  World w;
  w.put("a", "d/1", "one");
  REQUIRE_OK(w.copy("a://d/1", "b://x", sealing()));
  CHECK(w.text("b", "x").starts_with(stage::aes_gcm_magic));
  Request request = w.request("a://d/", "b://y/", sealing());
  request.keep_names = true;
  REQUIRE_OK(w.copy(std::move(request)));
  CHECK(w.text("b", "y/1").starts_with(stage::aes_gcm_magic));
  REQUIRE_OK(w.copy("b://x", "b://z", opening()));
  CHECK(w.text("b", "z") == "one");
  // Within its own prefix, as the name is another one.
  REQUIRE_OK(w.copy("a://d/1", "a://d/", {{.kind = Kind::gzip, .level = 6}}));
  CHECK(w.text("a", "d/1") == "one");
  CHECK(w.text("a", "d/1.gz").starts_with("\x1f\x8b"));
}

TEST_CASE("two sources of one name are not copied over each other") {
  World w;
  const auto zipped = [](std::string_view text) {
    const stage::StagePtr gzip = stage::gzip_encoder();
    return stage::run_over(*gzip, text).value();
  };
  for (const std::string name : {"d/a.gz", "d/a-b.gz", "d/a.gz.gz", "d/b.gz"}) {
    w.put("a", name, zipped(name));
  }
  w.put("a", "d/a", zipped("first"));
  w.put("a", "d/a.zst", zipped("third"));
  Request request = w.request("a://d/", "b://", {{.kind = Kind::decompress}});
  request.failures_max = 9;
  const auto report = w.copy(std::move(request));
  REQUIRE_OK(report);
  CHECK(report->objects == 4);
  CHECK(report->failed == 2);
  CHECK(w.text("b", "a") == "first");
  CHECK(w.text("b", "a-b") == "d/a-b.gz");
  CHECK(w.text("b", "a.gz") == "d/a.gz.gz");
  CHECK(w.text("b", "b") == "d/b.gz");
  for (const Entry& each : report->entries) {
    if (each.done == Done::failed) {
      CHECK(each.error->what == "a://d/a has the same name there");
    }
  }
}

TEST_CASE("a large object goes in parts, whole or not at all") {
  World w(64U << 10U);
  const std::string text = large_text(34U << 20U);  // about 17 MiB compressed
  w.put("a", "big", text);
  const auto report = w.copy("a://big", "b://big", sealing());
  REQUIRE_OK(report);
  CHECK(w.calls[{"b", Operation::part}] == 3);
  CHECK(report->entries.at(0).source_digests == std::vector{digest_of(DigestKind::crc32c, text)});
  CHECK(report->entries.at(0).proof == Proof::store);
  const std::string sealed = w.text("b", "big");
  CHECK(report->entries.at(0).digests == std::vector{digest_of(DigestKind::crc32c, sealed)});
  w.calls.clear();
  REQUIRE_OK(w.copy("b://big", "a://back", opening()));
  CHECK(w.calls[{"a", Operation::part}] == 5);
  CHECK((w.text("a", "back") == text));

  const std::vector<std::tuple<std::string, Operation, Fault>> passing{
      {"b", Operation::part, {.kind = Fault::Kind::refuse, .error = trouble}},
      {"b", Operation::commit, {.kind = Fault::Kind::refuse, .error = trouble}},
      {"a", Operation::get, {.kind = Fault::Kind::cut, .error = trouble, .at = 30U << 20U}},
      {"a", Operation::get, {.kind = Fault::Kind::flip, .at = 30U << 20U}}};
  for (const auto& [bucket, operation, fault] : passing) {
    w.fault(bucket, operation, fault);
    REQUIRE_OK(w.copy("a://big", "b://again", sealing()));
    const stage::StagePtr open = stage::make(opening(), {});
    CHECK((stage::run_over(*open, w.text("b", "again")) == text));
    REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"again"}, {})));
    CHECK(w.buffers.in_use() == 0);
  }
  // Nothing of what fails for good is seen.
  w.fault("a", Operation::get, {.kind = Fault::Kind::flip, .at = 33U << 20U}, 100);
  CHECK(w.copy("a://big", "b://again", sealing()).error().code == Code::corrupt);
  CHECK(w.text("b", "again") == "not_found");
  w.faults.clear();
  w.fault("b", Operation::part,
          {.kind = Fault::Kind::refuse, .error = {.code = Code::denied, .what = "no"}}, 100);
  CHECK(w.copy("a://big", "b://again", sealing()).error().code == Code::denied);
  CHECK(w.text("b", "again") == "not_found");
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("a large object goes on where an earlier try stopped, with the nonces of that") {
  const Error stopped{.code = Code::cancelled, .what = "stopped"};
  for (const Kind encrypt : {Kind::aes_256_gcm, Kind::fernet}) {
    World w(64U << 10U);
    const JournalFolder journal;
    w.put("a", "big", large_text(34U << 20U));
    const int parts = 3;
    char key_digit = '1';
    const auto copy = [&] {
      w.calls.clear();
      Request request = w.request("a://big", "b://big", sealing(encrypt, key_digit));
      request.journal = journal.path;
      return w.copy(std::move(request));
    };
    const auto sent = [&] { return w.calls[{"b", Operation::part}]; };
    const auto stop = [&](Operation operation) {
      w.fault("b", operation, {.kind = Fault::Kind::refuse, .error = stopped});
      CHECK(copy().error().code == Code::cancelled);
      CHECK(journal.files() == 1);
    };
    const auto check = [&](uint64_t seed = 1) {
      const stage::StagePtr open = stage::make(opening(key_digit), {});
      CHECK((stage::run_over(*open, w.text("b", "big")) == large_text(34U << 20U, seed)));
      CHECK(journal.files() == 0);
      REQUIRE_OK(w.loop.run(w.inner_b->remove(w.ctx, {"big"}, {})));
    };

    stop(Operation::commit);  // all parts are there
    const auto report = copy();
    REQUIRE_OK(report);
    CHECK(sent() == 0);
    CHECK(report->entries.at(0).sent_bytes == 0);
    CHECK(report->entries.at(0).proof == Proof::store);
    check();

    // Within one run too.
    w.fault("b", Operation::commit, {.kind = Fault::Kind::refuse, .error = trouble});
    w.calls.clear();
    REQUIRE_OK(copy());
    CHECK(sent() == parts);
    check();

    // What is there is not what comes out now: begun anew, with other nonces.
    stop(Operation::commit);
    std::string spoiled = rt::read_file(journal.only()).value();
    const std::string_view name = "\"numbers\":\"";
    char& digit = spoiled[spoiled.find(name) + name.size()];
    digit = digit == '0' ? '1' : '0';
    REQUIRE_OK(rt::write_file(journal.only(), spoiled));
    REQUIRE_OK(copy());
    CHECK(sent() == parts);
    check();

    // No part is there: nothing is won by the old nonces.
    stop(Operation::part);
    const auto first = parse_underway(rt::read_file(journal.only()).value());
    stop(Operation::part);
    const auto second = parse_underway(rt::read_file(journal.only()).value());
    CHECK(first->nonces != second->nonces);

    // Another key, or other bytes at the source: nothing of the old ones is used.
    stop(Operation::commit);
    key_digit = '2';
    REQUIRE_OK(copy());
    CHECK(sent() == parts);
    check();
    stop(Operation::commit);
    w.put("a", "big", large_text(34U << 20U, 2));
    REQUIRE_OK(copy());
    CHECK(sent() == parts);
    check(2);

    // It has become small: one put, and the parts are given back.
    stop(Operation::commit);
    w.put("a", "big", std::string(34U << 20U, 'x'));
    REQUIRE_OK(copy());
    CHECK(sent() == 0);
    CHECK(journal.files() == 0);
    CHECK(w.buffers.in_use() == 0);
  }
}

TEST_CASE("another key and damage are told, and leave nothing") {
  World w;
  for (const Kind encrypt : {Kind::aes_256_gcm, Kind::fernet}) {
    const bool fernet = encrypt == Kind::fernet;
    for (const size_t bytes : {size_t{5}, size_t{300'000}, size_t{12'000'000}}) {
      w.put("a", "d", large_text(bytes));
      REQUIRE_OK(w.copy("a://d", "b://s", sealing(encrypt)));
      const auto wrong = w.copy("b://s", "a://out", opening('2'));
      REQUIRE_FALSE(wrong.has_value());
      CHECK(wrong.error().code == (fernet ? Code::corrupt : Code::denied));
      CHECK(wrong.error().what.find("copying b://s to a://out: it") == 0);
      CHECK(wrong.error().text().find("give the key it was encrypted with") != std::string::npos);
      CHECK(w.text("a", "out") == "not_found");
      std::string cut = w.text("b", "s");
      cut.resize(cut.size() - 20);
      w.put("b", "cut", cut);
      const auto damaged = w.copy("b://cut", "a://out", opening());
      CHECK(damaged.error().code == Code::corrupt);
      CHECK(w.text("a", "out") == "not_found");
    }
  }
  w.put("a", "plain", "plain");
  CHECK(w.copy("a://plain", "b://out", opening()).error().code == Code::bad_input);
  CHECK(w.buffers.in_use() == 0);
}

TEST_CASE("what is there is skipped or replaced, never compared") {
  World w;
  w.put("a", "d/1", "one");
  w.put("b", "1.zst.tgcm", "old");
  const auto with_rule = [&](IfExists rule, std::string origin = {}) {
    Request request = w.request("a://d/", "b://", sealing());
    request.if_exists = rule;
    request.origin = std::move(origin);
    return w.copy(std::move(request));
  };
  const auto verify = with_rule(IfExists::verify);
  REQUIRE_FALSE(verify.has_value());
  CHECK(verify.error().code == Code::bad_input);
  CHECK(verify.error().remedy == "if_exists: skip leaves what is there, replace writes it anew");
  CHECK(with_rule(IfExists::fail).error().code == Code::conflict);
  CHECK(with_rule(IfExists::skip)->skipped == 1);
  CHECK(w.text("b", "1.zst.tgcm") == "old");
  CHECK(with_rule(IfExists::replace, "me")->objects == 1);
  CHECK(w.text("b", "1.zst.tgcm") != "old");
  // The next try of the same task writes its own objects anew; others may not.
  const auto own = with_rule(IfExists::fail, "me");
  REQUIRE_OK(own);
  CHECK(own->entries.at(0).done == Done::replaced);
  CHECK(with_rule(IfExists::fail, "you").error().code == Code::conflict);
}

TEST_CASE("a plan knows the names there will be") {
  World w;
  for (const std::string name : {"d/a", "d/a-b", "d/c"}) {
    w.put("a", name, "x");
  }
  w.put("b", "a.gz", "there");
  w.put("b", "c", "not this one");
  Request request = w.request("a://d/", "b://", {{.kind = Kind::gzip, .level = 6}});
  request.if_exists = IfExists::skip;
  const auto plan = w.loop.run(preview(w.ctx, std::move(request)));
  REQUIRE_OK(plan);
  CHECK(plan->plan.objects == 2);
  CHECK(plan->plan.skipped == 1);
  CHECK(plan->plan.steps.at(1).to == "b://a-b.gz");
}

TEST_CASE("a staged body opens anew from its start, with other nonces") {
  World w;
  const cloud::Body body = staged_body(
      cloud::body_of(w.buffers, large_text(100'000)),
      [&w] {
        return stage::make({{.kind = Kind::aes_256_gcm, .key = key()}},
                           {.random = [&w] { return w.random->next(); }});
      },
      w.pool.executor());
  const auto read = [&] {
    auto source = w.loop.run(body.open(w.ctx, 0));
    REQUIRE_OK(source);
    auto text = w.loop.run(cloud::read_all(w.ctx, **source, 1U << 20U));
    REQUIRE_OK(text);
    return *text;
  };
  const std::string first = read();
  const std::string second = read();
  CHECK(first != second);
  CHECK(first.size() == second.size());
  CHECK_FALSE(w.loop.run(body.open(w.ctx, 1)).has_value());
  CHECK_FALSE(body.size.has_value());
}

}  // namespace
}  // namespace tutti::xfer
