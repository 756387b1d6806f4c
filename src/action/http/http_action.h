// SPDX-License-Identifier: Apache-2.0
// http: one request (or a paginated series) to a URL or a connection of type http.
//
// - Success is a status from 200 to 299, or a true `check`, which sees status, headers, body.
// - Replies 429, 502, 503 and 504, and lost connections, are tried again within the attempt, up to
//   four times and with Retry-After up to a minute, where that can do no harm: GET, HEAD, OPTIONS,
//   PUT, DELETE, or an idempotency_key.
// - Any other write whose reply is lost (also 502 and 504, and a cancel or time-out after it left)
//   is an unknown_outcome.
// - `save` streams the reply into an object, which becomes visible when it is whole.
#pragma once

#include <functional>

#include "action/api/action.h"
#include "cloud/connections.h"
#include "net/http.h"

namespace tutti::action {

// True when an attempt of this task that was lost may have done something that must not be done
// twice. `with` as written, templates unrendered: what cannot be known counts as a write.
bool lost_is_unknown(const Value& with);

struct HttpActionOptions {
  cloud::ConnectionTable connections = {};  // of every profile: those of type http are used
  // The value of a secret that a connection names ({secret: NAME}).
  std::function<Result<std::string>(std::string_view name)> secret = {};
};

class HttpAction final : public Action {
 public:
  HttpAction(net::HttpClient& client, const cloud::Connections& stores, cloud::BufferPool& buffers,
             HttpActionOptions options = {});
  const Schema& schema() const override { return schema_; }
  // tidy: allow coroutine, `info` belongs to the caller, who awaits the plan and keeps it
  Task<Preview> plan(rt::Context& ctx, const AttemptInfo& info, Value with) override;
  Task<Outcome> run(rt::Context& ctx, Attempt& attempt, Value with) override;

 private:
  net::HttpClient& client_;
  const cloud::Connections& stores_;
  cloud::BufferPool& buffers_;
  HttpActionOptions options_;
  Schema schema_;
};

}  // namespace tutti::action
