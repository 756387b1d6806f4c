// SPDX-License-Identifier: Apache-2.0
#include "xfer/inside.h"

#include <tuple>

#include <fmt/format.h>

namespace tutti::xfer {
namespace {

using cloud::Key;
using cloud::Located;
using cloud::ObjectMeta;

bool is_same_root(const Located& one, const Located& other) {
  return cloud::same_bucket(one, other) && one.root == other.root;
}

bool is_same_service(const Located& one, const Located& other) {
  const auto place = [](const ObjectRef& ref) {
    return std::tie(ref.provider, ref.endpoint, ref.account);
  };
  return place(one.ref) == place(other.ref);
}

}  // namespace

bool stays_inside(const Run& run, const Job& job) {
  const cloud::Capabilities& can = job.to->store->capabilities();
  const Located& from = run.request.from;
  return (is_same_root(from, *job.to) && can.far) ||
         (is_same_service(from, *job.to) && can.copies_between);
}

bool may_pass_through(const Run& run, const Job& job, Code code) {
  // Two connections may ask for one bucket as different people, with different keys.
  const bool is_same =
      is_same_root(run.request.from, *job.to) && run.request.from.store == job.to->store;
  return !is_same && (code == Code::denied || code == Code::not_found ||
                      code == Code::unsupported || code == Code::bad_input);
}

Task<Entry> copy_inside(rt::Context& ctx, Run& run, Job job, std::optional<ObjectMeta> existing) {
  CO_OK(co_await know_source(ctx, run, job));
  CO_TRY(const cloud::Tags tags, co_await tags_of(ctx, run, job.source.key));
  cloud::PutOptions put = put_options(run, job, tags, existing);
  cloud::CopyOptions options = copy_inside_options(job.source, std::move(put), job.lost);
  Key from = job.source.key;
  if (!is_same_root(run.request.from, *job.to)) {
    from.text = run.request.from.root + from.text;
    options.bucket = run.request.from.ref.bucket;
    options.source = job.source;
  }
  CO_TRY(ObjectMeta written,
         co_await job.to->store->copy_within(ctx, std::move(from), job.key, std::move(options)));
  if (written.digests.empty()) {
    CO_TRY(written, co_await job.to->store->head(ctx, job.key));
  }
  if (written.size != job.source.size) {
    co_return fail(Code::corrupt,
                   fmt::format("the service copied {} of {} bytes", written.size, job.source.size));
  }
  CO_OK(check_source(written.digests, job.source.digests));
  Entry entry = entry_of(ctx, run, job);
  entry.digests = job.source.digests;
  entry.digests_from_store = true;
  const bool common = store_proves(*job.to, written, {.digests = job.source.digests});
  const Verification& verify = run.request.verify;
  if (verify.policy != Verify::none && (!common || verify.reads_back(job.key.text, written.etag))) {
    CO_TRY(entry, co_await compare_bytes(ctx, run, job, written.etag));
  } else {
    entry.proof = common ? Proof::store : Proof::size;
  }
  entry.route = Route::inside;
  entry.to.etag = written.etag;
  entry.to.version = written.version;
  entry.done = existing ? Done::replaced : Done::written;
  entry.class_kept = !job.to->store->capabilities().storage_classes.empty();
  co_return entry;
}

}  // namespace tutti::xfer
