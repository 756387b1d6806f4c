// SPDX-License-Identifier: Apache-2.0
// How servers are asked and files read on the way to a token of Google's. Inside of auth.
#pragma once

#include <filesystem>

#include "cloud/sign/google_auth.h"
#include "net/http.h"
#include "rt/retry.h"

namespace tutti::cloud::auth {

// The metadata server of a machine is a step away, or not there at all.
inline constexpr net::HttpTimeouts metadata_timeouts{
    .connect = seconds(1), .reply = seconds(5), .idle = seconds(5)};
inline constexpr rt::RetryPolicy metadata_policy{.attempts_max = 3, .delay = milliseconds(100)};

// Asked once. No redirect is followed: a key goes nowhere else.
Task<net::HttpResponse> send(rt::Context& ctx, net::HttpClient& client, sign::GoogleCall call,
                             net::HttpTimeouts timeouts = {});

// A whole file of at most 1 MiB, read where blocking reads run.
Task<std::string> read_on(rt::Executor files, std::filesystem::path path);

}  // namespace tutti::cloud::auth
