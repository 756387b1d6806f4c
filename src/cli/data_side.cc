// SPDX-License-Identifier: Apache-2.0
#include "cli/data_side.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/encode.h"
#include "cli/project.h"
#include "cloud/wrap/limited.h"
#include "cloud/wrap/pinned.h"
#include "core/transfer/plan.h"

namespace tutti::cli {
namespace fs = std::filesystem;
namespace {

// What somebody means who writes S3://b/k, s3:b/k or arn:aws:s3:::b/k; empty: a path.
std::string meant_address(std::string_view text) {
  constexpr std::string_view arn = "arn:aws:s3:::";
  if (text.starts_with(arn)) {
    return fmt::format("s3://{}", text.substr(arn.size()));
  }
  const size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  if (colon == std::string_view::npos || scheme.size() < 2 || !is_ascii_letter(scheme.front()) ||
      !std::ranges::all_of(scheme, is_ascii_alnum)) {
    return {};
  }
  std::string_view rest = text.substr(colon + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  return fmt::format("{}://{}", ascii_lower(std::string(scheme)), rest);
}

bool is_url(std::string_view scheme) { return scheme == "http" || scheme == "https"; }

// The address of what a service's own URL names; empty: it is no object's, or of no known form.
std::string address_of_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));  // signatures
  const size_t host_at = url.find("://") + 3;
  const size_t path_at = std::min(url.find('/', host_at), url.size());
  const std::string host = ascii_lower(std::string(url.substr(host_at, path_at - host_at)));
  const auto path = percent_decode(url.substr(std::min(path_at + 1, url.size())));
  if (!path || host.contains('@') || host.contains(':')) {
    return {};
  }
  const size_t slash = std::min(path->find('/'), path->size());
  for (const std::string_view service : {".blob.core.windows.net", ".dfs.core.windows.net"}) {
    if (host.ends_with(service)) {
      return fmt::format("abfss://{}@{}{}", path->substr(0, slash), host, path->substr(slash));
    }
  }
  constexpr std::string_view google = "storage.googleapis.com";
  if (host == google) {
    return path->starts_with("storage/v1/") ? std::string() : fmt::format("gs://{}", *path);
  }
  if (host.ends_with(fmt::format(".{}", google))) {
    return fmt::format("gs://{}/{}", host.substr(0, host.size() - google.size() - 1), *path);
  }
  const size_t service = host.starts_with("s3.") ? 0 : host.rfind(".s3.");  // in front: the bucket
  if (!host.ends_with(".amazonaws.com") || service == std::string::npos) {
    return {};
  }
  return service == 0 ? fmt::format("s3://{}", *path)
                      : fmt::format("s3://{}/{}", host.substr(0, service), *path);
}

// Neither what signs it nor who asks is repeated.
std::unexpected<Error> refuse_url(const std::string& url) {
  const std::string meant = address_of_url(url);
  const size_t host_at = url.find("://") + 3;
  const size_t at = url.substr(0, url.find('/', host_at)).rfind('@');
  const size_t shown = at == std::string::npos || at < host_at ? host_at : at + 1;
  return fail(Error{
      .code = Code::bad_input,
      .what = "a URL is no address of an object",
      .where = url.substr(0, host_at) + url.substr(shown, url.find_first_of("?#", shown) - shown),
      .remedy = meant.empty() ? "write CONNECTION://KEY; an endpoint stands in the connection"
                              : fmt::format("write {}", meant)});
}

// As a shell user means it: links on the way are followed, and one that ends in a slash. The last
// name stays, so that a link is not removed or replaced in the place of what it leads to.
std::string path_of(const std::string& text) {
  std::error_code ec;
  const fs::path full = fs::absolute(text, ec).lexically_normal();
  const fs::path real = fs::weakly_canonical(full.parent_path(), ec) / full.filename();
  std::string path = (ec ? full : real).string();
  if (fs::is_directory(path, ec) && !path.ends_with('/')) {
    path += '/';
  }
  return path;
}

