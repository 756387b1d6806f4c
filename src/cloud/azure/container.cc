// SPDX-License-Identifier: Apache-2.0
// The container itself, and URLs that others may use.
#include <fmt/format.h>

#include "cloud/azure/store.h"

namespace tutti::cloud::azure {
namespace {

using BlobsPtr = std::shared_ptr<Blobs>;

Call container_call(Blobs& blobs, std::string method) {
  const bool put = method == "PUT";
  return {.request = sign::azure_container_request(blobs.place().container, std::move(method)),
          .where = blobs.place().base,
          .body = put ? std::optional<std::string>("") : std::nullopt,
          .decisive = true};
}

// An Entra identity has no key of the account: the service gives it one that is good for a while.
Task<sign::AzureDelegationKey> delegation_key(rt::Context& ctx, BlobsPtr blobs, Duration valid) {
  sign::Request request = sign::azure_delegation_key_request(blobs->place().container);
  request.headers.emplace_back("content-type", "application/xml");
  auto key = std::make_shared<sign::AzureDelegationKey>();
  CO_OK(co_await blobs->sender().reply(
      ctx, {.request = std::move(request),
            .where = blobs->place().base,
            .body = sign::azure_delegation_key_body(ctx.clock().wall(), valid),
            .accept = [key](const std::string& body) -> Result<Unit> {
              TRY(*key, sign::parse_azure_delegation_key(body));
              return Unit{};
            }}));
  co_return *key;
}

}  // namespace

Task<Unit> create_container(rt::Context& ctx, BlobsPtr blobs) {
  Tries tries;
  auto reply = co_await blobs->sender().reply(ctx, container_call(*blobs, "PUT"), tries);
  const bool there = !reply.has_value() && reply.error().provider_code == "ContainerAlreadyExists";
  if (reply.has_value() || (there && tries.uncertain)) {
    co_return Unit{};
  }
  co_return fail(std::move(reply).error());
}

// Azure removes a container with all that is in it: it is looked into first.
Task<Unit> remove_container(rt::Context& ctx, BlobsPtr blobs, ObjectStore& store) {
  CO_TRY(const Page page, co_await store.list(ctx, {.limit = 1}));
  if (!page.objects.empty()) {
    co_return fail(Error{.code = Code::conflict,
                         .what = "the container is not empty",
                         .where = blobs->place().base,
                         .remedy = "remove what is in it first"});
  }
  Tries tries;
  auto reply = co_await blobs->sender().reply(ctx, container_call(*blobs, "DELETE"), tries);
  const bool gone = !reply.has_value() && reply.error().provider_code == "ContainerNotFound";
  if (reply.has_value() || (gone && tries.uncertain)) {
    co_return Unit{};
  }
  co_return fail(std::move(reply).error());
}

Task<std::string> presign_blob(rt::Context& ctx, BlobsPtr blobs, Key key, PresignOptions options) {
  const bool read = options.method == "GET";
  if ((!read && options.method != "PUT") || options.valid <= Duration{0} ||
      options.valid > days(7)) {
    co_return fail(
        blobs->at(key, {.code = Code::bad_input,
                        .what = "a URL is signed for GET or PUT, for at most seven days"}));
  }
  const sign::AzureContainer& container = blobs->place().container;
  const auth::AzureAccess& access = blobs->sender().credentials().access();
  if (access.sas || access.anonymous) {
    co_return fail(blobs->at(key, {.code = Code::unsupported,
                                   .what = "a URL cannot be signed with a SAS",
                                   .remedy = "use the account's key or an Entra identity"}));
  }
  const sign::AzureResource resource{.container = container.container, .blob = key.text};
  const sign::AzureSas sas{.permissions = read ? "r" : "cw",
                           .expiry = ctx.clock().wall() + options.valid,
                           .https_only = access.endpoint.tls};
  sign::Pairs query;
  if (access.key) {
    query = sign::azure_service_sas(*access.key, resource, sas);
  } else {
    CO_TRY(const auto with, co_await delegation_key(ctx, blobs, options.valid));
    query = sign::azure_delegation_sas(access.account, with, resource, sas);
  }
  co_return sign::azure_url(container, access.endpoint.tls, key.text, query);
}

}  // namespace tutti::cloud::azure
