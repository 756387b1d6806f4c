// SPDX-License-Identifier: Apache-2.0
// The fast transport: HTTP/1.1 on connections of our own, bodies straight from the kernel into the
// reader's memory and from the source's memory to the kernel. Private to net.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/transport.h"

namespace tutti::net {

std::unique_ptr<Transport> make_fast_transport(rt::Executor loop, rt::Clock& clock,
                                               const HttpClientOptions& options);

// Where this request goes, if this transport is asked for and can carry it: a plain URL, no proxy
// on the way, nothing to decompress. For Sendable::target.
std::optional<HttpTarget> fast_target(const HttpRequest& request);

// ---- pure

// The proxies of the environment that concern `tls` requests, as curl reads them.
struct ProxySettings {
  std::string proxy;     // http_proxy, or https_proxy / HTTPS_PROXY; else all_proxy / ALL_PROXY
  std::string no_proxy;  // no_proxy / NO_PROXY
};
// Whether a request to `host` surely goes past the proxy.
bool goes_past_proxy(const ProxySettings& settings, std::string_view host);

}  // namespace tutti::net
