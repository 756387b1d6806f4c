// SPDX-License-Identifier: Apache-2.0
// tutti ls, cat, cp: data commands. They need neither a project nor an owner; in a project its
// connections are known.
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/closest.h"
#include "cli/commands.h"
#include "cli/project.h"
#include "rt/file.h"
#include "xfer/select.h"
#include "xfer/transfer.h"

namespace tutti::cli {
namespace fs = std::filesystem;
namespace {

struct DataSide {
  std::unique_ptr<cloud::Connections> connections;
  std::string profile;
};

// The connections of the project, or, outside of one, those that always exist.
Result<DataSide> open_data(Invocation& call) {
  DataSide side;
  auto project = load_good_project(call.globals);
  if (project) {
    TRY(side.profile, profile_of(call.globals, project->project));
    TRY(side.connections, call.environment.connections(project->project, project->folder.string()));
    return side;
  }
  if (project.error().code != Code::not_found || !call.globals.project.empty()) {
    return fail(std::move(project).error());
  }
  std::error_code ec;
  // No profile redirects the clouds here: s3://, gs:// and az:// mean the real ones.
  spec::Project none;
  side.profile = "none";
  none.profiles.push_back({.name = side.profile});
  TRY(side.connections, call.environment.connections(none, fs::current_path(ec).string()));
  return side;
}

// What has no scheme is a path of this machine; a folder means all below it.
Result<std::string> as_address(const std::string& text) {
  if (text.empty()) {
    return fail(Code::bad_input, "an empty text is no address",
                "write CONNECTION://KEY, or a path of this machine");
  }
  if (is_address(text)) {
    return text;
  }
  std::error_code ec;
  std::string path = fs::absolute(text, ec).lexically_normal().string();
  if (fs::is_directory(path, ec) && !path.ends_with('/')) {
    path += '/';
  }
  return "file://" + path;
}

Result<cloud::Located> open_address(const DataSide& side, const std::string& text) {
  TRY(const std::string address, as_address(text));
  return side.connections->open(side.profile, address);
}

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

Task<int> list(Invocation& call, DataSide& side, LsArgs args) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(const cloud::Located located, open_address(side, args.address));
  CO_TRY(xfer::Selected selected, co_await xfer::Selected::of(ctx, located));
  const bool pattern = selected.selection().kind == transfer::Selection::Kind::glob;
  cloud::Listing listing = xfer::list_below(located, args.recursive);
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
    const bool folder = meta->etag.empty();
    const std::string uri = cloud::address_of(located, meta->key);
    objects += folder ? 0 : 1;
    bytes += static_cast<int64_t>(meta->size);
    if (call.output.json()) {
      values.push_back(folder ? Value::of({{"prefix", uri}})
                              : Value::of({{"uri", uri},
                                           {"key", meta->key.text},
                                           {"size", meta->size},
                                           {"etag", meta->etag},
                                           {"modified", to_text(meta->modified)}}));
    } else if (folder) {
      text += fmt::format("{:>10}  {:19}  {}\n", "-", "", printable(uri));
    } else {
      std::string modified = to_text(meta->modified).substr(0, 19);
      modified[10] = ' ';
      text += fmt::format("{:>10}  {}  {}\n", human_bytes(static_cast<int64_t>(meta->size)),
                          modified, printable(uri));
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
  call.output.note(fmt::format("{}, {}", counted(objects, "object"), human_bytes(bytes)));
  if (entries == 0 && !located.key.text.empty()) {
    call.output.note(
        fmt::format("no key begins with this; what is there: tutti ls {}", located.base));
  }
  co_return 0;
}

Task<int> print_object(Invocation& call, DataSide& side, CatArgs args) {
  CO_TRY(cloud::Located located, open_address(side, args.address));
  CO_OK(co_await xfer::read_to(call.environment.context(), std::move(located), std::nullopt,
                               write_out));
  co_return 0;
}

// The live line of a copy.
class CopyProgress {
 public:
  CopyProgress(Output& output, rt::Clock& clock)
      : output_(output), clock_(clock), started_(clock.boot()) {}
  void show(const xfer::Progress& progress) {
    if (!output_.live() || clock_.boot() < next_) {
      return;
    }
    next_ = clock_.boot() + milliseconds(100);
    const double elapsed = (clock_.boot() - started_).seconds();
    const auto bytes = static_cast<int64_t>(progress.bytes_done);
    std::string line = fmt::format("\r\x1b[2K{}, {}", counted(progress.objects_done, "object"),
                                   human_bytes(bytes));
    if (elapsed > 0.2) {
      line += fmt::format(", {}/s",
                          human_bytes(static_cast<int64_t>(static_cast<double>(bytes) / elapsed)));
    }
    output_.text(line);
    drawn_ = true;
  }
  void clear() {
    if (drawn_) {
      output_.text("\r\x1b[2K");
    }
  }

