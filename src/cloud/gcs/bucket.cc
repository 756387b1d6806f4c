// SPDX-License-Identifier: Apache-2.0
#include "cloud/gcs/bucket.h"

#include <algorithm>

#include <fmt/format.h>

#include "cloud/gcs/multipart.h"

namespace tutti::cloud::gcs {
namespace {

constexpr int restarts_max = 3;          // of an upload the service has lost
constexpr int copy_steps_max = 100'000;  // of 1 GiB and more each

std::optional<Digest> crc_of(const std::vector<Digest>& digests) {
  const auto at = std::ranges::find(digests, DigestKind::crc32c, &Digest::kind);
  return at == digests.end() ? std::nullopt : std::optional(*at);
}

// Has an object the bytes and what was to stand with them?
bool is_as_meant(const sign::GcsObject& object, const Bucket::Target& target,
                 const Bucket::Whole& whole) {
  const sign::GcsWrite& meant = target.write;
  return object.size == whole.size && crc_of(object.digests) == whole.crc &&
         object.metadata == meant.metadata && object.headers == meant.headers &&
         (meant.content_type.empty() || object.content_type == meant.content_type);
}

// Whether a failure asks for a look at what is there: a service that was asked twice may have done
// it the first time, whatever it said.
bool looks(const Tried& tried) { return tried.maybe_done || tried.times > 1; }

std::string boundary_of(rt::Context& ctx) {
  return fmt::format("{:016x}{:016x}", ctx.random().next(), ctx.random().next());
}

}  // namespace

class Bucket::Cutter {
 public:
  Cutter(std::unique_ptr<http::BodyReader> reader, size_t bytes)
      : reader_(std::move(reader)), bytes_(bytes) {}

  Task<Piece> next(rt::Context& ctx) {
    auto bytes = std::make_shared<std::string>();
    while (bytes->size() < bytes_) {
      if (left_.empty()) {
        CO_TRY(left_, co_await reader_->next(ctx));
        if (left_.empty()) {
          co_return Piece{.bytes = std::move(bytes), .last = true};
        }
      }
      const size_t n = std::min(bytes_ - bytes->size(), left_.size());
      bytes->append(left_.text().substr(0, n));
      left_ = n == left_.size() ? Chunk() : left_.slice(n, left_.size() - n);
    }
    co_return Piece{.bytes = std::move(bytes)};
  }
  // After the last piece.
  const std::vector<Digest>& digests() const { return reader_->digests(); }
  uint64_t size() const { return reader_->bytes(); }

