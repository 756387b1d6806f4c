// SPDX-License-Identifier: Apache-2.0
#include "action/files/file_staging.h"

#include <fmt/format.h>

#include "action/api/outcome.h"
#include "rt/file.h"
#include "xfer/select.h"
#include "xfer/transfer.h"

namespace tutti::action {
namespace {

namespace fs = std::filesystem;

std::string variable_name(std::string_view prefix, std::string_view name) {
  std::string out(prefix);
  for (const char c : name) {
    out += c == '-' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

Result<std::string> address_of(const Value& address, std::string_view side, std::string_view name) {
  if (!address.is_string() || !is_address(address.as_string())) {
    return fail(Code::bad_input, fmt::format("files.{}.{} is no address", side, name),
                "write CONNECTION://KEY");
  }
  return address.as_string();
}

// The file name at the end of a key.
std::string name_of(std::string_view key) {
  return std::string(key.substr(key.find_last_of('/') + 1));
}

Result<Unit> make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return fail(rt::error_of_errno(error.value(), "making the folder", path));
  }
  return Unit{};
}

bool holds_a_file(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.is_regular_file(error)) {
      return true;
    }
  }
  return false;
}

const ValueMap& entries(const Value& files, std::string_view side) {
  static const ValueMap none;
  return files[side].is_map() ? files[side].as_map() : none;
}

// What an address of `in` means: one file, or what is below a folder or matches a pattern, which
// is a folder however many objects it is.
transfer::Selection selection_of(std::string_view key) {
  auto selection = transfer::parse_selection(key);
  return selection.has_value() ? std::move(*selection) : transfer::object_selection(key);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> StagedFiles::variables() const {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const auto& [name, path] : in) {
    variables.emplace_back(variable_name("TUTTI_IN_", name), path.string());
  }
  for (const auto& [name, path] : out) {
    variables.emplace_back(variable_name("TUTTI_OUT_", name), path.string());
  }
  if (!empty()) {
    variables.emplace_back("TUTTI_FILES", to_json(to_value()));
  }
  return variables;
}

Value StagedFiles::to_value() const {
  ValueMap ins;
  for (const auto& [name, path] : in) {
    ins.set(name, path.string());
  }
  ValueMap outs;
  for (const auto& [name, path] : out) {
    outs.set(name, path.string());
  }
  return ValueMap{{"in", std::move(ins)}, {"out", std::move(outs)}};
}

Value StagedFiles::by_name() const {
  ValueMap paths;
  for (const auto* side : {&out, &in}) {
    for (const auto& [name, path] : *side) {
      paths.set(name, path.string());
    }
  }
  return paths;
}

FileStaging::FileStaging(const cloud::Connections& connections, cloud::local::Environment local,
                         rt::Executor cpu)
    : connections_(connections), local_(std::move(local)), cpu_(std::move(cpu)) {}

cloud::Located FileStaging::folder(const fs::path& path, std::string key) const {
  cloud::local::StoreOptions options{.root = path,
                                     .names = cloud::local::Names::natural,
                                     .durability = cloud::local::Durability::none,
                                     .base = "file://" + path.string() + "/"};
  cloud::Located located{.store = cloud::local::open_store(local_, options),
                         .key = {key},
                         .ref = {.provider = "file", .account = path.string(), .key = key},
                         .base = options.base};
  return located;
}

Result<StagedFiles> FileStaging::paths(const std::string& profile, const Value& files,
                                       const fs::path& scratch) const {
  StagedFiles staged;
  const fs::path base = scratch / "files";
  for (const auto& [name, value] : entries(files, "in")) {
    TRY(const std::string address, address_of(value, "in", name));
    TRY(const cloud::Located from, connections_.open(profile, address));
    const transfer::Selection selection = selection_of(from.key.text);
    const fs::path target = base / "in" / name;
    staged.in[name] = selection.kind == transfer::Selection::Kind::object
                          ? target / name_of(selection.key)
                          : target;
  }
  for (const auto& [name, value] : entries(files, "out")) {
    TRY(const std::string address, address_of(value, "out", name));
    TRY(const cloud::Located to, connections_.open(profile, address));
    const fs::path target = base / "out" / name;
    const std::string file = name_of(to.key.text);
    staged.out[name] = file.empty() ? target : target / file;
  }
  return staged;
}

Task<Outcome> FileStaging::run(rt::Context& ctx, Attempt& attempt,
                               std::function<Task<Outcome>(StagedFiles)> call) {
  Result<StagedFiles> staged = co_await stage(ctx, attempt);
  if (!staged.has_value()) {
    co_return outcome_of(ctx, std::move(staged).error());
  }
  CO_TRY(Outcome outcome, co_await call(*staged));
  Done* done = std::get_if<Done>(&outcome);
  if (done == nullptr || staged->out.empty()) {
    co_return outcome;
  }
  Result<Value> published = co_await publish(ctx, attempt, std::move(*staged));
  if (!published.has_value()) {
    co_return outcome_of(ctx, std::move(published).error());
  }
  if (!done->output.as_map().contains("files")) {
    done->output.edit_map().set("files", std::move(*published));
  }
  co_return outcome;
}

