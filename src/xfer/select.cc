// SPDX-License-Identifier: Apache-2.0
#include "xfer/select.h"

#include <fmt/format.h>

namespace tutti::xfer {

using transfer::Selection;

Selected::Selected(cloud::Located located, Selection selection)
    : located_(std::move(located)),
      selection_(std::move(selection)),
      listing_(*located_.store, {.prefix = {selection_.key}}) {}

Selected Selected::exactly(cloud::Located located) {
  transfer::Selection selection = transfer::object_selection(located.key.text);
  return {std::move(located), std::move(selection)};
}

namespace {

// Among all keys that begin with it, the key itself is the first.
Task<bool> is_there(rt::Context& ctx, cloud::Located located) {
  const auto page = co_await located.store->list(ctx, {.prefix = located.key, .limit = 1});
  if (!page.has_value() &&
      (page.error().code == Code::not_found || page.error().code == Code::bad_input)) {
    co_return false;  // no bucket, or no name an object could have
  }
  CO_OK(page);
  co_return !page->objects.empty() && page->objects.front().key.text == located.key.text;
}

}  // namespace

Task<Selected> Selected::of(rt::Context& ctx, cloud::Located located) {
  auto selection = transfer::parse_selection(located.key.text);
  const bool plain = selection.has_value() && selection->kind != Selection::Kind::glob &&
                     selection->key == located.key.text;
  if (!plain) {
    CO_TRY(const bool exact, co_await is_there(ctx, located));
    if (exact) {
      co_return exactly(std::move(located));
    }
  }
  if (!selection.has_value()) {
    Error error = std::move(selection).error();
    error.where = cloud::address_of(located, located.key);
    co_return fail(std::move(error));
  }
  co_return Selected(std::move(located), std::move(*selection));
}

void Selected::set_filter(transfer::Filter filter) {
  filter_ = std::move(filter);
  missing_.clear();
  if (selection_.kind == Selection::Kind::object || !filter_.only) {
    return;
  }
  for (const std::string& name : *filter_.only) {
    const std::string key = selection_.base + name;
    if (filter_.takes(name) && selection_.matches(key)) {
      missing_.insert(key);
    }
  }
}

cloud::LeftOut Selected::left_out() const {
  cloud::LeftOut left_out = listing_.left_out();
  left_out.first = cloud::address_of(located_, {left_out.first});
  return left_out;
}

void Selected::set_versions() {
  versions_ = true;
  listing_ = cloud::Listing(*located_.store, {.prefix = {selection_.key}, .versions = true});
}

Task<std::optional<cloud::ObjectMeta>> Selected::next(rt::Context& ctx) {
  const bool one = selection_.kind == Selection::Kind::object;
  if (one && !versions_) {
    if (std::exchange(done_, true)) {
      co_return std::nullopt;
    }
    auto meta = co_await located_.store->head(ctx, {selection_.key});
    if (!meta.has_value() && meta.error().code == Code::not_found) {
      co_return std::nullopt;
    }
    CO_OK(meta);
    co_return std::optional(std::move(*meta));
  }
  while (true) {
    CO_TRY(auto meta, co_await listing_.next(ctx));
    if (!meta || (one && meta->key.text == selection_.key)) {
      co_return meta;
    }
    if (one) {
      co_return std::nullopt;  // of all keys that begin with it, the key itself comes first
    }
    missing_.erase(meta->key.text);
    const std::string_view name = std::string_view(meta->key.text).substr(selection_.base.size());
    if (selection_.matches(meta->key.text) && filter_.matches(name, meta->size, meta->modified)) {
      co_return meta;
    }
  }
}

std::string left_out_text(const cloud::LeftOut& left_out) {
  if (left_out.count == 0) {
    return {};
  }
  return fmt::format(
      "left out: {}{} (links, pipes, devices and what has a name no key has are no objects)",
      left_out.first,
      left_out.count == 1 ? std::string() : fmt::format(" and {} more", left_out.count - 1));
}

Task<Error> nothing_there(rt::Context& ctx, cloud::Located located) {
  Error error{.code = Code::not_found,
              .what = "there is no such object",
              .where = cloud::address_of(located, located.key)};
  const auto parsed = transfer::parse_selection(located.key.text);
  const bool one = !parsed.has_value() || parsed->kind == Selection::Kind::object;
  if (one) {
    const std::string key = parsed.has_value() ? parsed->key : located.key.text;
    auto meta = co_await located.store->head(ctx, {key});
    if (!meta.has_value() && meta.error().code == Code::not_found) {
      error.what = meta.error().what;  // perhaps the whole bucket is missing
    }
  }
  if (!parsed.has_value()) {
    co_return error;  // it was meant as a name
  }
  const Selection& selection = *parsed;
  if (!one) {
    if (selection.kind == Selection::Kind::glob) {
      error.what = "no object matches the pattern";
      co_return error;
    }
    error.what = "there is no object below this prefix";
    const auto page = co_await located.store->list(ctx, {.prefix = {selection.key}, .limit = 1});
    if (page.has_value() && page->left_out.count > 0) {
      error.remedy = left_out_text(page->left_out);
    }
    if (page.has_value() && !page->objects.empty()) {
      error.what = "the filters leave out every object below this prefix";
      error.remedy = "what one --exclude matches no --include brings back: docs/transfers.md";
    }
    co_return error;
  }
  auto page = co_await located.store->list(ctx, {.prefix = {selection.key + "/"}, .limit = 1});
  if (page.has_value() && !page->objects.empty()) {
    error.remedy = fmt::format("end it with '/' to mean what is below it: {}/", error.where);
  }
  co_return error;
}

cloud::Listing list_below(const cloud::Located& located, Below what) {
  return {
      *located.store,
      {.prefix = located.key, .delimiter = what.recursive ? "" : "/", .versions = what.versions}};
}

Task<cloud::ObjectMeta> read_to(rt::Context& ctx, cloud::Located located,
                                std::optional<cloud::Range> range, Sink sink) {
  CO_TRY(cloud::Opened opened, co_await located.store->get(ctx, located.key, {.range = range}));
  while (true) {
    CO_TRY(const cloud::Chunk chunk, co_await opened.source->next(ctx));
    if (chunk.empty()) {
      co_return opened.meta;
    }
    CO_OK(sink(chunk.text()));
  }
}

}  // namespace tutti::xfer
