// SPDX-License-Identifier: Apache-2.0
// Signatures as azure-storage-blob 12.19.0 for Python makes them, of the same fields, with the
// emulators' published key; and the string to sign of "Authorize with Shared Key".
#include "cloud/sign/azure_key.h"

#include "base/digest.h"

#include "base/doctest.h"

namespace tutti::cloud::sign {
namespace {

AzureKey example() {
  auto key = azure_key("devstoreaccount1",
                       "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
                       "K1SZFPTOtr/KBHBeksoGMGw==");
  REQUIRE_OK(key);
  return *key;
}
const Instant now = start_of(date_of(CivilDate{2026, 2, 28})) + hours(10);

std::string signed_by(const Request& request) {
  return *find_value(request.headers, "authorization");
}

TEST_CASE("the documentation's example of what is signed") {
  Request request{
      .host = "myaccount.blob.core.windows.net",
      .path = "/mycontainer",
      .query = {{"restype", "container"}, {"comp", "metadata"}, {"timeout", "20"}},
      .headers = {{"x-ms-version", "2015-02-21"}, {"x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"}}};
  CHECK(azure_string_to_sign(request, "myaccount", 0) ==
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
        "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n"
        "timeout:20");
}

TEST_CASE("a PUT is signed with its length, conditions and headers in the service's order") {
  Request request{.method = "PUT",
                  .host = "127.0.0.1:10000",
                  .path = path_of_key("/devstoreaccount1/c-1", "a b/ü+.csv"),
                  .headers = {{"x-ms-version", "2023-11-03"},
                              {"x-ms-blob-type", "BlockBlob"},
                              {"content-type", "text/csv"},
                              {"if-none-match", "*"},
                              {"x-ms-content-crc64", "iJh5ChSGS64="},
                              {"x-ms-meta-a1", "1"},
                              {"x-ms-meta-ab", "3"},
                              {"x-ms-meta-a_b", "2"}}};
  azure_sign(request, example(), now, 9);
  CHECK(*find_value(request.headers, "x-ms-date") == "Sat, 28 Feb 2026 10:00:00 GMT");
  CHECK(signed_by(request) ==
        "SharedKey devstoreaccount1:3+Za6XcqpVDcd/RBuXIYiYBUnHY6E8+mMJQgCmCoUGY=");
  azure_sign(request, example(), now, 9);  // again: nothing is there twice
  CHECK(std::ranges::count(request.headers, "authorization", &Pairs::value_type::first) == 1);
}

TEST_CASE("a listing is signed with its query decoded") {
  Request request{
      .host = "devstoreaccount1.blob.core.windows.net",
      .path = "/c-1",
      .query = {{"restype", "container"},
                {"comp", "list"},
                {"prefix", "a/b c"},
                {"marker", "2!42!"}},
      .headers = {{"x-ms-version", "2023-11-03"}, {"if-match", "\"0x8D4BCC2E4835CD0\""}}};
  azure_sign(request, example(), now, 0);
  CHECK(signed_by(request) ==
        "SharedKey devstoreaccount1:l7vGAF5vYG716FnQcJuG5sKFfVm01mfK8nO5A6Wk7ks=");
}

TEST_CASE("a service SAS of a blob, a snapshot and a container") {
  const Instant end = now + days(1);
  Pairs sas = azure_service_sas(example(), {.container = "c-1", .blob = "a b/ü+.csv"},
                                {.permissions = "r", .expiry = end});
  CHECK(encode_query(sas) ==
        "se=2026-03-01T10%3A00%3A00Z&sig=ZtAgKDxPlxrOcQFFagYpVgEuHtlDZNvosHHG5%2FH%2BLcU%3D&sp=r&"
        "spr=https&sr=b&sv=2023-11-03");
  sas = azure_service_sas(
      example(), {.container = "c-1", .blob = "k", .snapshot = "2026-02-01T00:00:00.0000000Z"},
      {.permissions = "rw",
       .start = now,
       .expiry = end,
       .ip = "168.1.5.60-168.1.5.70",
       .https_only = false});
  CHECK(*find_value(sas, "sig") == "ehIa1cVpleYDK4d/i1FlAhPpxUGQTB+l3aFnLEPSc/k=");
  CHECK(*find_value(sas, "sr") == "bs");
  CHECK(*find_value(sas, "spr") == "https,http");
  sas = azure_service_sas(example(), {.container = "c-1"}, {.permissions = "rl", .expiry = end});
  CHECK(*find_value(sas, "sig") == "C38aNHn7YQH4eAMXXcqmGIoqoLUPh80bg3tLJCTn2C4=");
  CHECK(*find_value(sas, "sr") == "c");
}

TEST_CASE("an account SAS") {
  const Pairs sas = azure_account_sas(
      example(), "sco", {.permissions = "rwdlac", .start = now, .expiry = now + days(1)});
  CHECK(*find_value(sas, "sig") == "59KduF2TWQKt3DVWGPpYheoxwxLRPux0Mdr28f6UCAQ=");
  CHECK(*find_value(sas, "ss") == "b");
}

TEST_CASE("a user delegation SAS") {
  const AzureDelegationKey key{
      .object_id = "00000000-0000-0000-0000-00000000000a",
      .tenant_id = "00000000-0000-0000-0000-00000000000b",
      .start = "2026-02-28T00:00:00Z",
      .expiry = "2026-03-06T00:00:00Z",
      .service = "b",
      .version = "2023-11-03",
      .key = *base64_decode("Fw1Ky9nQ3OfO1uL0O2y8J3m4h1rJ3m4h1rJ3m4h1rJ0=")};
  const Pairs sas = azure_delegation_sas("devstoreaccount1", key, {.container = "c-1", .blob = "k"},
                                         {.permissions = "r", .expiry = now + days(1)});
  CHECK(*find_value(sas, "sig") == "vhpA7kUbwHEsADwzCmThm/nIuktE/nczR8nLCxaUJH0=");
  CHECK(*find_value(sas, "skoid") == key.object_id);
}

TEST_CASE("a SAS somebody was given") {
  const std::string_view token =
      "sv=2023-11-03&sr=c&sp=rl&se=2026-03-01T10%3A00%3A00Z&spr=https&sig=C38a%2FB%2BY%3D";
  for (const std::string& text :
       {std::string(token), "?" + std::string(token),
        "https://a.blob.core.windows.net/c-1?" + std::string(token) + "&"}) {
    const auto sas = parse_azure_sas(text);
    REQUIRE_OK(sas);
    CHECK(*find_value(*sas, "sig") == "C38a/B+Y=");
    CHECK(azure_sas_expiry(*sas) == now + days(1));
    Request request{.path = "/c-1/k", .query = {{"comp", "block"}}};
    azure_add_sas(request, *sas);
    azure_add_sas(request, *sas);
    CHECK(target_of(request) ==
          "/c-1/k?comp=block&se=2026-03-01T10%3A00%3A00Z&sig=C38a%2FB%2BY%3D&sp=rl&spr=https&sr=c&"
          "sv=2023-11-03");
  }
  const auto plus = parse_azure_sas("sv=1&sig=a+b=");  // pasted without its encoding
  REQUIRE_OK(plus);
  CHECK(*find_value(*plus, "sig") == "a+b=");
  CHECK(!azure_sas_expiry(*plus));
  for (const std::string_view broken : {"", "?", "sv=2023-11-03", "sig=secret%2", "secret"}) {
    const auto sas = parse_azure_sas(broken);
    REQUIRE(!sas.has_value());
    CHECK(sas.error().code == Code::bad_input);
    CHECK(!sas.error().text().contains("secret"));
  }
}

TEST_CASE("a key that is none is not shown") {
  const auto key = azure_key("acc", "not base64!");
  REQUIRE(!key.has_value());
  CHECK(key.error().code == Code::bad_input);
  CHECK(!key.error().text().contains("not base64!"));
  CHECK(!azure_key("", "QUJD").has_value());
  CHECK(!azure_key("acc", "").has_value());
}

}  // namespace
}  // namespace tutti::cloud::sign
