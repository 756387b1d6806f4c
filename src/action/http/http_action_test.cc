// SPDX-License-Identifier: Apache-2.0
#include "action/http/http_action.h"

#include <signal.h>
#include <unistd.h>

#include "action/api/testing.h"
#include "action/http/request.h"
#include "cloud/local/local.h"
#include "core/expr/expr.h"
#include "net/testing.h"
#include "rt/file.h"
#include "rt/testing.h"

#include "action/api/doctest.h"

namespace tutti::action {
namespace {

namespace fs = std::filesystem;
using net::http_reply;
using net::TestConnection;
using net::TestServer;

Result<Value> evaluate(std::string_view expression, const ValueMap& locals) {
  const auto parsed = expr::parse_expression(expression);
  if (!parsed) {
    return fail(expr::to_error(parsed.error(), expression));
  }
  expr::Context context;
  for (const auto& [name, value] : locals) {
    context.set(name, value);
  }
  TRY(expr::Rendered rendered, expr::render(*parsed, context));
  return std::move(rendered.value);
}

struct World : rt::TestWorld {
  // `answer` gives a whole reply for a request.
  explicit World(std::function<std::string(const std::string&)> answer)
      : server(TestServer::answering(self, std::move(answer))) {
    self = &server;
    attempt.on_evaluate = evaluate;
    attempt.info_to_change().profile = "local";
  }
  ~World() { fs::remove_all(folder); }
  static fs::path make_folder() {
    std::string name = (fs::temp_directory_path() / "tutti_http_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    return name;
  }
  cloud::ConnectionTable table() const {
    cloud::ConnectionTable out;
    out["local"]["landing"] = {.type = "local",
                               .settings = Value::of({{"root", (folder / "landing").string()}})};
    out["local"]["api"] = {
        .type = "http",
        .settings = Value::of({{"url", server.url("/base/")},
                               {"headers", Value::of({{"X-Team", "pos"}})},
                               {"auth", Value::of({{"bearer", Value::of({{"secret", "key"}})}})}})};
    return out;
  }

  TestServer* self = nullptr;
  TestServer server;
  rt::Pool pool{1};
  fs::path folder = make_folder();
  cloud::BufferPool buffers;
  cloud::Connections stores{
      table(),
      cloud::local::openers({.project = folder, .buffers = buffers, .files = pool.executor()})};
  net::HttpClient client{loop.executor(), *clock};
  HttpAction action{
      client, stores, buffers, {.connections = table(), .secret = [](std::string_view name) {
                                  return Result<std::string>("value of " + std::string(name));
                                }}};
  RecordingAttempt attempt;

  Result<Outcome> run(Value with) { return loop.run(action.run(ctx, attempt, std::move(with))); }
  Value get(const std::string& path, ValueMap more = {}) {
    more.set("url", server.url(path));
    return more;
  }
};

const std::string json_type = "Content-Type: application/json; charset=utf-8\r\n";

TEST_CASE("a reply becomes status, headers and body") {
  World w([](const std::string& r) {
    return r.starts_with("GET /json ")    ? http_reply("200 OK", R"({"n": [1, 2.5]})", json_type)
           : r.starts_with("GET /bytes ") ? http_reply("200 OK", "\xff\xfe")
                                          : http_reply("200 OK", "plain",
                                                       "Set-Cookie: a\r\n"
                                                       "Set-Cookie: b\r\n");
  });
  Value output = output_of(w.run(w.get("/json")));
  CHECK(output["status"] == Value(200));
  CHECK(to_json(output["body"]) == R"({"n":[1,2.5]})");
  CHECK(output["headers"].get_string("content-type") == "application/json; charset=utf-8");
  output = output_of(w.run(w.get("/")));
  CHECK(output["body"] == Value("plain"));
  CHECK(output["headers"].get_string("set-cookie") == "a, b");
  CHECK(output_of(w.run(w.get("/bytes")))["body"].is_null());
  CHECK(w.attempt.system.find("/json: 200, 15 bytes\n") != std::string::npos);
}

TEST_CASE("json, form and body are sent with their types; auth three ways") {
  World w([](const std::string&) { return http_reply("204 No Content", ""); });
  const auto sent = [&](Value with) {
    output_of(w.run(std::move(with)));
    return w.server.requests().back();
  };
  std::string r = sent(w.get("/x", {{"method", "post"},
                                    {"json", Value::of({{"a", 1}})},
                                    {"auth", Value::of({{"bearer", "tok"}})}}));
  CHECK(r.starts_with("POST /x "));
  CHECK(r.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(r.find("Authorization: Bearer tok\r\n") != std::string::npos);
  CHECK(r.ends_with("\r\n\r\n{\"a\":1}"));
  r = sent(w.get(
      "/x", {{"method", "PUT"},
             {"form", Value::of({{"a", "b c&"}, {"l", ValueList{Value(1), Value(2)}}})},
             {"auth", Value::of({{"basic", Value::of({{"user", "u"}, {"password", "p"}})}})}}));
  CHECK(r.find("Content-Type: application/x-www-form-urlencoded\r\n") != std::string::npos);
  CHECK(r.find("Authorization: Basic dTpw\r\n") != std::string::npos);
  CHECK(r.ends_with("a=b%20c%26&l=1&l=2"));
  r = sent(w.get("/x", {{"method", "POST"},
                        {"body", "text"},
                        {"headers", Value::of({{"content-type", "text/csv"}})},
                        {"auth", Value::of({{"header", Value::of({{"X-Key", "k"}})}})}}));
  CHECK(r.find("content-type: text/csv\r\n") != std::string::npos);
  CHECK(r.find("X-Key: k\r\n") != std::string::npos);
  CHECK(r.ends_with("\r\n\r\ntext"));
}

TEST_CASE("a connection gives URL, headers and a secret; no path leads elsewhere") {
  World w([](const std::string&) { return http_reply("200 OK", ""); });
  output_of(w.run(Value::of({{"connection", "api"}, {"path", "v1/items?x=1"}})));
  const std::string r = w.server.requests().back();
  CHECK(r.starts_with("GET /base/v1/items?x=1 "));
  CHECK(r.find("X-Team: pos\r\n") != std::string::npos);
  CHECK(r.find("Authorization: Bearer value of key\r\n") != std::string::npos);
  output_of(w.run(Value::of({{"connection", "api"}, {"path", "https://evil.example/"}})));
  CHECK(w.server.requests().back().starts_with("GET /base/https://evil.example/ "));
  CHECK(failure_of(w.run(Value::of({{"connection", "none"}}))).error.code == Code::not_found);
  CHECK(failure_of(w.run(Value::of({{"connection", "landing"}}))).error.code == Code::bad_input);
}

TEST_CASE("what is given wrongly is said before anything is sent") {
  World w([](const std::string&) { return http_reply("200 OK", ""); });
  const auto error = [&](ValueMap more) {
    Failed failed = failure_of(w.run(w.get("/", std::move(more))));
    CHECK_FALSE(failed.retryable);
    return failed.error.text();
  };
  CHECK(error({{"json", 1}}) == "with.method: a GET has no body. add method: POST");
  CHECK(error({{"method", "POST"}, {"json", 1}, {"body", "x"}}).starts_with("with.body:"));
  CHECK(error({{"auth", Value::of({{"magic", 1}})}}).starts_with("with.auth:"));
  CHECK(error({{"paginate", ValueMap{}}}).starts_with("with.paginate:"));
  CHECK(error({{"paginate", Value::of({{"param", "p"}})}}).starts_with("with.paginate.items:"));
  CHECK(error({{"paginate", Value::of({{"lnk", true}})}}).starts_with("with.paginate.lnk:"));
  CHECK(error({{"save", "nowhere://x"}}).find("nowhere") != std::string::npos);
  CHECK(failure_of(w.run(Value::of({{"url", "ftp://x"}}))).error.code == Code::bad_input);
  CHECK(w.server.requests().empty());
}

TEST_CASE("statuses mean what the caller may do") {
  World w([](const std::string& r) {
    return http_reply(r.substr(5, 3) + " Word", "because", "Retry-After: 3600\r\n");
  });
  const auto failed = [&](const std::string& status, ValueMap more = {}) {
    return failure_of(w.run(w.get("/" + status, std::move(more))));
  };
  Failed f = failed("404");
  CHECK(f.error.code == Code::not_found);
  CHECK(f.error.what == "the server answered 404: because");
  CHECK(f.error.provider_code == "404");
  CHECK(f.output["status"] == Value(404));
  CHECK_FALSE(f.retryable);
  CHECK(failed("401").error.code == Code::denied);
  f = failed("500");
  CHECK(f.retryable);
  CHECK(f.error.retry_after == seconds(3600));
  CHECK(failed("429").error.code == Code::throttled);  // Retry-After is too long to wait here
}

TEST_CASE("a write through a gateway that lost the reply is unknown, with a key it is not") {
  World w([](const std::string& r) {
    return http_reply(r.substr(6, 3) + " Word", "", "Retry-After: 0\r\n");
  });
  const auto code = [&](const std::string& status, ValueMap more = {}) {
    more.set("method", "POST");
    return failure_of(w.run(w.get("/" + status, std::move(more)))).error.code;
  };
  CHECK(code("504") == Code::unknown_outcome);
  CHECK(code("503") == Code::unavailable);
  CHECK(w.server.requests().size() == 2);  // never sent twice
}

TEST_CASE("transient replies are tried again only where that does no harm") {
  std::atomic<int> calls = 0;
  World w([&](const std::string&) {
    return ++calls % 3 == 0 ? http_reply("200 OK", "ok")
                            : http_reply("503 Busy", "", "Retry-After: 0\r\n");
  });
  CHECK(output_of(w.run(w.get("/")))["body"] == Value("ok"));
  CHECK(calls == 3);
  const Value key = w.get("/", {{"method", "POST"}, {"idempotency_key", "k-1"}});
  CHECK(output_of(w.run(key))["body"] == Value("ok"));
  CHECK(calls == 6);
  CHECK(w.server.requests().back().find("Idempotency-Key: k-1\r\n") != std::string::npos);
  CHECK(failure_of(w.run(w.get("/", {{"method", "POST"}}))).error.code == Code::unavailable);
  CHECK(calls == 7);
}

TEST_CASE("a lost reply of a write is unknown, also when the attempt is timed out") {
  World w([](const std::string&) { return std::string(); });
  TestServer silent([](TestConnection& c) { c.wait_for_close(); });
  TestServer closes([](TestConnection& c) { c.read_request(); });
  const Value post = Value::of({{"url", closes.url()}, {"method", "POST"}});
  CHECK(failure_of(w.run(post)).error.code == Code::unknown_outcome);
  w.ctx = w.ctx.with_timeout(milliseconds(100));
  CHECK(failure_of(w.run(Value::of({{"url", silent.url()}, {"method", "POST"}}))).error.code ==
        Code::unknown_outcome);
  CHECK(w.run(Value::of({{"url", silent.url()}})).error().code == Code::timed_out);
}

TEST_CASE("a write that was answered well is not sent again because its reply cannot be kept") {
  World w([](const std::string& r) {
    return http_reply(r.starts_with("POST /bad ") ? "500 Bad" : "200 OK", "{", json_type);
  });
  const auto failed = [&](const std::string& path, ValueMap more = {}) {
    more.set("method", "POST");
    return failure_of(w.run(w.get(path, std::move(more))));
  };
  Failed f = failed("/");
  CHECK(f.error.code == Code::unknown_outcome);
  CHECK_FALSE(f.retryable);
  CHECK(f.error.what.starts_with("the POST was answered with 200, but"));
  fs::remove_all(w.folder / "landing");
  rt::write_file(w.folder / "landing", "a file where a folder must be").value();
  CHECK(failed("/", {{"save", "landing://a"}}).error.code == Code::unknown_outcome);
  CHECK(failed("/bad").error.code == Code::unavailable);
  CHECK(failed("/bad", {{"save", "landing://a"}}).error.code == Code::unavailable);
  CHECK(w.server.requests().size() == 4);
  CHECK(failed("/", {{"idempotency_key", "k"}}).error.code != Code::unknown_outcome);
}

TEST_CASE("a check decides instead of the status and says what it saw") {
  World w([](const std::string& r) {
    return r.starts_with("GET /gone ") ? http_reply("410 Gone", R"({"ok": true})", json_type)
                                       : http_reply("200 OK", R"({"ok": false})", json_type);
  });
  output_of(w.run(w.get("/gone", {{"check", "status == 410 and body.ok"}})));
  Failed f = failure_of(w.run(w.get("/", {{"check", "body.ok"}})));
  CHECK(f.reason == FailReason::data);
  CHECK(f.error.what ==
        R"(the check `body.ok` is not true: the server answered 200: {"ok": false})");
  CHECK(f.output["body"]["ok"] == Value(false));
  f = failure_of(w.run(w.get("/", {{"check", "bdy.ok"}})));
  CHECK(f.error.what.starts_with("with.check:"));
  CHECK_FALSE(f.retryable);
}

TEST_CASE("a reply is saved whole or not at all") {
  const std::string big(5'000'000, 'x');
  std::atomic<int> calls = 0;
  World w([&](const std::string& r) {
    if (r.starts_with("GET /cut ") && ++calls < 3) {
      return "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\nConnection: close\r\n\r\n" + big;
    }
    return r.starts_with("GET /none ") ? http_reply("404 No", "none") : http_reply("200 OK", big);
  });
  Value output = output_of(w.run(w.get("/", {{"save", "landing://raw/a.json"}})));
  CHECK(output["saved"] == Value("landing://raw/a.json"));
  CHECK(output["bytes"] == Value(5'000'000));
  CHECK(output["body"].is_null());
  const fs::path file = w.folder / "landing" / "raw" / "a.json";
  CHECK(rt::read_file(file).value() == big);
  CHECK(failure_of(w.run(w.get("/none", {{"save", "landing://b"}}))).error.code == Code::not_found);
  CHECK_FALSE(fs::exists(w.folder / "landing" / "b"));
}

TEST_CASE("a body that is cut off is not saved, and asked for again") {
  const std::string big(1'000'000, 'x');
  std::atomic<int> calls = 0;
  TestServer server([&](TestConnection& c) {
    c.read_request();
    if (++calls < 3) {
      c.send("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + big);
    } else {
      c.reply("200 OK", big);
    }
  });
  World w([](const std::string&) { return std::string(); });
  output_of(w.run(Value::of({{"url", server.url()}, {"save", "landing://x"}})));
  CHECK(calls == 3);
  CHECK(fs::file_size(w.folder / "landing" / "x") == big.size());
}

TEST_CASE("pages are followed by expression, Link header and parameter") {
  World w([](const std::string& r) {
    const std::string path = r.substr(4, r.find(' ', 4) - 4);
    if (path == "/e") {
      return http_reply("200 OK", R"({"items": [1, 2], "next": "e2?c=1"})", json_type);
    }
    if (path == "/e2?c=1") {
      return http_reply("200 OK", R"({"items": [3], "next": null})", json_type);
    }
    if (path == "/l") {
      return http_reply("200 OK", "[1]",
                        json_type + "Link: </l?p=2>; rel=\"next\", </l>; rel=first\r\n");
    }
    if (path == "/l?p=2") {
      return http_reply("200 OK", "[2]", json_type + "Link: </l>; rel=\"first\"\r\n");
    }
    if (path.starts_with("/p?") && path.find("page=3") == std::string::npos) {
      return http_reply("200 OK", R"({"r": ["x"]})", json_type);
    }
    return http_reply("200 OK", R"({"r": []})", json_type);
  });
  const auto body = [&](const std::string& path, const Value& paginate) {
    return to_json(output_of(w.run(w.get(path, {{"paginate", paginate}})))["body"]);
  };
  CHECK(body("/e", Value::of({{"next", "body.next"}, {"items", "body['items']"}})) == "[1,2,3]");
  CHECK(body("/l", Value::of({{"link", true}})) == "[[1],[2]]");
  CHECK(body("/p?a=b", Value::of({{"param", "page"}, {"items", "body.r"}})) == R"(["x","x"])");
  CHECK(w.server.requests().back().starts_with("GET /p?a=b&page=3 "));
  Failed f = failure_of(w.run(w.get(
      "/p", {{"paginate", Value::of({{"param", "q"}, {"items", "body.r"}, {"pages_max", 2}})}})));
  CHECK(f.error.code == Code::bad_input);
}

TEST_CASE("which lost attempts are unknown") {
  CHECK_FALSE(lost_is_unknown(Value::of({{"url", "x"}})));
  CHECK(lost_is_unknown(Value::of({{"method", "POST"}})));
  CHECK(lost_is_unknown(Value::of({{"method", "patch"}})));
  CHECK(lost_is_unknown(Value::of({{"method", "{{ params.method }}"}})));
  CHECK_FALSE(lost_is_unknown(Value::of({{"method", "PUT"}})));
  CHECK_FALSE(lost_is_unknown(Value::of({{"method", "POST"}, {"idempotency_key", "k"}})));
}

TEST_CASE("queries and links, by themselves") {
  CHECK(http::with_query("http://h/p", "a", "1 2") == "http://h/p?a=1%202");
  CHECK(http::with_query("http://h/p?a=0&b=1#f", "a", "2") == "http://h/p?b=1&a=2");
  CHECK(http::next_link({{"link", "<a>; rel=prev"}}) == std::nullopt);
  CHECK(http::next_link({{"Link", "<a>; rel=prev, <b?x=1,2>; title=\"t\"; rel=next"}}) ==
        "b?x=1,2");
  CHECK(http::next_link({{"Link", "<a; rel=next"}}) == std::nullopt);
}

}  // namespace
}  // namespace tutti::action