Task<StagedFiles> FileStaging::stage(rt::Context& ctx, Attempt& attempt) {
  const Value files = attempt.info().files;
  const std::string profile = attempt.info().profile;
  const fs::path base = attempt.info().scratch / "files";
  CO_TRY(StagedFiles staged, paths(profile, files, attempt.info().scratch));
  for (const auto& [name, value] : entries(files, "in")) {
    CO_TRY(const std::string address, address_of(value, "in", name));
    CO_TRY(cloud::Located from, connections_.open(profile, address));
    const transfer::Selection selection = selection_of(from.key.text);
    const bool one = selection.kind == transfer::Selection::Kind::object;
    from.key.text = one ? selection.key : from.key.text;
    const fs::path target = base / "in" / name;
    CO_OK(make_folder(target));
    xfer::Request request{.from = std::move(from),
                          .to = {folder(target, "")},
                          .from_exactly = one,
                          .if_exists = transfer::IfExists::replace};
    Result<xfer::Report> report = co_await xfer::run(ctx, std::move(request), cpu_);
    if (!report.has_value()) {
      co_return fail(with_context(report.error(), fmt::format("files.in.{}", name)));
    }
    CO_OK(co_await attempt.log(ctx, Stream::system,
                               fmt::format("files.in.{}: {} objects, {} bytes from {}\n", name,
                                           report->objects, report->bytes, address)));
  }
  for (const auto& [name, path] : staged.out) {
    CO_OK(make_folder(base / "out" / name));
  }
  co_return staged;
}

Task<Value> FileStaging::publish(rt::Context& ctx, Attempt& attempt, StagedFiles staged) {
  ValueMap published;
  const Value files = attempt.info().files;
  const std::string profile = attempt.info().profile;
  for (const auto& [name, path] : staged.out) {
    CO_TRY(const std::string address, address_of(entries(files, "out").find(name) == nullptr
                                                     ? Value()
                                                     : *entries(files, "out").find(name),
                                                 "out", name));
    CO_TRY(cloud::Located to, connections_.open(profile, address));
    const std::string file = name_of(to.key.text);
    const fs::path base = file.empty() ? path : path.parent_path();
    if (file.empty() ? !holds_a_file(base) : !fs::is_regular_file(path)) {
      co_return fail(
          Error{.code = Code::bad_input,
                .what = fmt::format("the task succeeded without writing files.out.{}", name),
                .where = path.string(),
                .remedy = fmt::format("write it to ${}, or remove it from `files`",
                                      variable_name("TUTTI_OUT_", name))});
    }
    xfer::Request request{.from = folder(base, file),
                          .to = {std::move(to)},
                          .from_exactly = !file.empty(),
                          .if_exists = transfer::IfExists::replace,
                          .sha256 = true};
    Result<xfer::Report> report = co_await xfer::run(ctx, std::move(request), cpu_);
    if (!report.has_value()) {
      co_return fail(with_context(report.error(), fmt::format("files.out.{}", name)));
    }
    CO_OK(co_await attempt.log(ctx, Stream::system,
                               fmt::format("files.out.{}: {} objects, {} bytes to {}\n", name,
                                           report->objects, report->bytes, address)));
    published.set(name, ValueMap{{"uri", address},
                                 {"objects", static_cast<int64_t>(report->objects)},
                                 {"bytes", static_cast<int64_t>(report->bytes)},
                                 {"digest", to_text(xfer::content_digest(report->entries))}});
  }
  co_return published;
}

rt::Environment program_environment(const AttemptInfo& info, const StagedFiles& staged) {
  rt::Environment env = rt::default_environment();
  for (const auto& [name, value] : info.env) {
    rt::set_variable(env, name, value);
  }
  for (auto& [name, value] : staged.variables()) {
    rt::set_variable(env, name, std::move(value));
  }
  rt::set_variable(env, "TUTTI_PROJECT", info.project.string());
  return env;
}

std::vector<Preview::Step> preview_files(const Value& files) {
  std::vector<Preview::Step> steps;
  for (const auto& [name, address] : entries(files, "in")) {
    steps.push_back(
        {.what = fmt::format("stage {} as files.in.{}",
                             address.is_string() ? address.as_string() : to_json(address), name)});
  }
  for (const auto& [name, address] : entries(files, "out")) {
    steps.push_back(
        {.what = fmt::format("publish files.out.{} to {}", name,
                             address.is_string() ? address.as_string() : to_json(address))});
  }
  return steps;
}

}  // namespace tutti::action
