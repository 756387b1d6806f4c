// SPDX-License-Identifier: Apache-2.0
// Every store this program can open.
#pragma once

#include "cloud/connections.h"
#include "cloud/local/local.h"
#include "net/http.h"

namespace tutti::cloud {

struct StoreServices {
  local::Environment local;
  net::HttpClient& http;
  // The value of a secret of the project; unset: there are none.
  std::function<Result<std::string>(std::string_view name)> secret = {};
};

Openers all_openers(StoreServices services);

}  // namespace tutti::cloud
