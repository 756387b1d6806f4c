// SPDX-License-Identifier: Apache-2.0
#include "cloud/auth/google_io.h"

#include "rt/file.h"
#include "rt/scope.h"

namespace tutti::cloud::auth {

constexpr size_t bytes_max = 1U << 20U;

Task<net::HttpResponse> send(rt::Context& ctx, net::HttpClient& client, sign::GoogleCall call,
                             net::HttpTimeouts timeouts) {
  net::HttpRequest request{.method = call.method,
                           .url = std::move(call.url),
                           .timeouts = timeouts,
                           .redirects_max = 0,
                           .repeatable = true};
  if (!call.body.empty()) {
    request.body = std::move(call.body);
  }
  for (auto& [name, value] : call.headers) {
    request.headers.push_back({std::move(name), std::move(value)});
  }
  return client.fetch(ctx, std::move(request), bytes_max);
}

Task<std::string> read_on(rt::Executor files, std::filesystem::path path) {
  const auto load = [path = std::move(path)] {
    return rt::read_file(path, {.bytes_max = bytes_max});
  };
  co_return co_await rt::offload(std::move(files), load);
}

}  // namespace tutti::cloud::auth
