// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/azure.h"

#include <atomic>
#include <map>
#include <mutex>

#include "net/testing.h"
#include "rt/scope.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud::auth {
namespace {

const std::string key = "QUJD";
const std::string sas = "sv=2023-11-03&sp=r&sig=secret%3D";

// Where nobody listens any more.
std::string nobody_url() {
  const net::TestServer gone([](net::TestConnection&) {});
  return gone.url("");
}

struct World : rt::TestWorld {
  net::HttpClient client{loop.executor(), *clock};
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;
  // Answers tokens: t1, t2 ... unless `answer` says something else.
  std::atomic<int> given = 0;
  std::mutex mutex;
  std::string answer;
  net::TestServer* self = nullptr;
  net::TestServer server{net::TestServer::answering(self, [this](const std::string&) {
    const std::lock_guard lock(mutex);
    return answer.empty() ? net::http_reply("200 OK", R"({"expires_in":"3600","access_token":"t)" +
                                                          std::to_string(++given) + "\"}")
                          : answer;
  })};
  std::vector<std::string> ran;

  World() { self = &server; }
  void set_answer(std::string text) {
    const std::lock_guard lock(mutex);
    answer = std::move(text);
  }

  AzureMachine machine() {
    return {.variable = [this](const std::string& name) { return variables[name]; },
            .read_file = [this](const std::filesystem::path& path) -> Result<std::string> {
              const auto at = files.find(path.string());
              return at == files.end() ? Result<std::string>(fail(Code::not_found, "no such file"))
                                       : Result<std::string>(at->second);
            },
            .metadata_server = nobody_url()};
  }
  Result<AzureAccess> access(AzureSettings settings) { return azure_access(settings, machine()); }
  // The authorization of a request, or the error's text.
  std::string sign(AzureCredentials& credentials) {
    const auto request = loop.run(credentials.sign(ctx, {.path = "/c/k"}, 0));
    if (!request.has_value()) {
      return request.error().text();
    }
    const std::string* header = sign::find_value(request->headers, "authorization");
    return header == nullptr ? sign::target_of(*request) : *header;
  }
  std::string sign(AzureSettings settings, AzureMachine with) {
    auto found = azure_access(settings, with);
    REQUIRE_OK(found);
    AzureCredentials credentials(client, *found, settings, with);
    return sign(credentials);
  }
  void use_entra() {
    variables["AZURE_AUTHORITY_HOST"] = server.url("/login/");
    variables["AZURE_TENANT_ID"] = "tenant";
    variables["AZURE_CLIENT_ID"] = "client";
  }
};
const AzureSettings entra{.account = "acc"};

TEST_CASE("what the connection says comes before variables") {
  World w;
  auto access = w.access({.account = "acc", .access_key = key});
  REQUIRE_OK(access);
  CHECK(access->key->key == "ABC");
  CHECK(access->endpoint == sign::azure_endpoint("acc"));
  w.variables["AZURE_STORAGE_ACCOUNT"] = "acc";
  w.variables["AZURE_STORAGE_SAS_TOKEN"] = sas;
  CHECK(w.access({.account = "acc", .access_key = key})->key.has_value());
  CHECK(w.access({.account = "acc"})->sas.has_value());
  CHECK(w.access({})->account == "acc");
  CHECK(w.access({})->found == "AZURE_STORAGE_SAS_TOKEN");
  w.variables["AZURE_STORAGE_KEY"] = key;
  CHECK(w.access({})->key.has_value());
  CHECK_FALSE(w.access({.anonymous = true})->key.has_value());
  CHECK(w.access({.anonymous = true})->account == "acc");
  // Those of another account are not used for this one.
  access = w.access({.account = "other"});
  REQUIRE_OK(access);
  CHECK_FALSE(access->key.has_value());
  CHECK(access->found == "an Entra identity");
  w.variables["AZURE_STORAGE_CONNECTION_STRING"] = "UseDevelopmentStorage=true";
  CHECK_FALSE(w.access({.account = "other"})->key.has_value());
  CHECK(w.access({})->account == "devstoreaccount1");
}

TEST_CASE("an account is found in its endpoint, and needed") {
  World w;
  CHECK(w.access({.endpoint = "http://127.0.0.1:10000/devstoreaccount1", .access_key = key})
            ->key->account == "devstoreaccount1");
  CHECK(w.access({.endpoint = "https://acc.blob.core.windows.net", .sas = sas})->account == "acc");
  CHECK(w.access({}).error().code == Code::bad_input);
  CHECK(w.access({.access_key = key}).error().code == Code::bad_input);
  CHECK(w.access({.account = "a", .access_key = key, .sas = sas}).error().remedy.contains("one"));
  CHECK(w.access({.account = "a", .connection_string = "AccountName=b;AccountKey=QUJD"})
            .error()
            .what.contains("'b'"));
}

TEST_CASE("a key signs, a SAS goes along, nobody does neither") {
  World w;
  CHECK(w.sign({.account = "acc", .access_key = key}, w.machine()).starts_with("SharedKey acc:"));
  CHECK(w.sign({.account = "acc", .sas = sas}, w.machine()) ==
        "/c/k?sig=secret%3D&sp=r&sv=2023-11-03");
  CHECK(w.sign({.account = "acc", .anonymous = true}, w.machine()) == "/c/k");
}

