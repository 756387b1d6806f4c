// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <mutex>

#include <fmt/format.h>

#include "base/ascii.h"
#include "cloud/local/files.h"
#include "cloud/local/local.h"
#include "cloud/site.h"
#include "rt/file.h"

namespace tutti::cloud::local {
namespace {

namespace fs = std::filesystem;

// One store for each folder, so that its listings and groups are shared.
class Stores {
 public:
  explicit Stores(Environment environment) : environment_(std::move(environment)) {}

  std::shared_ptr<ObjectStore> open(StoreOptions options) {
    const fs::path& notes_at = options.notes_at.empty() ? options.root : options.notes_at;
    const std::string id = fmt::format("{}\n{}\n{}\n{}\n{}", options.root.string(), options.base,
                                       static_cast<int>(options.names),
                                       static_cast<int>(options.durability), keeps_notes(notes_at));
    const std::lock_guard lock(mutex_);
    std::weak_ptr<ObjectStore>& known = stores_[id];
    std::shared_ptr<ObjectStore> store = known.lock();
    if (store == nullptr) {
      store = open_store(environment_, std::move(options));
      known = store;
      recent_.push_back(store);
      if (recent_.size() > recent_max) {
        recent_.erase(recent_.begin());
      }
    }
    return store;
  }

  // Absolute, without links on the way to it.
  fs::path folder(std::string_view path) const {
    std::error_code error;
    const fs::path full = (environment_.project / fs::path(path)).lexically_normal();
    fs::path real = fs::weakly_canonical(full, error);
    return error ? full : real;
  }

 private:
  static constexpr size_t recent_max = 64;  // kept open between two uses

  Environment environment_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<ObjectStore>> stores_;
  std::vector<std::shared_ptr<ObjectStore>> recent_;
};

std::string text_of(const fs::path& path) {
  std::string text = path.string();
  while (text.size() > 1 && text.ends_with('/')) {
    text.pop_back();
  }
  return text;
}

Result<Unit> check_bucket(std::string_view connection, std::string_view bucket) {
  const auto plain = [](char c) {
    return is_ascii_alnum(c) || c == '-' || c == '_' || c == '.' || c == '$';
  };
  if (bucket.empty()) {
    return fail(Code::bad_input, fmt::format("'{}://' names no bucket", connection),
                fmt::format("write {}://BUCKET/KEY", connection));
  }
  if (bucket.size() > 255 || bucket.front() == '.' || !std::ranges::all_of(bucket, plain)) {
    return fail(Code::bad_input, fmt::format("'{}' is no name of a bucket", bucket),
                "use letters, digits, '-', '_' and '.', not beginning with '.'");
  }
  return Unit{};
}

Result<StoreOptions> common_options(std::string_view connection, const ConnectionConfig& config) {
  for (const auto& [name, value] : config.settings.as_map()) {
    if (name != "root" && name != "buckets" && name != "durability") {
      return fail(Code::bad_input,
                  fmt::format("connection '{}' has a setting '{}', which {} does not know",
                              connection, name, config.type),
                  "known are: root, buckets, durability");
    }
  }
  StoreOptions options;
  TRY(options.durability, parse_durability(config.settings.get_string("durability", "batch")));
  return options;
}

Result<Located> open_local(Stores& stores, std::string_view connection,
                           const ConnectionConfig& config, std::string_view rest) {
  TRY(StoreOptions options, common_options(connection, config));
  const std::string_view root = config.settings.get_string("root");
  const std::string_view buckets = config.settings.get_string("buckets");
  if (root.empty() == buckets.empty()) {
    return fail(Code::bad_input,
                fmt::format("connection '{}' needs either root or buckets", connection),
                "root: FOLDER is one bucket, buckets: FOLDER has one folder for each bucket");
  }
  Located located{.store = nullptr, .ref = {.provider = "local"}};
  options.root = stores.folder(root.empty() ? buckets : root);
  located.ref.account = text_of(options.root);
  located.base = fmt::format("{}://", connection);
  located.key.text = rest;
  if (root.empty()) {
    BucketKey split = split_bucket(rest);
    TRY_OK(check_bucket(connection, split.bucket));
    options.root /= split.bucket;
    options.is_bucket = true;
    located.base += split.bucket + "/";
    located.ref.bucket = std::move(split.bucket);
    located.key.text = std::move(split.key);
  }
  located.ref.key = located.key.text;
  options.base = located.base;
  located.store = stores.open(std::move(options));
  return located;
}

// A path of the project's folder, as people write it: with or without "./" in front.
std::string below_project(const fs::path& project, std::string_view path) {
  while (path.starts_with("./")) {
    path.remove_prefix(2);
  }
  return fmt::format("{}/{}", text_of(project), path == "." ? "" : path);
}

// Keys are paths below the root. Without one they are paths of the machine: absolute as they stand,
// others of the project's folder.
Result<Located> open_file(Stores& stores, const fs::path& project, std::string_view connection,
                          const ConnectionConfig& config, std::string_view rest) {
  TRY(StoreOptions options, common_options(connection, config));
  std::string_view root = config.settings.get_string("root");
  root = root == "/" ? std::string_view() : root;  // as without one: file:///tmp/x
  options.names = Names::natural;
  options.root = root.empty() ? fs::path("/") : stores.folder(root);
  std::string key(rest);
  if (root.empty() && !rest.starts_with('/')) {
    key = below_project(stores.folder(project.string()), rest);
  }
  key.erase(0, key.starts_with('/') ? 1 : 0);
  Located located{.store = nullptr, .key = {key}};
  located.base = fmt::format("{}://{}", connection, root.empty() ? "/" : "");
  located.ref = {.provider = "file", .account = text_of(options.root), .key = key};
  options.base = located.base;
  options.notes_at = options.root / key;  // below `/` there may be others
  located.store = stores.open(std::move(options));
  return located;
}

// The folder, or that of the buckets.
class FolderSite final : public Site {
 public:
  explicit FolderSite(SiteFacts facts) : facts_(std::move(facts)) {}

