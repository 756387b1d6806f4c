// SPDX-License-Identifier: Apache-2.0
#include "cloud/wrap/prefixed.h"

#include "cloud/body.h"

namespace tutti::cloud::wrap {
namespace {

class PrefixedStore;

class PrefixedUpload final : public Upload {
 public:
  PrefixedUpload(const PrefixedStore& store, std::unique_ptr<Upload> inner)
      : store_(store), inner_(std::move(inner)) {}
  Task<SentPart> part(rt::Context& ctx, uint32_t number, Body body) override {
    return inner_->part(ctx, number, std::move(body));
  }
  std::string id() const override { return inner_->id(); }
  Task<std::vector<SentPart>> take_over(rt::Context& ctx, std::vector<SentPart> parts) override {
    return inner_->take_over(ctx, std::move(parts));
  }
  void keep() override { inner_->keep(); }
  Task<ObjectMeta> commit(rt::Context& ctx, std::vector<Digest> digests) override;
  Task<Unit> abort(rt::Context& ctx) override { return inner_->abort(ctx); }

 private:
  const PrefixedStore& store_;
  std::unique_ptr<Upload> inner_;
};

class PrefixedStore final : public ObjectStore {
 public:
  PrefixedStore(std::shared_ptr<ObjectStore> inner, std::string prefix, std::string base)
      : inner_(std::move(inner)), prefix_(std::move(prefix)), base_(std::move(base)) {
    can_ = inner_->capabilities();
    can_.key_bytes_max -= std::min(can_.key_bytes_max, prefix_.size());
  }

  Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) override {
    CO_OK(check(key));
    co_return outer(co_await inner_->head(ctx, inside(key), std::move(options)));
  }
  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override {
    CO_OK(check(key));
    auto opened = co_await inner_->get(ctx, inside(key), std::move(options));
    if (!opened.has_value()) {
      co_return fail(renamed(std::move(opened).error()));
    }
    opened->meta.key = outside(opened->meta.key);
    co_return std::move(*opened);
  }
  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override {
    CO_OK(check(key));
    co_return outer(co_await inner_->put(ctx, inside(key), std::move(body), std::move(options)));
  }
  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override {
    CO_OK(check(key));
    auto upload = co_await inner_->begin_upload(ctx, inside(key), std::move(options));
    if (!upload.has_value()) {
      co_return fail(renamed(std::move(upload).error()));
    }
    co_return std::make_unique<PrefixedUpload>(*this, std::move(*upload));
  }
  Task<Page> list(rt::Context& ctx, ListOptions options) override {
    options.prefix = inside(options.prefix);
    if (!options.start_after.text.empty()) {
      options.start_after = inside(options.start_after);
    }
    auto page = co_await inner_->list(ctx, std::move(options));
    if (!page.has_value()) {
      co_return fail(renamed(std::move(page).error()));
    }
    for (ObjectMeta& each : page->objects) {
      each.key = outside(each.key);
    }
    for (Key& each : page->prefixes) {
      each = outside(each);
    }
    co_return std::move(*page);
  }
  Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) override {
    CO_OK(check(key));
    auto removed = co_await inner_->remove(ctx, inside(key), std::move(options));
    co_return removed.has_value() ? removed : fail(renamed(std::move(removed).error()));
  }
  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override {
    CO_OK(check(to));
    if (options.bucket.empty()) {
      CO_OK(check(from));
      from = inside(from);
    }
    co_return outer(
        co_await inner_->copy_within(ctx, std::move(from), inside(to), std::move(options)));
  }
  Task<ObjectMeta> pull(rt::Context& ctx, Key to, PullSource source, PutOptions options) override {
    CO_OK(check(to));
    co_return outer(co_await inner_->pull(ctx, inside(to), std::move(source), std::move(options)));
  }
  const Capabilities& capabilities() const override { return can_; }
  Task<Tags> tags(rt::Context& ctx, Key key) override {
    CO_OK(check(key));
    auto tags = co_await inner_->tags(ctx, inside(key));
    co_return tags.has_value() ? std::move(tags) : fail(renamed(std::move(tags).error()));
  }
  Task<std::string> presign(rt::Context& ctx, Key key, PresignOptions options) override {
    CO_OK(check(key));
    auto url = co_await inner_->presign(ctx, inside(key), std::move(options));
    co_return url.has_value() ? std::move(url) : fail(renamed(std::move(url).error()));
  }