TEST_CASE("an application's secret") {
  World w;
  w.use_entra();
  w.variables["AZURE_CLIENT_SECRET"] = "hidden";
  CHECK(w.sign(entra, w.machine()) == "Bearer t1");
  const std::string request = w.server.requests().at(0);
  CHECK(request.starts_with("POST /login/tenant/oauth2/v2.0/token HTTP/1.1\r\n"));
  CHECK(request.contains("client_secret=hidden"));
  w.set_answer(net::http_reply(
      "401 Unauthorized",
      R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret.\r\n"})"));
  const std::string error = w.sign(entra, w.machine());
  CHECK(error.contains("AADSTS7000215"));
  CHECK_FALSE(error.contains("hidden"));
  // It was there: nobody else is asked.
  CHECK(w.server.requests().size() == 2);
  CHECK(w.sign({.account = "a", .tenant_id = "", .client_secret = "x"},
               [&] {
                 w.variables["AZURE_TENANT_ID"] = "";
                 return w.machine();
               }())
            .contains("tenant_id"));
}

TEST_CASE("workload identity reads its file each time") {
  World w;
  w.use_entra();
  w.variables["AZURE_FEDERATED_TOKEN_FILE"] = "/var/token";
  w.files["/var/token"] = "first\n";
  const AzureMachine machine = w.machine();
  AzureCredentials credentials(w.client, *azure_access(entra, machine), entra, machine);
  CHECK(w.sign(credentials) == "Bearer t1");
  CHECK(w.sign(credentials) == "Bearer t1");
  w.files["/var/token"] = "second\n";
  CHECK(credentials.refused({.headers = {{"authorization", "Bearer t1"}}}));
  CHECK(w.sign(credentials) == "Bearer t2");
  const auto requests = w.server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].contains("client_assertion=first&"));
  CHECK(requests[1].contains("client_assertion=second&"));
  CHECK_FALSE(credentials.refused({.headers = {{"authorization", "SharedKey a:b"}}}));
}

TEST_CASE("managed identities of a machine and of App Service") {
  World w;
  AzureMachine machine = w.machine();
  machine.metadata_server = w.server.url("");
  CHECK(w.sign(entra, machine) == "Bearer t1");
  CHECK(w.server.requests().at(0).starts_with(
      "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource="));
  w.variables["IDENTITY_ENDPOINT"] = w.server.url("/msi");
  w.variables["IDENTITY_HEADER"] = "hidden";
  CHECK(w.sign({.account = "a", .client_id = "mine"}, w.machine()) == "Bearer t2");
  CHECK(w.server.requests().at(1).contains("client_id=mine"));
  w.variables["IDENTITY_HEADER"] = "";
  w.set_answer(net::http_reply("429 Too Many Requests", "", "Retry-After: 3\r\n"));
  auto found = azure_access(entra, machine);
  AzureCredentials credentials(w.client, *found, entra, machine);
  const auto busy = w.loop.run(credentials.sign(w.ctx, {}, 0));
  REQUIRE(!busy.has_value());
  CHECK(busy.error().code == Code::throttled);
  CHECK(busy.error().retry_after == seconds(3));
}

Task<std::string> print(rt::Context&, World& w, Program program) {
  w.ran = std::move(program.argv);
  co_return std::string(R"({"accessToken":"from-cli","expires_on":4000000000})");
}
Task<std::string> no_program() { co_return fail(Code::not_found, "there is no program 'az'"); }

TEST_CASE("the Azure CLI is asked last, and what was tried is said") {
  World w;
  AzureMachine machine = w.machine();
  machine.run = [&w](rt::Context& ctx, Program program) {
    return print(ctx, w, std::move(program));
  };
  CHECK(w.sign(entra, machine) == "Bearer from-cli");
  CHECK(w.ran.at(0) == "az");
  machine.run = [](rt::Context&, const Program&) { return no_program(); };
  const std::string error = w.sign(entra, machine);
  for (const char* part : {"AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "managed identity",
                           "there is no program 'az'", "az login"}) {
    CAPTURE(part);
    CHECK(error.contains(part));
  }
  w.variables["AZURE_TOKEN_CREDENTIALS"] = "ManagedIdentityCredential";
  CHECK(w.sign(entra, machine).contains("not allowed by AZURE_TOKEN_CREDENTIALS"));
  w.variables["AZURE_TOKEN_CREDENTIALS"] = "dev";
  machine.metadata_server = w.server.url("");
  CHECK(w.sign(entra, machine).contains("managedidentitycredential (not allowed"));
  CHECK(w.given == 0);
}

TEST_CASE("a token is not sent where others can read it") {
  World w;
  w.use_entra();
  w.variables["AZURE_CLIENT_SECRET"] = "hidden";
  CHECK(w.sign({.endpoint = "http://storage.example/acc"}, w.machine()).contains("https://"));
  CHECK(w.sign({.endpoint = "http://127.0.0.1:9/acc"}, w.machine()) == "Bearer t1");
}

Task<Unit> sign_once(rt::Context& ctx, AzureCredentials& credentials) {
  CO_TRY(const auto request, co_await credentials.sign(ctx, {}, 0));
  co_return request.headers.back().second == "Bearer t1" ? Result<Unit>(Unit{})
                                                         : fail(Code::internal, "another token");
}
Task<Unit> sign_often(rt::Scope& scope, AzureCredentials& credentials) {
  for (int i = 0; i < 20; ++i) {
    CO_OK(co_await scope.spawn(sign_once(scope.context(), credentials)));
  }
  co_return Unit{};
}

TEST_CASE("many requests at once ask for one token") {
  World w;
  w.use_entra();
  w.variables["AZURE_CLIENT_SECRET"] = "hidden";
  const AzureMachine machine = w.machine();
  AzureCredentials credentials(w.client, *azure_access(entra, machine), entra, machine);
  REQUIRE_OK(w.loop.run(rt::scoped(w.ctx, {}, sign_often, std::ref(credentials))));
  CHECK(w.given == 1);
}

}  // namespace
}  // namespace tutti::cloud::auth
