// SPDX-License-Identifier: Apache-2.0
#include "net/reach.h"

#include <curl/curl.h>

#include "base/http_date.h"
#include "net/testing.h"

#include "base/doctest.h"

namespace tutti::net {
namespace {

TEST_CASE("whoever answers is reached, whatever the answer") {
  TestServer server([](TestConnection& c) {
    c.read_request();
    c.reply("403 Forbidden", "", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  });
  const Reach found = reach(server.url());
  CHECK(found.stage == Stage::done);
  CHECK(found.status == 403);
  CHECK(found.address == "127.0.0.1:" + std::to_string(server.port()));
  CHECK(found.server_time == parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"));
  CHECK_FALSE(found.error.has_value());
  CHECK_FALSE(found.tls);
  CHECK_FALSE(found.proxy);
}

TEST_CASE("each step that fails is told from the others") {
  int closed_port = 0;
  {
    closed_port = TestServer([](TestConnection&) {}).port();
  }
  const Reach closed = reach("http://127.0.0.1:" + std::to_string(closed_port));
  CHECK(closed.stage == Stage::connection);
  CHECK(closed.error->code == Code::unavailable);
  CHECK(reach("http://no-such-host.invalid/").stage == Stage::name);
  TestServer mute([](TestConnection& c) { c.read_request(); });
  const Reach cut = reach(mute.url());
  CHECK(cut.stage == Stage::answer);
  CHECK_FALSE(cut.error->remedy.empty());
  TestServer plain([](TestConnection& c) { c.send("no TLS here\r\n"); });
  CHECK(reach("https://127.0.0.1:" + std::to_string(plain.port())).stage == Stage::tls);
}

TEST_CASE("time that ran out belongs to the step it ran out in") {
  CHECK(stage_of(CURLE_OPERATION_TIMEDOUT, {}) == Stage::name);
  CHECK(stage_of(CURLE_OPERATION_TIMEDOUT, {.resolved = true}) == Stage::connection);
  CHECK(stage_of(CURLE_OPERATION_TIMEDOUT, {.resolved = true, .connected = true, .tls = true}) ==
        Stage::tls);
  CHECK(stage_of(CURLE_OPERATION_TIMEDOUT, {.resolved = true, .connected = true}) == Stage::answer);
  CHECK(stage_of(CURLE_PEER_FAILED_VERIFICATION, {.resolved = true, .connected = true}) ==
        Stage::tls);
}

}  // namespace
}  // namespace tutti::net
