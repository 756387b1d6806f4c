// SPDX-License-Identifier: Apache-2.0
// Sender: requests to one account, signed, tried again, with errors that name the blob.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cloud/auth/azure.h"
#include "cloud/http/send.h"
#include "rt/retry.h"

namespace tutti::cloud::azure {

// One request, for all its tries.
struct Call {
  sign::Request request = {};  // not signed yet
  std::string where = {};      // the address, for errors
  std::optional<std::string> body = std::nullopt;
  // Instead of `body`, opened for each try; once where that works only once.
  std::function<Task<std::shared_ptr<net::HttpSource>>(rt::Context&)> source = nullptr;
  uint64_t source_bytes = 0;
  bool once = false;
  // It makes something visible, or gone: it matters whether it was carried out.
  bool decisive = false;
  // Of the reply's body: an error that trying again can mend is tried again.
  std::function<Result<Unit>(const std::string&)> accept = nullptr;
};

// How the tries of a call went.
struct Tries {
  bool refreshed = false;  // another token was asked for
  bool uncertain = false;  // one of them may have been carried out although it failed
};

// A service; one loop.
class Sender {
 public:
  Sender(net::HttpClient& client, std::shared_ptr<auth::AzureCredentials> credentials,
         rt::RetryPolicy retry);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  const auth::AzureCredentials& credentials() const { return *credentials_; }

  // Returns with a status of success. Errors: those of sign::azure_error, of the credentials and
  // the network; unknown_outcome where a decisive call may have been carried out.
  Task<http::Incoming> open(rt::Context& ctx, Call call, Tries& tries);
  // The same with the whole reply.
  Task<http::Reply> reply(rt::Context& ctx, Call call, Tries& tries);
  // Where it does not matter how it went.
  Task<http::Reply> reply(rt::Context& ctx, Call call);

 private:
  using CallPtr = std::shared_ptr<const Call>;
  Task<http::Incoming> try_open(rt::Context& ctx, CallPtr call, Tries& tries);
  Task<http::Reply> try_reply(rt::Context& ctx, CallPtr call, Tries& tries);
  Task<http::Outgoing> outgoing(rt::Context& ctx, CallPtr call);
  rt::RetryPolicy policy_of(const Call& call) const;

  net::HttpClient& client_;
  std::shared_ptr<auth::AzureCredentials> credentials_;
  rt::RetryPolicy retry_;
  http::Paces paces_;
};

}  // namespace tutti::cloud::azure