  Task<std::vector<PendingUpload>> uploads(rt::Context& ctx, Key prefix) override {
    auto found = co_await inner_->uploads(ctx, inside(prefix));
    if (!found.has_value()) {
      co_return fail(renamed(std::move(found).error()));
    }
    for (PendingUpload& each : *found) {
      each.key = outside(each.key);
    }
    co_return std::move(*found);
  }
  Task<Unit> abort_upload(rt::Context& ctx, Key key, std::string id) override {
    auto aborted = co_await inner_->abort_upload(ctx, inside(key), std::move(id));
    co_return aborted.has_value() ? aborted : fail(renamed(std::move(aborted).error()));
  }

  Task<Lock> lock(rt::Context& ctx, Key key, LockOptions options) override {
    CO_OK(check(key));
    auto lock = co_await inner_->lock(ctx, inside(key), std::move(options));
    co_return lock.has_value() ? lock : fail(renamed(std::move(lock).error()));
  }
  Task<Unit> set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                           LockOptions options) override {
    CO_OK(check(key));
    auto set = co_await inner_->set_retention(ctx, inside(key), retention, std::move(options));
    co_return set.has_value() ? set : fail(renamed(std::move(set).error()));
  }
  Task<Unit> set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) override {
    CO_OK(check(key));
    auto set = co_await inner_->set_legal_hold(ctx, inside(key), on, std::move(options));
    co_return set.has_value() ? set : fail(renamed(std::move(set).error()));
  }
  Task<Unit> restore(rt::Context& ctx, Key key, RestoreOptions options) override {
    CO_OK(check(key));
    auto asked = co_await inner_->restore(ctx, inside(key), std::move(options));
    co_return asked.has_value() ? asked : fail(renamed(std::move(asked).error()));
  }

  Result<ObjectMeta> outer(Result<ObjectMeta> meta) const {
    if (!meta.has_value()) {
      return fail(renamed(std::move(meta).error()));
    }
    meta->key = outside(meta->key);
    return meta;
  }

 private:
  Result<Unit> check(const Key& key) const {
    auto good = check_key(key, can_.key_bytes_max);
    if (!good.has_value()) {
      good.error().where = base_ + good.error().where;
    }
    return good;
  }
  Key inside(const Key& key) const { return {prefix_ + key.text}; }
  Key outside(const Key& key) const {
    return {key.text.starts_with(prefix_) ? key.text.substr(prefix_.size()) : key.text};
  }
  // Addresses in errors as the user wrote them.
  Error renamed(Error error) const {
    const std::string hidden = base_ + prefix_;
    if (error.where.starts_with(hidden)) {
      error.where = base_ + error.where.substr(hidden.size());
    }
    return error;
  }

  std::shared_ptr<ObjectStore> inner_;
  std::string prefix_;
  std::string base_;
  Capabilities can_;
};

Task<ObjectMeta> PrefixedUpload::commit(rt::Context& ctx, std::vector<Digest> digests) {
  co_return store_.outer(co_await inner_->commit(ctx, std::move(digests)));
}

}  // namespace

std::shared_ptr<ObjectStore> make_prefixed(std::shared_ptr<ObjectStore> inner, std::string prefix,
                                           std::string base) {
  return std::make_shared<PrefixedStore>(std::move(inner), std::move(prefix), std::move(base));
}

}  // namespace tutti::cloud::wrap
