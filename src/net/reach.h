// SPDX-License-Identifier: Apache-2.0
// How far a service can be reached, step by step: its name, a connection, TLS, any answer at all.
// For diagnoses; data goes through HttpClient, which sees the same certificates and proxies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/time.h"

namespace tutti::net {

enum class Stage : uint8_t { name, connection, tls, answer, done };

struct Reach {
  Stage stage = Stage::name;  // the one that failed, or done
  std::string address = {};   // IP:PORT of who was connected to: the service, or the proxy
  bool proxy = false;
  bool tls = false;
  int status = 0;  // of the answer; any will do
  std::optional<Instant> server_time = std::nullopt;
  std::optional<Error> error = std::nullopt;  // with the remedy; none: done
};

// Asks with one HEAD. Blocks, at most some 15 seconds: call it where blocking calls run.
Reach reach(const std::string& url);

// ---- pure

// The step a failure of libcurl belongs to, by its number and how far it came.
struct Progress {
  bool resolved = false;
  bool connected = false;
  bool tls = false;      // is asked for
  bool secured = false;  // TLS was agreed
};
Stage stage_of(int curl_code, const Progress& progress);

}  // namespace tutti::net
