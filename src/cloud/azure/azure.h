// SPDX-License-Identifier: Apache-2.0
// Azure Blob Storage. Connection type `azure`: az://CONTAINER/KEY of one account, or with `root`
// one container or a prefix of it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cloud/auth/azure.h"
#include "cloud/connections.h"
#include "cloud/http/pace.h"
#include "net/http.h"
#include "rt/retry.h"

namespace tutti::cloud::azure {

// All of it outlives the stores.
struct Environment {
  net::HttpClient& http;
  BufferPool& buffers;
  rt::Executor cpu;  // digests are computed there
  // The value of a secret of the project; unset: there are none.
  std::function<Result<std::string>(std::string_view name)> secret = {};
  auth::AzureMachine machine = auth::azure_machine();
  rt::RetryPolicy retry = {.attempts_max = 5, .throttled_max = http::throttled_max};
};

// By type. Settings: account, endpoint, root, tier, and as whom: access_key, sas,
// connection_string, client_secret with tenant_id and client_id, or anonymous. The stores of equal
// settings share their credentials.
Openers openers(Environment environment);

}  // namespace tutti::cloud::azure
