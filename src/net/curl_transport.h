// SPDX-License-Identifier: Apache-2.0
// The transport that does everything: libcurl's multi handle on the loop. Private to net.
#pragma once

#include <memory>

#include "net/transport.h"

namespace tutti::net {

std::unique_ptr<Transport> make_curl_transport(rt::Executor loop, rt::Clock& clock,
                                               const HttpClientOptions& options);

}  // namespace tutti::net
