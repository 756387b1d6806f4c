// SPDX-License-Identifier: Apache-2.0
#include "cloud/s3/client.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/digest.h"

namespace tutti::cloud::s3 {
namespace {

constexpr int corrections_max = 3;  // region, clock and credentials can all be wrong
constexpr std::string_view amazon = "amazonaws.com";

// Between machines a clock is never quite right; below this it is not what was refused.
constexpr Duration skew_min = minutes(1);
constexpr Duration skew_borne = minutes(14);  // S3 refuses from 15 on

Duration magnitude(Duration d) { return d.us < 0 ? Duration{-d.us} : d; }

}  // namespace

Result<Checksum> parse_checksum(std::string_view text) {
  constexpr std::pair<std::string_view, Checksum> known[] = {{"trailer", Checksum::trailer},
                                                             {"header", Checksum::header},
                                                             {"md5", Checksum::md5},
                                                             {"off", Checksum::off}};
  for (const auto& [name, checksum] : known) {
    if (name == text) {
      return checksum;
    }
  }
  return fail(Code::bad_input, fmt::format("'{}' is no way to check bytes", text),
              "checksum is one of trailer, header, md5, off");
}

Client::Client(net::HttpClient& http, std::shared_ptr<auth::AwsSource> credentials,
               Settings settings, std::string bucket)
    : http_(http),
      credentials_(std::move(credentials)),
      settings_(std::move(settings)),
      bucket_(std::move(bucket)) {}

sign::S3Bucket Client::bucket() const {
  if (!settings_.endpoint.empty()) {
    return {.host = settings_.endpoint, .bucket = bucket_, .path_style = settings_.path_style};
  }
  const std::string_view partition = settings_.region.starts_with("cn-") ? ".cn" : "";
  // A dot in the bucket's name would not match the certificate of the host.
  return {.host = fmt::format("s3.{}.{}{}", settings_.region, amazon, partition),
          .bucket = bucket_,
          .path_style = settings_.path_style || bucket_.contains('.')};
}

Task<http::Outgoing> Client::sign(rt::Context& ctx, Call call) {
  for (const auto& [name, value] : settings_.every_request) {
    sign::set_value(call.request.headers, name, value);
  }
  http::Outgoing out{.tls = settings_.tls,
                     .timeouts = settings_.timeouts,
                     .repeatable = call.repeatable,
                     .paces = &paces_};
  CO_TRY(const auto credentials, co_await credentials_->get(ctx));
  if (credentials && (!signer_ || !signed_by_ || *signed_by_ != *credentials ||
                      signer_->region() != settings_.region)) {
    signed_by_ = credentials;
    signer_.emplace(*credentials, settings_.region);
  }
  const Instant now = ctx.clock().wall() + clock_ahead_;
  if (credentials && call.chunked != nullptr && call.chunked->wants_signature()) {
    call.chunked->sign_with(signer_->sign_chunked(call.request, now, sign::signed_chunks_trailer));
  } else if (credentials) {
    std::string payload(sign::unsigned_payload);
    if (call.chunked != nullptr) {
      payload = sign::unsigned_chunks;
    } else if (call.plain == nullptr && (settings_.sign_payload || !call.body)) {
      payload = hex(sha256(call.body.value_or("")));
    }
    signer_->sign(call.request, now, payload);
  } else if (call.chunked != nullptr) {
    sign::set_value(call.request.headers, "x-amz-content-sha256",
                    std::string(sign::unsigned_chunks));
  }
  out.request = std::move(call.request);
  out.body = std::move(call.body);
  out.source = call.chunked != nullptr ? std::shared_ptr<net::HttpSource>(call.chunked)
                                       : std::move(call.plain);
  co_return out;
}

bool Client::correct_clock(rt::Context& ctx, const sign::S3Failure& failure, Duration borne) {
  if (!failure.server_time) {
    return false;
  }
  const Duration ahead = *failure.server_time - ctx.clock().wall();
  const bool wrong = magnitude(ahead - clock_ahead_) > borne;
  clock_ahead_ = wrong ? ahead : clock_ahead_;
  return wrong;
}

// Whether sending the request again, with what the failure taught, may succeed.
bool Client::correct(rt::Context& ctx, const sign::S3Failure& failure, const Sent& sent) {
  const bool elsewhere = failure.status == 301 || failure.status == 307 || failure.status == 400 ||
                         failure.status == 403;
  if (elsewhere && !failure.region.empty() && failure.region != settings_.region) {
    settings_.region = failure.region;
    return true;
  }
  const bool silent = failure.silent && sent.tries == 0;
  if (sent.signed_by && (failure.code == "ExpiredToken" || (silent && failure.status == 400))) {
    credentials_->expired(*sent.signed_by);
    return true;
  }
  if (silent && failure.status == 403) {
    return correct_clock(ctx, failure, skew_borne);
  }
  return failure.code == "RequestTimeTooSkewed" && correct_clock(ctx, failure, skew_min);
}

Task<http::Incoming> Client::once(rt::Context& ctx, Make make, std::string where, bool* lost) {
  for (int corrections = 0;; ++corrections) {
    CO_TRY(Call call, co_await make(ctx));
    CO_TRY(http::Outgoing out, co_await sign(ctx, std::move(call)));
    const Sent sent{.signed_by = signed_by_, .tries = corrections};
    auto incoming = co_await http::start(ctx, http_, std::move(out));
    if (!incoming.has_value()) {
      Error error = std::move(incoming).error();
      error.what =
          error.where.empty() ? error.what : fmt::format("{} ({})", error.what, bucket().host);
      error.where = where;
      if (error.code == Code::unknown_outcome) {
        *lost = true;
        error.code = Code::unavailable;  // made again; start() has the last word
      }
      co_return fail(std::move(error));
    }
    if (incoming->status / 100 == 2) {
      co_return std::move(*incoming);
    }
    CO_TRY(const std::string body, co_await http::read_failure(ctx, *incoming->exchange));
    const auto failure = sign::parse_s3_failure(incoming->status, incoming->headers, body);
    if (corrections == corrections_max || !correct(ctx, failure, sent)) {
      co_return fail(sign::s3_error(failure, std::move(where)));
    }
  }
}

Task<http::Incoming> Client::start(rt::Context& ctx, Make make, std::string where) {
  bool lost = false;
  auto incoming = co_await rt::retry(
      ctx, settings_.retry, [&](rt::Context& inner) { return once(inner, make, where, &lost); });
  if (!incoming.has_value() && lost && is_retryable(incoming.error().code)) {
    incoming.error().code = Code::unknown_outcome;
    incoming.error().remedy = "look whether it was done before trying again";
  }
  co_return incoming;
}

namespace {

Task<Call> same_again(sign::Request request, std::optional<std::string> body) {
  co_return Call{.request = std::move(request), .body = std::move(body)};
}

}  // namespace

Task<http::Reply> Client::fetch(rt::Context& ctx, sign::Request request, std::string where,
                                std::optional<std::string> body) {
  const auto make = [&](rt::Context&) {
    sign::Request now = request;
    // The region, and with it the host, may have been corrected.
    now.host = sign::s3_request(bucket(), request.method).host;
    return same_again(std::move(now), body);
  };
  CO_TRY(http::Incoming incoming, co_await start(ctx, make, where));
  auto reply = co_await http::read_reply(ctx, std::move(incoming));
  if (!reply.has_value()) {
    Error error = std::move(reply).error();
    error.where = std::move(where);
    co_return fail(std::move(error));
  }
  co_return std::move(*reply);
}

// A reply that came and is broken: the whole is asked for again.
template <class T>
Task<T> Client::fetch_parsed(rt::Context& ctx, sign::Request request, std::string where,
                             std::optional<std::string> body, Parse<T> parse) {
  constexpr int replies_max = 3;
  for (int attempt = 1;; ++attempt) {
    CO_TRY(const http::Reply reply, co_await fetch(ctx, request, where, body));
    Result<T> parsed = parse(reply);
    if (parsed.has_value()) {
      co_return parsed;
    }
    Error error = std::move(parsed).error();
    error.where = where;
    if (!is_retryable(error.code) || attempt == replies_max) {
      co_return fail(std::move(error));
    }
    CO_OK(co_await rt::delay(ctx, rt::retry_delay(settings_.retry, attempt, error, ctx.random())));
  }
}

Task<sign::S3Page> Client::list(rt::Context& ctx, sign::S3Listing listing, std::string where) {
  co_return co_await fetch_parsed<sign::S3Page>(
      ctx, sign::s3_list_request(bucket(), listing), std::move(where), std::nullopt,
      [](const http::Reply& reply) { return sign::parse_s3_page(reply.body); });
}

Task<sign::S3Versions> Client::versions(rt::Context& ctx, sign::Request request,
                                        std::string where) {
  co_return co_await fetch_parsed<sign::S3Versions>(
      ctx, std::move(request), std::move(where), std::nullopt,
      [](const http::Reply& reply) { return sign::parse_s3_versions(reply.body); });
}

Task<sign::S3Uploads> Client::uploads(rt::Context& ctx, sign::Request request, std::string where) {
  co_return co_await fetch_parsed<sign::S3Uploads>(
      ctx, std::move(request), std::move(where), std::nullopt,
      [](const http::Reply& reply) { return sign::parse_s3_uploads(reply.body); });
}

Task<Client::Written> Client::write(rt::Context& ctx, sign::Request request, std::string where,
                                    std::optional<std::string> body) {
  co_return co_await fetch_parsed<Written>(
      ctx, std::move(request), std::move(where), std::move(body),
      [](const http::Reply& reply) -> Result<Written> {
        TRY(sign::S3Written object, sign::parse_s3_written(reply.body));
        const std::string* version = sign::find_value(reply.headers, "x-amz-version-id");
        return Written{.object = std::move(object),
                       .version = version == nullptr || *version == "null" ? "" : *version};
      });
}

// Any reply says where the bucket is, that to a forbidden request too.
Task<Unit> Client::learn_region(rt::Context& ctx) {
  if (!settings_.region_given) {
    rt::Context hurried = ctx.with_timeout(seconds(10));
    std::ignore = co_await fetch(hurried, sign::s3_request(bucket(), "HEAD"), bucket_);
    settings_.region_given = true;
  }
  co_return ctx.check();
}

Task<std::string> Client::presign(rt::Context& ctx, std::string method, std::string key,
                                  Duration valid) {
  CO_TRY(const auto credentials, co_await credentials_->get(ctx));
  if (credentials) {
    CO_OK(co_await learn_region(ctx));
  }
  sign::Request request = sign::s3_object_request(bucket(), std::move(method), std::move(key));
  if (credentials) {
    // Whoever has the URL sends no headers: who pays is part of it.
    std::ranges::copy(settings_.every_request, std::back_inserter(request.query));
    sign::AwsSigner signer(*credentials, settings_.region);
    signer.presign(request, ctx.clock().wall() + clock_ahead_, valid);
  }
  co_return http::url_of({.tls = settings_.tls, .request = std::move(request)});
}

}  // namespace tutti::cloud::s3
