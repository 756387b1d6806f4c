// SPDX-License-Identifier: Apache-2.0
#include "action/objects/manifest_object.h"

#include <fmt/format.h>

#include "cloud/body.h"
#include "rt/retry.h"

namespace tutti::action::objects {

void add_manifest_param(Schema& schema) {
  schema.params.push_back(
      {.name = "manifest",
       .kind = ParamKind::address,
       .doc = "An object that gets the manifest's lines, whatever their number and however the "
              "task ends; what is there is replaced."});
}

Result<std::optional<cloud::Located>> manifest_param(const Services& services,
                                                     const AttemptInfo& info, const Value& with) {
  if (with["manifest"].is_null()) {
    return std::nullopt;
  }
  TRY(cloud::Located located, open_param(services, info, with, "manifest"));
  TRY(const transfer::Selection selection, transfer::parse_selection(located.key.text));
  if (selection.kind != transfer::Selection::Kind::object) {
    return fail(Error{.code = Code::bad_input,
                      .what = "`manifest` is not the name of one object",
                      .where = cloud::address_of(located, located.key),
                      .remedy = "write a name, for example s3://audit/copied.jsonl"});
  }
  located.key.text = selection.key;
  return located;
}

void leave_out(transfer::Filter& filter, const cloud::Located& prefix,
               const std::optional<cloud::Located>& manifest) {
  const auto selection = transfer::parse_selection(prefix.key.text);
  if (!manifest || !selection.has_value() || !cloud::same_bucket(prefix, *manifest)) {
    return;
  }
  const std::string below = prefix.root + selection->base;
  const std::string name = manifest->root + manifest->key.text;
  if (name.starts_with(below)) {
    filter.never.insert(name.substr(below.size()));
  }
}

void add_manifest_step(Preview& preview, const Value& with) {
  if (!with["manifest"].is_null()) {
    preview.steps.push_back(
        {.what = fmt::format("write the manifest to {}", shown_address(with["manifest"]))});
  }
}

// tidy: allow coroutine, `entries` belong to the caller, who awaits that they are written
Task<Unit> put_manifest(rt::Context& ctx, Attempt& attempt, std::optional<cloud::Located> manifest,
                        const std::vector<xfer::Entry>& entries) {
  if (!manifest) {
    co_return Unit{};
  }
  const auto text = std::make_shared<const std::string>(xfer::to_text(entries));
  const auto put = [&](rt::Context& inner) {
    return manifest->store->put(inner, manifest->key, cloud::held_body(text),
                                {.content_type = "application/x-ndjson"});
  };
  auto written = co_await rt::retry(ctx, {}, put);
  if (written.has_value()) {
    co_return Unit{};
  }
  Error error = with_context(std::move(written).error(), "writing the manifest");
  CO_OK(co_await attempt.log(ctx, Stream::system, error.text() + "\n"));
  co_return fail(std::move(error));
}

}  // namespace tutti::action::objects
