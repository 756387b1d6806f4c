// SPDX-License-Identifier: Apache-2.0
// Sends what cloud/sign makes to one bucket: signs it, tries again what may mend by itself, and
// corrects what the service tells us is wrong (region, clock, expired credentials).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cloud/auth/aws.h"
#include "cloud/http/send.h"
#include "cloud/s3/chunked_body.h"
#include "cloud/sign/aws_v4.h"
#include "cloud/sign/s3.h"
#include "net/http.h"
#include "rt/retry.h"

namespace tutti::cloud::s3 {

// How the store is given a digest of what is sent, to check the bytes it wrote.
enum class Checksum : uint8_t {
  trailer,  // CRC32C behind the body (or before it where it is known)
  header,   // CRC32C before the body; bytes nobody has digested are read twice
  md5,      // Content-MD5 likewise: for stores that know nothing else
  off,      // none: proof is reading back
};
Result<Checksum> parse_checksum(std::string_view text);

struct Settings {
  std::string endpoint = {};  // host with port of a compatible store; empty: Amazon's of the region
  bool tls = true;
  bool path_style = false;
  std::string region = "us-east-1";  // corrected from what the service says
  bool region_given = true;          // else it is asked for before a URL is signed for others
  Checksum checksum = Checksum::trailer;
  // The bytes are part of the signature. Without TLS nothing else keeps them from being changed.
  bool sign_payload = false;
  sign::Pairs every_request = {};  // headers: requester pays, expected owner
  sign::Pairs writes = {};         // headers of what makes objects: encryption, lock
  sign::Pairs keyed = {};          // headers of whatever touches bytes: keys of the customer
  rt::RetryPolicy retry = {.attempts_max = 6, .throttled_max = http::throttled_max};
  net::HttpTimeouts timeouts = {};
};

// One request, made anew for each try.
struct Call {
  sign::Request request;
  std::optional<std::string> body = std::nullopt;
  std::shared_ptr<net::HttpSource> plain = nullptr;
  std::shared_ptr<ChunkedBody> chunked = nullptr;
  // Carrying it out twice does no harm. Else whoever makes the calls counts them: one whose reply
  // was lost is made again, never sent again behind their back.
  bool repeatable = true;
};

class Client {
 public:
  Client(net::HttpClient& http, std::shared_ptr<auth::AwsSource> credentials, Settings settings,
         std::string bucket);

  const Settings& settings() const { return settings_; }
  const std::string& name() const { return bucket_; }
  sign::S3Bucket bucket() const;  // as requests are made now; of the region known now

  using Make = std::function<Task<Call>(rt::Context&)>;
  // A reply of success, its body still to come. `where` is the address for errors.
  // unknown_outcome: of what is not repeatable, a reply was lost, and no other came.
  Task<http::Incoming> start(rt::Context& ctx, Make make, std::string where);
  // The whole reply, for requests without a stream.
  Task<http::Reply> fetch(rt::Context& ctx, sign::Request request, std::string where,
                          std::optional<std::string> body = std::nullopt);
  // One page of a listing; a page that is broken is asked for again.
  Task<sign::S3Page> list(rt::Context& ctx, sign::S3Listing listing, std::string where);
  // One page of the versions, likewise.
  Task<sign::S3Versions> versions(rt::Context& ctx, sign::Request request, std::string where);
  // One page of the uploads under way, likewise.
  Task<sign::S3Uploads> uploads(rt::Context& ctx, sign::Request request, std::string where);
  // For requests whose reply is S3Written: a failure behind status 200 is one, too, and the whole
  // is asked for again. With the object's version in `version`.
  struct Written {
    sign::S3Written object;
    std::string version;
  };
  Task<Written> write(rt::Context& ctx, sign::Request request, std::string where,
                      std::optional<std::string> body = std::nullopt);
  // A URL by which anybody can send the request for an object.
  Task<std::string> presign(rt::Context& ctx, std::string method, std::string key, Duration valid);

 private:
  Task<http::Incoming> once(rt::Context& ctx, Make make, std::string where, bool* lost);
  template <class T>
  using Parse = std::function<Result<T>(const http::Reply&)>;
  template <class T>
  Task<T> fetch_parsed(rt::Context& ctx, sign::Request request, std::string where,
                       std::optional<std::string> body, Parse<T> parse);
  Task<http::Outgoing> sign(rt::Context& ctx, Call call);
  // What is known of a request that was refused: another may be signed by others meanwhile.
  struct Sent {
    std::optional<sign::AwsCredentials> signed_by;
    int tries = 0;  // before it
  };
  bool correct(rt::Context& ctx, const sign::S3Failure& failure, const Sent& sent);
  bool correct_clock(rt::Context& ctx, const sign::S3Failure& failure, Duration borne);
  Task<Unit> learn_region(rt::Context& ctx);

  net::HttpClient& http_;
  std::shared_ptr<auth::AwsSource> credentials_;
  Settings settings_;
  std::string bucket_;
  http::Paces paces_;
  Duration clock_ahead_ = {};  // of the service's clock before ours
  std::optional<sign::AwsCredentials> signed_by_;
  std::optional<sign::AwsSigner> signer_;
};

}  // namespace tutti::cloud::s3