  const SiteFacts& facts() const override { return facts_; }
  Task<std::string> credentials(rt::Context&) override { co_return facts_.credentials; }

  Task<std::vector<std::string>> buckets(rt::Context&) override {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(facts_.folder, error), end; !error && at != end;
         at.increment(error)) {
      std::error_code ignored;
      if (at->is_directory(ignored) && !at->path().filename().string().starts_with('.')) {
        names.push_back(at->path().filename().string());
      }
    }
    if (error && error != std::errc::no_such_file_or_directory) {
      co_return fail(rt::error_of_errno(error.value(), "listing", facts_.folder));
    }
    std::ranges::sort(names);
    co_return names;
  }

 private:
  SiteFacts facts_;
};

Result<std::shared_ptr<Site>> folder_site(const Stores& stores, std::string_view connection,
                                          const ConnectionConfig& config) {
  TRY_OK(common_options(connection, config));
  const std::string_view root = config.settings.get_string("root");
  const std::string_view buckets = config.settings.get_string("buckets");
  const std::string_view folder = !root.empty() ? root : !buckets.empty() ? buckets : "/";
  return std::make_shared<FolderSite>(SiteFacts{.folder = stores.folder(folder),
                                                .credentials = "those of this process",
                                                .one_bucket = buckets.empty(),
                                                .made_when_written = config.type == "local"});
}

}  // namespace

Result<Durability> parse_durability(std::string_view text) {
  if (text == "object") {
    return Durability::object;
  }
  if (text == "batch") {
    return Durability::batch;
  }
  if (text == "none") {
    return Durability::none;
  }
  return fail(Code::bad_input, fmt::format("durability '{}' is not known", text),
              "write object, batch or none");
}

Openers openers(Environment environment) {
  const fs::path project = environment.project;
  auto stores = std::make_shared<Stores>(std::move(environment));
  Openers out;
  const auto site = [stores](std::string_view name, const ConnectionConfig& config) {
    return folder_site(*stores, name, config);
  };
  out["local"] = {
      .open = [stores](std::string_view name, const ConnectionConfig& config,
                       std::string_view rest) { return open_local(*stores, name, config, rest); },
      .site = site};
  out["file"] = {.open =
                     [stores, project](std::string_view name, const ConnectionConfig& config,
                                       std::string_view rest) {
                       return open_file(*stores, project, name, config, rest);
                     },
                 .site = site};
  return out;
}

}  // namespace tutti::cloud::local
