// SPDX-License-Identifier: Apache-2.0
#include "cloud/wrap/pinned.h"

namespace tutti::cloud::wrap {
namespace {

class PinnedStore final : public ObjectStore {
 public:
  PinnedStore(std::shared_ptr<ObjectStore> inner, Key key, std::string version)
      : inner_(std::move(inner)), key_(std::move(key)), version_(std::move(version)) {}

  Task<ObjectMeta> head(rt::Context& ctx, Key key, HeadOptions options) override {
    const bool pinned = pin(key, options.version);
    CO_TRY(ObjectMeta meta, co_await inner_->head(ctx, std::move(key), std::move(options)));
    co_return pinned ? described(std::move(meta)) : std::move(meta);
  }
  Task<Opened> get(rt::Context& ctx, Key key, GetOptions options) override {
    const bool pinned = pin(key, options.version);
    CO_TRY(Opened opened, co_await inner_->get(ctx, std::move(key), std::move(options)));
    if (pinned) {
      opened.meta = described(std::move(opened.meta));
    }
    co_return opened;
  }
  Task<ObjectMeta> put(rt::Context& ctx, Key key, Body body, PutOptions options) override {
    return inner_->put(ctx, std::move(key), std::move(body), std::move(options));
  }
  Task<std::unique_ptr<Upload>> begin_upload(rt::Context& ctx, Key key,
                                             UploadOptions options) override {
    return inner_->begin_upload(ctx, std::move(key), std::move(options));
  }
  Task<Page> list(rt::Context& ctx, ListOptions options) override {
    return inner_->list(ctx, std::move(options));
  }
  Task<Unit> remove(rt::Context& ctx, Key key, RemoveOptions options) override {
    if (pin(key, options.version)) {
      options.if_match.clear();  // a version does not change
    }
    return inner_->remove(ctx, std::move(key), std::move(options));
  }
  Task<ObjectMeta> copy_within(rt::Context& ctx, Key from, Key to, CopyOptions options) override {
    return inner_->copy_within(ctx, std::move(from), std::move(to), std::move(options));
  }
  const Capabilities& capabilities() const override { return inner_->capabilities(); }
  Task<Tags> tags(rt::Context& ctx, Key key) override { return inner_->tags(ctx, std::move(key)); }
  Task<Lock> lock(rt::Context& ctx, Key key, LockOptions options) override {
    pin(key, options.version);
    return inner_->lock(ctx, std::move(key), std::move(options));
  }
  Task<Unit> set_retention(rt::Context& ctx, Key key, std::optional<Retention> retention,
                           LockOptions options) override {
    pin(key, options.version);
    return inner_->set_retention(ctx, std::move(key), retention, std::move(options));
  }
  Task<Unit> set_legal_hold(rt::Context& ctx, Key key, bool on, LockOptions options) override {
    pin(key, options.version);
    return inner_->set_legal_hold(ctx, std::move(key), on, std::move(options));
  }
  Task<Unit> restore(rt::Context& ctx, Key key, RestoreOptions options) override {
    pin(key, options.version);
    return inner_->restore(ctx, std::move(key), std::move(options));
  }

 private:
  bool pin(const Key& key, std::string& version) const {
    if (key == key_ && version.empty()) {
      version = version_;
    }
    return key == key_;
  }
  // Known as one that has to be asked for by its name.
  ObjectMeta described(ObjectMeta meta) const {
    meta.version = version_;
    meta.is_latest = false;
    return meta;
  }

  std::shared_ptr<ObjectStore> inner_;
  Key key_;
  std::string version_;
};

}  // namespace

std::shared_ptr<ObjectStore> make_pinned(std::shared_ptr<ObjectStore> inner, Key key,
                                         std::string version) {
  return std::make_shared<PinnedStore>(std::move(inner), std::move(key), std::move(version));
}

}  // namespace tutti::cloud::wrap
