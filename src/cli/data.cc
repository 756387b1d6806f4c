// SPDX-License-Identifier: Apache-2.0
// tutti ls, cat: looking at data. They need neither a project nor an owner; in a project its
// connections are known.
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/closest.h"
#include "cli/commands.h"
#include "cli/data_side.h"
#include "cloud/site.h"
#include "rt/file.h"
#include "xfer/select.h"

namespace tutti::cli {
namespace fs = std::filesystem;
namespace {

Result<Unit> write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail(rt::error_of_errno(errno, "writing", "standard output"));
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Unit{};
}

std::vector<std::string> folders_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ec;
  for (fs::directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec)) {
    if (at->is_directory(ec)) {
      names.push_back(at->path().filename().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

Error no_bucket(const cloud::Located& located) {
  const std::vector<std::string> names = folders_in(located.ref.account);
  const std::string near = did_you_mean(located.ref.bucket, names);
  return {.code = Code::not_found,
          .what = fmt::format("there is no bucket '{}'", located.ref.bucket),
          .where = located.base,
          .remedy = !near.empty()   ? near
                    : names.empty() ? fmt::format("its folder would be in {}", located.ref.account)
                                    : fmt::format("there are: {}", fmt::join(names, ", "))};
}

// `ls s3` for `ls s3://...`
std::string connection_hint(const DataSide& side, const std::string& text) {
  const bool known = !text.contains('/') && side.connections->open(side.profile, text + "://a/");
  return known ? fmt::format("to list a connection, write {}://", text)
               : "correct the path, or write CONNECTION://PREFIX";
}

// A listing of nothing says nothing of its bucket or folder. Of stores in folders alone: a cloud
// answers for itself.
Result<Unit> is_there(const DataSide& side, const cloud::Located& located, const std::string& asked,
                      bool pattern) {
  std::error_code ec;
  const fs::path account = located.ref.account;
  if (located.ref.provider == "local" && !fs::is_directory(account / located.ref.bucket, ec)) {
    return located.ref.bucket.empty()
               ? fail(Error{.code = Code::not_found,
                            .what = "the folder of this connection does not exist",
                            .where = located.ref.account,
                            .remedy = "the first copy to it makes it; or correct `root`"})
               : fail(no_bucket(located));
  }
  if (located.ref.provider == "file" && !pattern && !fs::exists(account / located.key.text, ec)) {
    return fail(Error{.code = Code::not_found,
                      .what = "there is no such file or folder",
                      .where = asked,
                      .remedy = connection_hint(side, asked)});
  }
  return Unit{};
}

Value entry_value(const cloud::ObjectMeta& meta, const std::string& uri, bool versions) {
  Value value = Value::of({{"uri", uri},
                           {"key", meta.key.text},
                           {"size", meta.size},
                           {"etag", meta.etag},
                           {"modified", to_text(meta.modified)}});
  if (versions) {
    ValueMap& map = value.edit_map();
    map.set("version", meta.version);
    map.set("is_latest", meta.is_latest);
    map.set("delete_marker", meta.delete_marker);
  }
  return value;
}

std::string entry_line(const cloud::ObjectMeta& meta, const std::string& uri, bool versions) {
  std::string modified = to_text(meta.modified).substr(0, 19);
  modified[10] = ' ';
  const std::string size =
      meta.delete_marker ? "removed" : human_bytes(static_cast<int64_t>(meta.size));
  const std::string version =
      versions ? fmt::format("  {:6}  {}", meta.is_latest ? "latest" : "", printable(meta.version))
               : std::string();
  return fmt::format("{:>10}  {}{}  {}\n", size, modified, version, printable(uri));
}

Task<int> list(Invocation& call, DataSide& side, LsArgs args) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(const cloud::Located located, open_address(side, args.address));
  CO_TRY(xfer::Selected selected, co_await xfer::Selected::of(ctx, located));
  if (args.versions) {
    selected.set_versions();
  }
  const bool pattern = selected.selection().kind == transfer::Selection::Kind::glob;
  cloud::Listing listing =
      xfer::list_below(located, {.recursive = args.recursive, .versions = args.versions});
  ValueList values;
  int64_t objects = 0;
  int64_t bytes = 0;
  int64_t entries = 0;
  std::string text;
  while (true) {
    CO_TRY(const auto meta, co_await (pattern ? selected.next(ctx) : listing.next(ctx)));
    if (!meta) {
      break;
    }
    ++entries;
    const bool folder = meta->etag.empty() && !meta->delete_marker;
    const std::string uri = cloud::address_of(located, meta->key);
    objects += folder ? 0 : 1;
    bytes += static_cast<int64_t>(meta->size);
    if (call.output.json()) {
      values.push_back(folder ? Value::of({{"prefix", uri}})
                              : entry_value(*meta, uri, args.versions));
    } else if (folder) {
      text += fmt::format("{:>10}  {:19}  {}\n", "-", "", printable(uri));
    } else {
      text += entry_line(*meta, uri, args.versions);
    }
    if (text.size() > (1U << 16U)) {
      call.output.text(std::exchange(text, {}));
    }
  }
  if (entries == 0) {
    CO_OK(is_there(side, located, args.address, pattern));
    if (pattern) {
      CO_TRY(Error nothing, co_await xfer::nothing_there(ctx, located));
      co_return fail(std::move(nothing));
    }
  }
  if (call.output.json()) {
    call.output.value(Value(std::move(values)));
    co_return 0;
  }
  call.output.text(text);
  call.output.note(fmt::format("{}, {}", counted(objects, args.versions ? "version" : "object"),
                               human_bytes(bytes)));
  if (entries == 0 && !located.key.text.empty()) {
    call.output.note(
        fmt::format("no key begins with this; what is there: tutti ls {}", located.base));
  }
  co_return 0;
}

// The connection that NAME:// is, where many buckets are behind it.
std::shared_ptr<cloud::Site> site_of_many(const DataSide& side, const std::string& text) {
  const auto address = is_address(text) ? parse_address(text) : Result<Address>(Address{});
  if (!address.has_value() || address->connection.empty() || !address->rest.empty()) {
    return nullptr;
  }
  auto site = side.connections->site(side.profile, address->connection);
  return site.has_value() && !(*site)->facts().one_bucket ? std::move(*site) : nullptr;
}

Task<int> list_buckets(Invocation& call, std::shared_ptr<cloud::Site> site, std::string base) {
  CO_TRY(const std::vector<std::string> names, co_await site->buckets(call.environment.context()));
  ValueList values;
  std::string text;
  for (const std::string& name : names) {
    const std::string uri = fmt::format("{}{}/", base, name);
    values.push_back(Value::of({{"bucket", name}, {"uri", uri}}));
    text += printable(uri) + "\n";
  }
  if (call.output.json()) {
    call.output.value(Value(std::move(values)));
  } else {
    call.output.text(text);
    call.output.note(counted(std::ssize(names), "bucket"));
  }
  co_return 0;
}

Task<int> print_object(Invocation& call, DataSide& side, CatArgs args) {
  CO_TRY(cloud::Located located, args.version.empty()
                                     ? open_address(side, args.address)
                                     : open_version(side, args.address, args.version));
  CO_OK(co_await xfer::read_to(call.environment.context(), std::move(located), std::nullopt,
                               write_out));
  co_return 0;
}

}  // namespace

Result<int> ls(Invocation& call, const LsArgs& args) {
  TRY(DataSide side, open_data(call));
  if (auto site = site_of_many(side, args.address); site != nullptr) {
    return call.environment.loop().run(list_buckets(call, std::move(site), args.address));
  }
  return call.environment.loop().run(list(call, side, args));
}

Result<int> cat(Invocation& call, const CatArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(print_object(call, side, args));
}

}  // namespace tutti::cli