 private:
  std::unique_ptr<http::BodyReader> reader_;
  size_t bytes_;
  Chunk left_;
};

Bucket::Bucket(net::HttpClient& http, StoreOptions options)
    : options_(std::move(options)), client_(http, options_.auth, options_.tls, options_.patience) {}

Call Bucket::call(sign::Request request, std::string_view name) const {
  return {.request = std::move(request), .where = options_.base + std::string(name)};
}

namespace {

sign::Pairs of_generation(std::string generation) {
  return generation.empty() ? sign::Pairs{} : sign::Pairs{{"generation", std::move(generation)}};
}

}  // namespace

Task<sign::GcsObject> Bucket::stat(rt::Context& ctx, std::string name, std::string generation) {
  CO_TRY(const http::Reply reply,
         co_await client_.ask(
             ctx, call(sign::gcs_object_request(options_.service, "GET", options_.bucket, name,
                                                of_generation(std::move(generation))),
                       name)));
  co_return sign::parse_gcs_object(reply.body);
}

Task<sign::GcsPage> Bucket::list(rt::Context& ctx, sign::GcsListing listing) {
  auto reply = co_await client_.ask(
      ctx,
      call(sign::gcs_list_request(options_.service, options_.bucket, listing), listing.prefix));
  if (!reply.has_value()) {
    Error error = std::move(reply).error();
    if (error.code == Code::not_found) {  // not all say of what
      error.what = "there is no such bucket";
    }
    co_return fail(std::move(error));
  }
  co_return sign::parse_gcs_page(reply->body);
}

Task<http::Incoming> Bucket::read(rt::Context& ctx, std::string name, sign::GcsRead read) {
  co_return co_await client_.open(
      ctx, call(sign::gcs_read_request(options_.service, options_.bucket, name, read), name));
}

// ---- writing

Call Bucket::upload_call(const Target& target, std::string_view type) const {
  return call(sign::gcs_upload_request(options_.service, options_.bucket, target.name, type,
                                       target.if_generation),
              target.name);
}

Task<Written> Bucket::write(rt::Context& ctx, Target target, Body body) {
  for (int restart = 1;; ++restart) {
    bool lost = false;
    auto written = co_await write_once(ctx, target, body, &lost);
    if (written.has_value() || !lost || body.one_shot || restart == restarts_max) {
      co_return written;
    }
  }
}

Task<Written> Bucket::write_once(rt::Context& ctx, Target target, Body body, bool* lost) {
  if (!body.one_shot && body.size && *body.size >= options_.chunk_bytes) {
    co_return co_await write_through(ctx, std::move(target), std::move(body), lost);
  }
  CO_TRY(const http::Holding::Place place,
         co_await holding_.enter(ctx, body.size.value_or(options_.chunk_bytes)));
  co_return co_await write_held(ctx, std::move(target), std::move(body), lost);
}

Task<Written> Bucket::write_held(rt::Context& ctx, Target target, Body body, bool* lost) {
  CO_TRY(auto reader, co_await http::BodyReader::open(ctx, std::move(body)));
  Cutter cutter(std::move(reader), options_.chunk_bytes);
  CO_TRY(Piece first, co_await cutter.next(ctx));
  if (first.last) {
    std::string bytes = *first.bytes;
    first.bytes.reset();
    co_return co_await write_in_one(ctx, std::move(target), std::move(bytes), cutter.digests());
  }
  co_return co_await write_in_session(ctx, std::move(target), std::move(first), cutter, lost);
}

Task<Written> Bucket::write_in_one(rt::Context& ctx, Target target, std::string bytes,
                                   std::vector<Digest> digests) {
  const Whole whole{.size = bytes.size(), .crc = digests.front()};
  sign::GcsWrite write = target.write;
  write.digests = digests;
  const sign::GcsMultipart parts = sign::gcs_multipart(write, boundary_of(ctx));
  Call call = upload_call(target, "multipart");
  call.request.headers.emplace_back("content-type", parts.content_type);
  call.body = std::make_shared<const std::string>(parts.head + std::move(bytes) + parts.tail);
  Tried tried;
  auto reply = co_await client_.change(ctx, std::move(call), &tried);
  Result<sign::GcsObject> outcome =
      reply.has_value() ? sign::parse_gcs_object(reply->body) : fail(std::move(reply).error());
  CO_TRY(sign::GcsObject object,
         co_await settle(ctx, std::move(outcome), std::move(target), whole, looks(tried)));
  co_return Written{.object = std::move(object), .digests = std::move(digests)};
}

Task<Written> Bucket::send_all(rt::Context& ctx, Session& session, Target target, Piece first,
                               Cutter& cutter) {
  Piece piece = std::move(first);
  uint64_t offset = 0;
  while (!piece.last) {
    const uint64_t size = piece.bytes->size();
    CO_OK(co_await session.send(ctx, std::move(piece.bytes), offset));
    offset += size;
    CO_TRY(piece, co_await cutter.next(ctx));
  }
  co_return co_await finish_session(
      ctx, session, std::move(target),
      {.bytes = std::move(piece.bytes), .offset = offset, .digests = cutter.digests()});
}

Task<Written> Bucket::write_in_session(rt::Context& ctx, Target target, Piece first, Cutter& cutter,
                                       bool* lost) {
  CO_TRY(const auto session, co_await begin_session(ctx, target));
  auto written = co_await send_all(ctx, *session, std::move(target), std::move(first), cutter);
  if (!written.has_value()) {
    CO_OK(co_await give_up(ctx, *session, lost));
  }
  co_return written;
}

// All but the last bytes in one request, which completes nothing; the last ones with the digests
// of all, which are known only then.
Task<Written> Bucket::send_through(rt::Context& ctx, Session& session, Target target,
                                   std::shared_ptr<Reading> body) {
  CO_TRY(std::string rest, co_await session.send_but_last(ctx, body, 0));
  const uint64_t offset = body->size() - rest.size();
  co_return co_await finish_session(ctx, session, std::move(target),
                                    {.bytes = std::make_shared<const std::string>(std::move(rest)),
                                     .offset = offset,
                                     .digests = body->digests()});
}

Task<Written> Bucket::write_through(rt::Context& ctx, Target target, Body body, bool* lost) {
  CO_TRY(const auto session, co_await begin_session(ctx, target));
  auto written = co_await send_through(ctx, *session, std::move(target),
                                       std::make_shared<Reading>(std::move(body)));
  if (!written.has_value()) {
    CO_OK(co_await give_up(ctx, *session, lost));
  }
  co_return written;
}

Task<Written> Bucket::write_component_once(rt::Context& ctx, Target target, Body body,
                                           Tried* tried) {
  const uint64_t bytes = *body.size;
  CO_TRY(const std::shared_ptr<http::BodyReader> reader,
         co_await http::BodyReader::open(ctx, std::move(body)));
  sign::GcsMultipart around = sign::gcs_multipart(target.write, boundary_of(ctx));
  Call call = upload_call(target, "multipart");
  call.request.headers.emplace_back("content-type", around.content_type);
  call.source = std::make_shared<Multipart>(std::move(around), reader, bytes);
  CO_TRY(const http::Reply reply, co_await client_.change_once(ctx, std::move(call), tried));
  CO_TRY(sign::GcsObject object, sign::parse_gcs_object(reply.body));
  if (reader->digests().empty()) {  // it said so before the body's end
    co_return fail(Code::unavailable, "the store answered before it had all bytes");
  }
  const Whole whole{.size = bytes, .crc = reader->digests().front()};
  CO_TRY(object, co_await proven(ctx, std::move(object), whole));
  co_return Written{.object = std::move(object), .digests = reader->digests()};
}

Task<Written> Bucket::write_component(rt::Context& ctx, Target target, Body body) {
  Tried tried;
  const auto attempt = [this, target, body, &tried](rt::Context& inner) {
    return write_component_once(inner, target, body, &tried);
  };
  co_return co_await rt::retry(ctx, client_.patience(), attempt);
}

Task<std::unique_ptr<Session>> Bucket::begin_session(rt::Context& ctx, Target target) {
  Call start = upload_call(target, "resumable");
  start.request.headers.emplace_back("content-type", "application/json; charset=UTF-8");
  start.body = std::make_shared<const std::string>(to_json(sign::gcs_resource(target.write)));
  co_return co_await Session::begin(ctx, client_, std::move(start));
}

Task<std::unique_ptr<Session>> Bucket::resume_session(rt::Context& ctx, std::string name,
                                                      std::string url) {
  co_return co_await Session::resume(ctx, client_, std::move(url), options_.base + name);
}

Task<Written> Bucket::finish_session(rt::Context& ctx, Session& session, Target target, Last last) {
  const Whole whole{.size = last.offset + last.bytes->size(), .crc = last.digests.front()};
  auto sent = co_await session.finish(ctx, std::move(last.bytes), last.offset, last.digests);
  if (!sent.has_value() && !session.maybe_done()) {
    co_return fail(std::move(sent).error());
  }
  CO_TRY(sign::GcsObject object,
         co_await settle(ctx, std::move(sent), std::move(target), whole, session.maybe_done()));
  co_return Written{.object = std::move(object), .digests = std::move(last.digests)};
}

Task<Unit> Bucket::give_up(rt::Context& ctx, Session& session, bool* lost) {
  *lost = session.lost() && !session.maybe_done();
  if (!session.lost() && !session.maybe_done()) {
    rt::Context patient = ctx.uncancellable().with_timeout(seconds(5));
    std::ignore = co_await session.abandon(patient);
  }
  co_return Unit{};
}

// The end of a write. After a lost reply a conflict may be with our own object: then it is there
// as it was meant, and that is what was asked for.
Task<sign::GcsObject> Bucket::settle(rt::Context& ctx, Result<sign::GcsObject> outcome,
                                     Target target, Whole whole, bool look) {
  if (outcome.has_value()) {
    co_return co_await proven(ctx, std::move(*outcome), whole);
  }
  if (look && ctx.check().has_value()) {
    auto there = co_await stat(ctx, target.name);
    if (there.has_value() && is_as_meant(*there, target, whole)) {
      co_return *there;
    }
  }
  co_return fail(std::move(outcome).error());
}

// The service has compared the digests before; that it answers with other ones should not happen.
Task<sign::GcsObject> Bucket::proven(rt::Context& ctx, sign::GcsObject object, Whole whole) {
  const auto crc = crc_of(object.digests);
  if (object.size == whole.size && (!crc || *crc == whole.crc)) {
    co_return object;
  }
  std::ignore = co_await remove(ctx, object.key, object.generation);
  co_return fail(Error{.code = Code::corrupt,
                       .what = fmt::format("{} bytes with {} were sent, the store has {}{}",
                                           whole.size, to_text(whole.crc), object.size,
                                           crc ? " with " + to_text(*crc) : std::string()),
                       .where = options_.base + object.key,
                       .remedy = "what was written has been removed; try again"});
}

Task<sign::GcsObject> Bucket::compose(rt::Context& ctx, Target target,
                                      std::vector<sign::GcsComponent> components, Whole expected) {
  Call composing = call(sign::gcs_compose_request(options_.service, options_.bucket, target.name,
                                                  target.if_generation),
                        target.name);
  composing.request.headers.emplace_back("content-type", "application/json; charset=UTF-8");
  composing.body =
      std::make_shared<const std::string>(sign::gcs_compose_body(components, target.write));
  Tried tried;
  auto reply = co_await client_.change(ctx, std::move(composing), &tried);
  Result<sign::GcsObject> outcome =
      reply.has_value() ? sign::parse_gcs_object(reply->body) : fail(std::move(reply).error());
  co_return co_await settle(ctx, std::move(outcome), std::move(target), expected, looks(tried));
}

Task<sign::GcsObject> Bucket::copy(rt::Context& ctx, std::string from_bucket,
                                   sign::GcsObject source, Target target, bool anew) {
  sign::GcsRewrite rewrite{.from_bucket = std::move(from_bucket),
                           .from_key = source.key,
                           .from_generation = source.live ? std::string() : source.generation,
                           .if_from_generation = source.generation,
                           .to_bucket = options_.bucket,
                           .to_key = target.name,
                           .if_generation = target.if_generation};
  Value resource = sign::gcs_resource(target.write);
  if (target.write.metadata.empty()) {
    resource.edit_map().set("metadata", ValueMap{});  // none, not that of the source
  }
  const auto body = std::make_shared<const std::string>(anew ? to_json(resource) : std::string());
  const Whole whole{.size = source.size, .crc = crc_of(source.digests).value_or(Digest{})};
  Tried tried;
  for (int step = 0; step < copy_steps_max; ++step) {
    Call copying = call(sign::gcs_rewrite_request(options_.service, rewrite), target.name);
    if (anew) {
      copying.request.headers.emplace_back("content-type", "application/json; charset=UTF-8");
    }
    copying.body = body;
    auto reply = co_await client_.change(ctx, std::move(copying), &tried);
    if (!reply.has_value()) {
      co_return co_await settle(ctx, fail(std::move(reply).error()), std::move(target), whole,
                                looks(tried));
    }
    CO_TRY(sign::GcsRewritten done, sign::parse_gcs_rewritten(reply->body));
    if (done.done) {
      co_return *std::move(done.written);
    }
    rewrite.token = std::move(done.token);
  }
  co_return fail(Error{.code = Code::unavailable,
                       .what = "the copy inside of the store does not come to an end",
                       .where = options_.base + target.name});
}

// False: there is nothing to remove.
Task<bool> Bucket::try_remove(rt::Context& ctx, std::string name, sign::Pairs query, Tried* tried) {
  auto reply = co_await client_.change(
      ctx,
      call(sign::gcs_object_request(options_.service, "DELETE", options_.bucket, name,
                                    std::move(query)),
           name),
      tried);
  if (reply.has_value() || reply.error().provider_code == "notFound") {
    co_return reply.has_value();
  }
  co_return fail(std::move(reply).error());
}

Task<Unit> Bucket::remove(rt::Context& ctx, std::string name, std::string if_generation) {
  sign::Pairs query;
  if (!if_generation.empty()) {
    query.emplace_back("ifGenerationMatch", if_generation);
  }
  Tried tried;
  CO_TRY(const bool removed, co_await try_remove(ctx, name, std::move(query), &tried));
  if (removed || if_generation.empty() || tried.maybe_done) {
    co_return Unit{};  // by us, or by somebody: it is gone
  }
  co_return fail(Error{.code = Code::conflict,
                       .what = "the object to remove is gone",
                       .where = options_.base + name,
                       .provider_code = "notFound"});
}

Task<Unit> Bucket::remove_version(rt::Context& ctx, std::string name, std::string generation) {
  Tried tried;
  CO_OK(co_await try_remove(ctx, std::move(name), of_generation(std::move(generation)), &tried));
  co_return Unit{};
}

Task<Unit> Bucket::change(rt::Context& ctx, std::string name, Change change) {
  sign::Pairs query = of_generation(std::move(change.generation));
  if (change.override_unlocked) {
    query.emplace_back("overrideUnlockedRetention", "true");
  }
  Call changing = call(
      sign::gcs_object_request(options_.service, "PATCH", options_.bucket, name, std::move(query)),
      name);
  changing.request.headers.emplace_back("content-type", "application/json; charset=UTF-8");
  changing.body = std::make_shared<const std::string>(std::move(change.body));
  // Set twice it is the same.
  CO_OK(co_await client_.ask(ctx, std::move(changing)));
  co_return Unit{};
}

// ---- the bucket itself

Task<Unit> Bucket::create(rt::Context& ctx) {
  std::string project = options_.project;
  if (project.empty() && options_.auth != nullptr) {
    CO_TRY(project, co_await options_.auth->project(ctx));
    if (project.empty()) {
      co_return fail(Error{.code = Code::bad_input,
                           .what = "a new bucket belongs to a project, and none is named",
                           .where = options_.base,
                           .remedy = "set the connection's project"});
    }
  }
  Call creating = call(sign::gcs_create_bucket_request(options_.service, project), "");
  creating.request.headers.emplace_back("content-type", "application/json; charset=UTF-8");
  creating.body =
      std::make_shared<const std::string>(sign::gcs_bucket_resource(options_.bucket, "", ""));
  Tried tried;
  CO_TRY(const http::Reply reply, co_await client_.change(ctx, std::move(creating), &tried));
  co_return Unit{};
}

Task<Unit> Bucket::remove(rt::Context& ctx) {
  Tried tried;
  auto reply = co_await client_.change(
      ctx, call(sign::gcs_bucket_request(options_.service, "DELETE", options_.bucket), ""), &tried);
  if (!reply.has_value() && !(tried.maybe_done && reply.error().provider_code == "notFound")) {
    co_return fail(std::move(reply).error());
  }
  co_return Unit{};
}

Task<std::string> Bucket::presign(rt::Context& ctx, std::string method, std::string name,
                                  Duration valid) {
  sign::Request request =
      sign::gcs_url_request(options_.service, std::move(method), options_.bucket, name);
  if (options_.auth != nullptr) {
    CO_TRY(request, co_await options_.auth->presign(ctx, std::move(request), valid));
  }
  co_return http::url_of({.tls = options_.tls, .request = std::move(request)});
}

}  // namespace tutti::cloud::gcs