Result<std::string> as_address(const DataSide& side, const std::string& text) {
  if (text.empty()) {
    return fail(Code::bad_input, "an empty text is no address",
                "write CONNECTION://KEY, or a path of this machine");
  }
  if (is_address(text)) {
    const std::string_view name = std::string_view(text).substr(0, text.find("://"));
    const auto config = side.connections->find(side.profile, name);
    const bool has_objects = config.has_value() && (*config)->type != "http";
    return is_url(name) && !has_objects ? Result<std::string>(refuse_url(text)) : text;
  }
  std::error_code ec;
  if (const std::string meant = meant_address(text); !meant.empty() && !fs::exists(text, ec)) {
    if (is_url(meant.substr(0, meant.find(':')))) {
      return refuse_url(meant);
    }
    return fail(Error{.code = Code::bad_input,
                      .what = "it looks like an address of another tool",
                      .where = text,
                      .remedy = fmt::format("write {}; a file of that name is ./{}", meant, text)});
  }
  return "file://" + path_of(text);
}

// The XDG folder for state; none without a home.
fs::path user_journal() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value == nullptr ? "" : value);
  };
  const fs::path state = variable("XDG_STATE_HOME");
  const fs::path home = variable("HOME");
  const fs::path base = state.is_absolute() ? state : home.empty() ? home : home / ".local/state";
  return base.empty() ? base : base / "tutti" / "transfers";
}

}  // namespace

Result<DataSide> open_data(Invocation& call) {
  DataSide side;
  auto project = load_good_project(call.globals);
  if (project) {
    TRY(side.profile, profile_of(call.globals, project->project));
    TRY(side.connections, call.environment.connections(project->project, project->folder.string()));
    side.journal = project->folder / ".tutti" / "transfers";
    side.limits = cloud::wrap::limits_file(project->folder);
    side.folder = std::move(project->folder);
    side.project = std::move(project->project);
    return side;
  }
  if (project.error().code != Code::not_found || !call.globals.project.empty()) {
    return fail(std::move(project).error());
  }
  std::error_code ec;
  // No profile redirects the clouds here: s3://, gs:// and az:// mean the real ones.
  side.profile = "none";
  side.folder = fs::current_path(ec);
  side.project.profiles.push_back({.name = side.profile});
  TRY(side.connections, call.environment.connections(side.project, side.folder.string()));
  side.journal = user_journal();
  return side;
}

Result<cloud::Located> open_address(const DataSide& side, const std::string& text) {
  TRY(const std::string address, as_address(side, text));
  return side.connections->open(side.profile, address);
}

Result<cloud::Located> open_version(const DataSide& side, const std::string& text,
                                    const std::string& version) {
  TRY(cloud::Located located, open_address(side, text));
  TRY(transfer::Selection selection, transfer::parse_selection(located.key.text));
  if (selection.kind != transfer::Selection::Kind::object) {
    return fail(Error{.code = Code::bad_input,
                      .what = "--version-id is of one object, not of a prefix or a pattern",
                      .where = text,
                      .remedy = "name the object; tutti ls --all-versions lists versions"});
  }
  const cloud::Capabilities& can = located.store->capabilities();
  if (!can.versions) {
    return fail(Error{.code = Code::unsupported,
                      .what = fmt::format("{} keeps no versions of objects", can.provider),
                      .where = text,
                      .remedy = "leave --version-id away"});
  }
  located.key = {std::move(selection.key)};
  located.store = cloud::wrap::make_pinned(std::move(located.store), located.key, version);
  return located;
}

Result<bool> confirm(Invocation& call, const std::string& question) {
  if (call.globals.yes) {
    return true;
  }
  if (isatty(STDIN_FILENO) == 0 || call.output.json()) {
    return fail(Code::bad_input, question + " Nobody can be asked here, so nothing was done",
                "say --yes, or look first with --dry-run");
  }
  fmt::print(stderr, "{} [y/N] ", question);
  (void)std::fflush(stderr);
  const int answer = std::getchar();
  return answer == 'y' || answer == 'Y';
}

}  // namespace tutti::cli
