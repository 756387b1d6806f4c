// SPDX-License-Identifier: Apache-2.0
#include "cloud/sign/azure.h"

#include "base/doctest.h"

namespace tutti::cloud::sign {
namespace {

const AzureContainer cloud{.host = "acc.blob.core.windows.net", .container = "c-1"};
const AzureContainer emulator{
    .host = "127.0.0.1:10000", .folder = "/devstoreaccount1", .container = "c-1"};

std::string header(const Request& request, std::string_view name) {
  const std::string* value = find_value(request.headers, name);
  return value == nullptr ? "none" : *value;
}

TEST_CASE("a container stands in the path, a key is encoded once") {
  Request request = azure_blob_request(cloud, "HEAD", "a b//../ü#?.csv");
  CHECK(request.host == "acc.blob.core.windows.net");
  CHECK(target_of(request) == "/c-1/a%20b//../%C3%BC%23%3F.csv");
  CHECK(header(request, "x-ms-version") == azure_version);
  CHECK(azure_blob_request(emulator, "GET", "k").path == "/devstoreaccount1/c-1/k");
  CHECK(azure_request({.host = "h", .container = "$web"}, "GET").path == "/$web");
  CHECK(azure_url(emulator, false, "a b", {{"sig", "x+"}}) ==
        "http://127.0.0.1:10000/devstoreaccount1/c-1/a%20b?sig=x%2B");
  CHECK(target_of(azure_container_request(cloud, "PUT")) == "/c-1?restype=container");
  CHECK(target_of(azure_containers_request(cloud, "p", "m")) == "/?comp=list&marker=m&prefix=p");
  CHECK(target_of(azure_delegation_key_request(cloud)) ==
        "/?comp=userdelegationkey&restype=service");
}

TEST_CASE("versions of a blob, what locks them, and the archive") {
  CHECK(target_of(azure_list_request(cloud, {.prefix = "a/", .limit = 7, .versions = true})) ==
        "/c-1?comp=list&include=metadata%2Cversions&maxresults=7&prefix=a%2F&restype=container");
  const auto page = parse_azure_page(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>"
      "<Blob><Name>a</Name><VersionId>2026-02-28T10:00:00.0000001Z</VersionId><Properties>"
      "<Last-Modified>Sat, 28 Feb 2026 10:00:00 GMT</Last-Modified><Etag>0x1</Etag>"
      "<Content-Length>3</Content-Length><AccessTier>Archive</AccessTier>"
      "<ArchiveStatus>rehydrate-pending-to-hot</ArchiveStatus></Properties></Blob>"
      "<Blob><Name>a</Name><VersionId>2026-02-28T11:00:00.0000001Z</VersionId>"
      "<IsCurrentVersion>true</IsCurrentVersion><Properties>"
      "<Last-Modified>Sat, 28 Feb 2026 11:00:00 GMT</Last-Modified><Etag>0x2</Etag>"
      "<Content-Length>4</Content-Length></Properties></Blob></Blobs><NextMarker/>"
      "</EnumerationResults>");
  REQUIRE_OK(page);
  REQUIRE(page->blobs.size() == 2);
  CHECK(page->blobs[0].version == "2026-02-28T10:00:00.0000001Z");
  CHECK_FALSE(page->blobs[0].is_current);
  CHECK(page->blobs[0].archive_status == "rehydrate-pending-to-hot");
  CHECK(page->blobs[1].is_current);

  const std::string version = "2026-02-28T10:00:00.0000001Z";
  const std::string of_version = "versionid=2026-02-28T10%3A00%3A00.0000001Z";
  Request request = azure_delete_version_request(cloud, "k", version);
  CHECK(request.method == "DELETE");
  CHECK(target_of(request) == "/c-1/k?" + of_version);
  CHECK(header(request, "x-ms-delete-snapshots") == "none");
  const AzureRetention retention{.mode = "Locked",
                                 .until = parse_instant("2033-12-31T12:00:00Z").value()};
  request = azure_retention_request(cloud, "k", version, retention);
  CHECK(request.method == "PUT");
  CHECK(target_of(request) == "/c-1/k?comp=immutabilityPolicies&" + of_version);
  CHECK(header(request, "x-ms-immutability-policy-mode") == "Locked");
  CHECK(header(request, "x-ms-immutability-policy-until-date") == "Sat, 31 Dec 2033 12:00:00 GMT");
  request = azure_retention_request(cloud, "k", "", {});
  CHECK(request.method == "DELETE");
  CHECK(target_of(request) == "/c-1/k?comp=immutabilityPolicies");
  request = azure_legal_hold_request(cloud, "k", "", true);
  CHECK(request.method == "PUT");
  CHECK(target_of(request) == "/c-1/k?comp=legalhold");
  CHECK(header(request, "x-ms-legal-hold") == "true");
  request = azure_tier_request(cloud, "k", "", "Hot", "High");
  CHECK(target_of(request) == "/c-1/k?comp=tier");
  CHECK(header(request, "x-ms-access-tier") == "Hot");
  CHECK(header(request, "x-ms-rehydrate-priority") == "High");
  const AzureNotes notes{.retention = retention, .legal_hold = true};
  request = azure_put_request(cloud, "k", notes, {}, std::nullopt);
  CHECK(header(request, "x-ms-immutability-policy-mode") == "Locked");
  CHECK(header(request, "x-ms-legal-hold") == "true");

  const auto blob =
      parse_azure_blob({{"content-length", "3"},
                        {"x-ms-version-id", version},
                        {"x-ms-immutability-policy-until-date", "Sat, 31 Dec 2033 12:00:00 GMT"},
                        {"x-ms-immutability-policy-mode", "Locked"},
                        {"x-ms-legal-hold", "true"},
                        {"x-ms-access-tier", "Archive"},
                        {"x-ms-archive-status", "rehydrate-pending-to-cool"}});
  REQUIRE_OK(blob);
  CHECK(blob->retention == retention);
  CHECK(blob->legal_hold);
  CHECK(blob->version == version);
  CHECK(blob->archive_status == "rehydrate-pending-to-cool");
}

TEST_CASE("a get asks for a range of one version") {
  const auto range = [](uint64_t offset, std::optional<uint64_t> length) {
    return header(azure_get_request(cloud, "k", offset, length, ""), "x-ms-range");
  };
  CHECK(range(0, std::nullopt) == "none");
  CHECK(range(5, std::nullopt) == "bytes=5-");
  CHECK(range(0, 10) == "bytes=0-9");
  CHECK(range(5, 10) == "bytes=5-14");
  CHECK(range(1, UINT64_MAX) == "bytes=1-");
  CHECK(range(UINT64_MAX, 1) == "bytes=18446744073709551615-");
  CHECK(header(azure_get_request(cloud, "k", 0, std::nullopt, "0x8D"), "if-match") == "\"0x8D\"");
}

TEST_CASE("a put says what is to be noted, compared and kept") {
  const Digest crc = digest_of(DigestKind::crc64nvme, "123456789");
  const Digest md5 = digest_of(DigestKind::md5, "123456789");
  Request request = azure_put_request(cloud, "k",
                                      {.content_type = "text/csv",
                                       .headers = {.encoding = "gzip", .cache_control = "no-cache"},
                                       .metadata = {{"owner-id", "ana"}, {"city", "Zürich"}},
                                       .tags = {{"cost center", "a=b"}, {"empty", ""}},
                                       .tier = "Cool",
                                       .md5 = md5},
                                      {.only_if_absent = true}, crc);
  CHECK(request.method == "PUT");
  CHECK(header(request, "x-ms-blob-type") == "BlockBlob");
  CHECK(header(request, "x-ms-blob-content-type") == "text/csv");
  CHECK(header(request, "x-ms-blob-content-encoding") == "gzip");
  CHECK(header(request, "x-ms-blob-cache-control") == "no-cache");
  CHECK(header(request, "x-ms-blob-content-language") == "none");
  CHECK(header(request, "x-ms-tags") == "cost%20center=a%3Db&empty=");
  CHECK(header(request, "x-ms-blob-content-md5") == "JfnnlDI7RTiF9RgfG2JNCw==");
  CHECK(header(request, "x-ms-access-tier") == "Cool");
  CHECK(header(request, "x-ms-meta-owner_id") == "ana");
  CHECK(header(request, "x-ms-meta-city") == "=?UTF-8?B?WsO8cmljaA==?=");
  CHECK(header(request, "if-none-match") == "*");
  CHECK(header(request, "x-ms-content-crc64") == "iJh5CoYUi64=");  // S3 has rosUhgp5mIg=
  request = azure_put_request(cloud, "k", {}, {.if_match = "0x8D"}, md5);
  CHECK(header(request, "content-md5") == "JfnnlDI7RTiF9RgfG2JNCw==");
  CHECK(header(request, "if-match") == "\"0x8D\"");
  CHECK(header(request, "x-ms-content-crc64") == "none");
}

TEST_CASE("all that writes names the scope of its encryption") {
  AzureContainer scoped = cloud;
  scoped.encryption_scope = "own";
  const std::string id = azure_block_id("u", 1);
  for (const Request& request : {azure_put_request(scoped, "k", {}, {}, std::nullopt),
                                 azure_block_request(scoped, "k", id, std::nullopt),
                                 azure_block_from_request(scoped, "k", id, {.url = "https://s"}),
                                 azure_put_from_request(scoped, "k", {}, {}, {.url = "https://s"}),
                                 azure_copy_request(scoped, "k", {}, {}, {.url = "https://s"}),
                                 azure_commit_request(scoped, "k", {}, {})}) {
    const std::string* scope = find_value(request.headers, "x-ms-encryption-scope");
    REQUIRE(scope != nullptr);
    CHECK(*scope == "own");
    CHECK(std::ranges::count(request.headers, "x-ms-encryption-scope", &Pairs::value_type::first) ==
          1);
  }
  CHECK(find_value(azure_get_request(scoped, "k", 0, {}, "").headers, "x-ms-encryption-scope") ==
        nullptr);
}

TEST_CASE("a blob in blocks") {
  const std::string id = azure_block_id("0123456789abcdef", 7);
  CHECK(*base64_decode(id) == "0123456789abcdef-00000007");
  CHECK(azure_block_id("0123456789abcdef", 49'999).size() == id.size());
  const Request block = azure_block_request(emulator, "k", id, std::nullopt);
  CHECK(target_of(block) ==
        "/devstoreaccount1/c-1/k?blockid=MDEyMzQ1Njc4OWFiY2RlZi0wMDAwMDAwNw%3D%3D&comp=block");
  CHECK(azure_commit_body({"QQ==", "Qg=="}) ==
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Latest>QQ==</Latest>"
        "<Latest>Qg==</Latest></BlockList>");
  const Request commit = azure_commit_request(cloud, "k", {.tier = "Hot"}, {.if_match = "e"});
  CHECK(target_of(commit) == "/c-1/k?comp=blocklist");
  CHECK(header(commit, "x-ms-access-tier") == "Hot");
  CHECK(header(commit, "x-ms-blob-type") == "none");
  const auto blocks = parse_azure_blocks(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><CommittedBlocks><Block><Name>QQ=="
      "</Name><Size>4</Size></Block></CommittedBlocks><UncommittedBlocks><Block><Name>Qg==</Name>"
      "<Size>5</Size></Block></UncommittedBlocks></BlockList>");
  REQUIRE_OK(blocks);
  CHECK(*blocks == std::vector<AzureBlock>{{.id = "QQ==", .size = 4, .committed = true},
                                           {.id = "Qg==", .size = 5}});
}

TEST_CASE("copies: the service reads the source itself") {
  const AzureSource source{.url = "https://s3/b/k?sig", .if_match = "e", .bearer = "t"};
  Request request = azure_copy_request(cloud, "k", {.content_type = "not/sent", .tier = "Cool"},
                                       {.only_if_absent = true}, source);
  CHECK(header(request, "x-ms-copy-source") == "https://s3/b/k?sig");
  CHECK(header(request, "x-ms-source-if-match") == "\"e\"");
  CHECK(header(request, "x-ms-copy-source-authorization") == "Bearer t");
  CHECK(header(request, "x-ms-blob-content-type") == "none");
  CHECK(header(request, "x-ms-access-tier") == "Cool");
  CHECK(header(request, "if-none-match") == "*");
  request = azure_put_from_request(cloud, "k", {}, {}, source);
  CHECK(header(request, "x-ms-blob-type") == "BlockBlob");
  AzureSource part = source;
  part.offset = 100;
  part.length = 10;
  request = azure_block_from_request(cloud, "k", "QQ==", part);
  CHECK(header(request, "x-ms-source-range") == "bytes=100-109");
  CHECK(header(request, "x-ms-source-content-md5") == "none");
  part.md5 = digest_of(DigestKind::md5, "abc");
  CHECK(header(azure_block_from_request(cloud, "k", "QQ==", part), "x-ms-source-content-md5") ==
        "kAFQmDzST7DWlj99KOF/cg==");
  CHECK(target_of(request) == "/c-1/k?blockid=QQ%3D%3D&comp=block");
  request = azure_abort_copy_request(cloud, "k", "id");
  CHECK(target_of(request) == "/c-1/k?comp=copy&copyid=id");
  CHECK(header(azure_delete_request(cloud, "k", "e"), "x-ms-delete-snapshots") == "include");
}

TEST_CASE("a listing: names of any bytes, folders, metadata, and where it goes on") {
  const Request request = azure_list_request(cloud, {.prefix = "a/", .limit = 7, .marker = "2!4!"});
  CHECK(target_of(request) ==
        "/c-1?comp=list&include=metadata&marker=2%214%21&maxresults=7&prefix=a%2F&"
        "restype=container");
  const auto page = parse_azure_page(
      "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>"
      R"(<EnumerationResults ServiceEndpoint="https://acc.blob.core.windows.net/" ContainerName="c">
<Prefix>a</Prefix><MaxResults>7</MaxResults><Blobs>
<Blob><Name>a &amp; b/ü+%41.csv</Name><VersionId>2026-02-28T10:00:00.1234567Z</VersionId>
<Properties><Creation-Time>Sat, 28 Feb 2026 10:00:00 GMT</Creation-Time>
<Last-Modified>Sat, 28 Feb 2026 10:00:00 GMT</Last-Modified><Etag>0x8CBFF45D8A29A19</Etag>
<Content-Length>434234</Content-Length><Content-Type>text/csv</Content-Type><Content-Encoding />
<Content-MD5>JfnnlDI7RTiF9RgfG2JNCw==</Content-MD5><BlobType>BlockBlob</BlobType>
<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred></Properties>
<Metadata><Owner_Id>ana</Owner_Id><x_1>=?UTF-8?B?w7w=?=</x_1></Metadata></Blob>
<Blob><Name Encoded="true">a%EF%BF%BE%0A</Name><Properties>
<Last-Modified>Sat, 28 Feb 2026 10:00:00 GMT</Last-Modified><Etag>e</Etag>
<Content-Length>0</Content-Length><BlobType>AppendBlob</BlobType></Properties><Metadata/></Blob>
<Blob><Name> </Name><Properties><Last-Modified>Sat, 28 Feb 2026 10:00:00 GMT</Last-Modified>
<Etag>e</Etag><Content-Length>0</Content-Length></Properties></Blob>
<Blob><Name>folder</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>
<BlobPrefix><Name>photos/</Name></BlobPrefix></Blobs><NextMarker>2!76!MDAw</NextMarker>
</EnumerationResults>)");
  REQUIRE_OK(page);
  REQUIRE(page->blobs.size() == 3);
  const AzureBlob& first = page->blobs[0];
  CHECK(first.key == "a & b/ü+%41.csv");
  CHECK(first.size == 434'234);
  CHECK(first.etag == "0x8CBFF45D8A29A19");
  CHECK(to_text(first.modified) == "2026-02-28T10:00:00+00:00");
  CHECK(first.content_type == "text/csv");
  CHECK(first.md5 == digest_of(DigestKind::md5, "123456789"));
  CHECK(first.kind == "BlockBlob");
  CHECK(first.tier == "Hot");
  CHECK(first.version == "2026-02-28T10:00:00.1234567Z");
  CHECK(first.metadata == std::map<std::string, std::string>{{"owner-id", "ana"}, {"1", "\u00fc"}});
  CHECK(page->blobs[1].key == "a\xef\xbf\xbe\n");
  CHECK(!page->blobs[1].md5);
  CHECK(page->blobs[2].key == " ");
  CHECK(page->prefixes == std::vector<std::string>{"photos/"});
  CHECK(page->next == "2!76!MDAw");

  const auto containers = parse_azure_containers(
      "<EnumerationResults><Containers><Container><Name>a</Name></Container><Container><Name>b"
      "</Name></Container></Containers><NextMarker /></EnumerationResults>");
  REQUIRE_OK(containers);
  CHECK(containers->names == std::vector<std::string>{"a", "b"});
  CHECK(containers->next.empty());
}

TEST_CASE("a reply of Azure that is broken is asked for again") {
  const std::string_view broken[] = {
      "", "<html>busy</html>", "<EnumerationResults><Blobs><Blob>",
      "<EnumerationResults><Blobs><Blob><Name>k</Name></Blob></Blobs></EnumerationResults>",
      "<EnumerationResults><Blobs><Blob><Name>k</Name><Properties><Content-Length>-1"
      "</Content-Length><Last-Modified>Sat, 28 Feb 2026 10:00:00 GMT</Last-Modified></Properties>"
      "</Blob></Blobs></EnumerationResults>"};
  for (const std::string_view xml : broken) {
    const auto page = parse_azure_page(xml);
    REQUIRE(!page.has_value());
    CHECK(page.error().code == Code::unavailable);
  }
  CHECK(!parse_azure_blocks("<BlockList><CommittedBlocks><Block><Name>a</Name></Block>"
                            "</CommittedBlocks></BlockList>")
             .has_value());
  CHECK(!parse_azure_delegation_key("<UserDelegationKey/>").has_value());
  CHECK(!parse_azure_containers("<Error/>").has_value());
}

TEST_CASE("tags of a blob") {
  const auto tags = parse_azure_tags(
      "<Tags><TagSet><Tag><Key>team</Key><Value>data</Value></Tag><Tag><Key>e</Key><Value/></Tag>"
      "</TagSet></Tags>");
  REQUIRE_OK(tags);
  CHECK(*tags == std::map<std::string, std::string>{{"team", "data"}, {"e", ""}});
  CHECK(parse_azure_tags("<Tags><TagSet>").error().code == Code::unavailable);
  CHECK(target_of(azure_tags_request(cloud, "k")) == "/c-1/k?comp=tags");
}

TEST_CASE("headers of a blob") {
  Pairs headers = {{"etag", "\"0x8D\""},
                   {"content-length", "10"},
                   {"last-modified", "Sat, 28 Feb 2026 10:00:00 GMT"},
                   {"content-type", "text/csv"},
                   {"content-disposition", "inline"},
                   {"content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="},
                   {"x-ms-blob-type", "BlockBlob"},
                   {"x-ms-access-tier", "Archive"},
                   {"x-ms-version-id", "v1"},
                   {"x-ms-copy-status", "pending"},
                   {"x-ms-copy-id", "id"},
                   {"x-ms-meta-owner_id", "ana"}};
  auto blob = parse_azure_blob(headers);
  REQUIRE_OK(blob);
  CHECK(blob->etag == "0x8D");
  CHECK(blob->size == 10);
  CHECK(blob->md5 == digest_of(DigestKind::md5, "123456789"));
  CHECK(blob->tier == "Archive");
  CHECK(blob->headers == ContentHeaders{.disposition = "inline"});
  CHECK(blob->version == "v1");
  CHECK(blob->copy_status == "pending");
  CHECK(blob->metadata.at("owner-id") == "ana");
  headers.emplace_back("content-range", "bytes 0-9/443");
  blob = parse_azure_blob(headers);
  REQUIRE_OK(blob);
  CHECK(blob->size == 443);
  CHECK(!blob->md5);  // that of the range
  headers.emplace_back("x-ms-blob-content-md5", "JfnnlDI7RTiF9RgfG2JNCw==");
  CHECK(parse_azure_blob(headers)->md5.has_value());
  CHECK(!parse_azure_blob({{"content-length", "many"}}).has_value());

  const AzureWritten written = parse_azure_written(
      {{"etag", "\"0x8D\""}, {"x-ms-content-crc64", "iJh5CoYUi64="}, {"x-ms-version-id", "v"}});
  CHECK(written.etag == "0x8D");
  CHECK(written.check == digest_of(DigestKind::crc64nvme, "123456789"));
  CHECK(written.version == "v");
  CHECK(parse_azure_written({{"content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="}}).check ==
        digest_of(DigestKind::md5, "123456789"));
  CHECK(!parse_azure_written({{"x-ms-content-crc64", "short"}}).check);
}

TEST_CASE("names of metadata are identifiers, and come back as they were given") {
  CHECK(azure_metadata_name("tutti-sha256") == "tutti_sha256");
  CHECK(azure_metadata_name("1st") == "x_1st");
  for (const std::string name : {"a", "a-b", "-a", "a-", "--", "1", "1-2", "x-1", "x-x-1", "x-a",
                                 "x-", "x--1", "x", "x1", "x-x-x-9", "x-x-a-1"}) {
    CAPTURE(name);
    const std::string header = azure_metadata_name(name);
    CHECK_FALSE((header.front() >= '0' && header.front() <= '9'));
    CHECK_FALSE(header.contains('-'));
    CHECK(metadata_name_of_azure(header) == name);
  }
  for (const std::string value : {"", "plain", " edge ", "ü", "=?UTF-8?B?eA==?=", "a =? b", "\t"}) {
    CAPTURE(value);
    const std::string header = azure_metadata_value(value);
    CHECK_FALSE(header.empty());
    CHECK(std::ranges::all_of(header, [](char c) { return c >= ' ' && c <= '~'; }));
    CHECK(metadata_value_of_azure(header) == value);
  }
  CHECK(metadata_value_of_azure("=?UTF-8?B?not!?=") == "=?UTF-8?B?not!?=");
}

TEST_CASE("a user delegation key is asked for and read") {
  const Instant now = start_of(date_of(CivilDate{2026, 2, 28}));
  CHECK(azure_delegation_key_body(now, days(30)) ==
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><KeyInfo><Start>2026-02-28T00:00:00Z</Start>"
        "<Expiry>2026-03-07T00:00:00Z</Expiry></KeyInfo>");
  const auto key = parse_azure_delegation_key(
      "<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid><SignedStart>s"
      "</SignedStart><SignedExpiry>e</SignedExpiry><SignedService>b</SignedService><SignedVersion>"
      "2023-11-03</SignedVersion><Value>QUJD</Value></UserDelegationKey>");
  REQUIRE_OK(key);
  CHECK(key->key == "ABC");
  CHECK(key->tenant_id == "t");
}

Error failed(int status, std::string code, std::string message = {}) {
  return azure_error({.status = status, .code = std::move(code), .message = std::move(message)},
                     "az://c/k");
}

TEST_CASE("failures of Azure say what the caller may do") {
  CHECK(failed(404, "BlobNotFound").code == Code::not_found);
  CHECK(failed(404, "ContainerNotFound").what == "there is no such container");
  CHECK(failed(404, "").what == "there is no such blob");
  CHECK(failed(409, "BlobAlreadyExists").code == Code::conflict);
  CHECK(failed(412, "ConditionNotMet").code == Code::conflict);
  CHECK(failed(412, "SourceConditionNotMet").code == Code::conflict);
  CHECK(failed(304, "ConditionNotMet").code == Code::conflict);
  CHECK(failed(403, "AuthenticationFailed").remedy.contains("clock"));
  CHECK(failed(403, "AuthorizationPermissionMismatch").remedy.contains("role"));
  CHECK(failed(403, "").code == Code::denied);
  CHECK(failed(409, "BlobArchived").code == Code::denied);
  CHECK(failed(409, "BlobArchived").remedy.contains("tutti restore"));
  CHECK(failed(409, "BlobImmutableDueToPolicy").code == Code::denied);
  CHECK(failed(412, "LeaseIdMissing").code == Code::denied);
  CHECK(failed(400, "Md5Mismatch").code == Code::corrupt);
  CHECK(failed(400, "Crc64Mismatch").code == Code::corrupt);
  CHECK(failed(503, "ServerBusy").code == Code::throttled);
  CHECK(failed(429, "").code == Code::throttled);
  CHECK(failed(500, "OperationTimedOut").code == Code::unavailable);
  CHECK(failed(408, "").code == Code::unavailable);
  CHECK(failed(501, "").code == Code::unsupported);
  CHECK(failed(400, "InvalidHeaderValue", "A header is wrong.\nRequestId:1\nTime:2").text() ==
        "az://c/k: Azure says: A header is wrong");
  CHECK(failed(418, "").what == "Azure answered with status 418");
  CHECK(failed(400, "OutOfRangeInput").what == "Azure says OutOfRangeInput");

  const AzureFailure full = parse_azure_failure(
      503, {{"retry-after", "2"}, {"x-ms-request-id", "id"}},
      "\xef\xbb\xbf<?xml version=\"1.0\"?><Error><Code>ServerBusy</Code><Message>Busy.</Message>"
      "</Error>");
  CHECK(full.code == "ServerBusy");
  CHECK(full.message == "Busy.");
  CHECK(full.request_id == "id");
  CHECK(full.retry_after == seconds(2));
  const AzureFailure head =
      parse_azure_failure(404, {{"x-ms-error-code", "BlobNotFound"}}, "");  // a HEAD has no body
  CHECK(head.code == "BlobNotFound");
  CHECK(parse_azure_failure(503, {{"retry-after", "9"}, {"x-ms-retry-after-ms", "250"}}, "")
            .retry_after == milliseconds(250));
  CHECK(!parse_azure_failure(503, {{"x-ms-retry-after-ms", "-1"}}, "<").retry_after);
}

}  // namespace
}  // namespace tutti::cloud::sign