 private:
  Output& output_;
  rt::Clock& clock_;
  BootInstant started_;
  BootInstant next_ = {};
  bool drawn_ = false;
};

Result<xfer::Request> request_of(const DataSide& side, const CpArgs& args) {
  xfer::Request request;
  if (args.from == "-" || std::ranges::find(args.to, "-") != args.to.end()) {
    return fail(
        Error{.code = Code::unsupported,
              .what = "cp does not copy from standard input or to standard output",
              .where = "-",
              .remedy = "`tutti cat ADDRESS` prints an object; ./- is a file of that name"});
  }
  TRY(request.from, open_address(side, args.from));
  for (const std::string& each : args.to) {
    TRY(cloud::Located to, open_address(side, each));
    request.to.push_back(std::move(to));
  }
  TRY(request.if_exists, transfer::parse_if_exists(args.if_exists));
  return request;
}

Task<int> copy(Invocation& call, DataSide& side, CpArgs args) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(xfer::Request request, request_of(side, args));
  if (args.dry_run) {
    CO_TRY(const transfer::Plan plan, co_await xfer::preview(ctx, std::move(request)));
    if (call.output.json()) {
      call.output.value(Value::of({{"objects", plan.objects},
                                   {"bytes", plan.bytes},
                                   {"skipped", plan.skipped},
                                   {"conflicts", plan.conflicts}}));
    } else {
      call.output.line(
          fmt::format("would copy {}, {}; already there: {}, in the way: {}. Nothing was done.",
                      counted(plan.objects, "object"),
                      human_bytes(static_cast<int64_t>(plan.bytes)), plan.skipped, plan.conflicts));
    }
    co_return plan.conflicts > 0 ? 1 : 0;
  }
  CopyProgress progress(call.output, ctx.clock());
  request.on_progress = [&progress](const xfer::Progress& now) { progress.show(now); };
  auto result = co_await xfer::run(ctx, std::move(request), call.environment.cpu());
  progress.clear();
  CO_TRY(const xfer::Report report, std::move(result));
  if (call.output.json()) {
    call.output.value(Value::of(
        {{"objects", report.objects}, {"bytes", report.bytes}, {"skipped", report.skipped}}));
  } else {
    call.output.note(fmt::format("copied {}, {}{}", counted(report.objects, "object"),
                                 human_bytes(static_cast<int64_t>(report.bytes)),
                                 report.skipped > 0
                                     ? fmt::format("; {} {} there already", report.skipped,
                                                   report.skipped == 1 ? "was" : "were")
                                     : ""));
  }
  co_return 0;
}

}  // namespace

Result<int> ls(Invocation& call, const LsArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(list(call, side, args));
}

Result<int> cat(Invocation& call, const CatArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(print_object(call, side, args));
}

Result<int> cp(Invocation& call, const CpArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(copy(call, side, args));
}

}  // namespace tutti::cli
