// SPDX-License-Identifier: Apache-2.0
// Client: sends calls to the service with a token, tries again, and says what failures mean. A
// service; shared by what still reads; one loop.
#pragma once

#include <memory>
#include <string>

#include "cloud/auth/google.h"
#include "cloud/http/send.h"
#include "cloud/sign/gcs.h"
#include "rt/retry.h"

namespace tutti::cloud::gcs {

struct Call {
  sign::Request request = {};
  std::shared_ptr<const std::string> body = nullptr;
  std::shared_ptr<net::HttpSource> source = nullptr;  // instead of `body`; for one try only
  std::string where = {};                             // the object's or bucket's address
  bool session = false;  // the URL is a permission by itself; no token goes with it
};

// What is known of a change that was asked for several times.
struct Tried {
  int times = 0;
  bool maybe_done = false;  // one of them left, and no clear answer came
};

class Client {
 public:
  Client(net::HttpClient& http, std::shared_ptr<auth::GoogleAuth> auth, bool tls,
         rt::RetryPolicy patience)
      : http_(http), auth_(std::move(auth)), tls_(tls), patience_(patience) {}

  bool tls() const { return tls_; }
  const rt::RetryPolicy& patience() const { return patience_; }

  // Asks until there is an answer. Statuses other than 2xx are errors.
  Task<http::Reply> ask(rt::Context& ctx, Call call);
  // The same of a read, with the body still to come.
  Task<http::Incoming> open(rt::Context& ctx, Call call);
  // The same of a change. Where it fails, but may have been done, the error is unknown_outcome; a
  // conflict is left as it is, for the caller to look whether it is with itself.
  Task<http::Reply> change(rt::Context& ctx, Call call, Tried* tried);
  // One try of change(): for a body that is opened anew for each. Errors that ask for another are
  // retryable.
  Task<http::Reply> change_once(rt::Context& ctx, Call call, Tried* tried);
  // Once, and any status: for sessions, which have their own way to go on.
  Task<http::Reply> once(rt::Context& ctx, Call call);

 private:
  Task<http::Incoming> start(rt::Context& ctx, Call call, bool repeatable);
  Task<http::Incoming> open_once(rt::Context& ctx, Call call);
  Task<http::Reply> ask_once(rt::Context& ctx, Call call);

  net::HttpClient& http_;
  std::shared_ptr<auth::GoogleAuth> auth_;
  bool tls_;
  rt::RetryPolicy patience_;
  http::Paces paces_;
};

Error failure_of(const http::Reply& reply, std::string where);

}  // namespace tutti::cloud::gcs
