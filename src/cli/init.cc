// SPDX-License-Identifier: Apache-2.0
// tutti init: a project that runs as it is, a copy of examples/retail under the user's name.
#include <filesystem>

#include <fmt/format.h>

#include "cli/commands.h"
#include "rt/file.h"

#define INIT_FILE(number, path) extern const char init_file_##number[], init_file_##number##_end[];
extern "C" {
#include <init_files.inc>
}
#undef INIT_FILE

namespace tutti::cli {
namespace fs = std::filesystem;
namespace {

struct EmbeddedFile {
  std::string_view path;
  std::string_view bytes;
};

std::vector<EmbeddedFile> embedded_files() {
  std::vector<EmbeddedFile> files;
#define INIT_FILE(number, path) \
  files.push_back(              \
      {path,                    \
       {init_file_##number, static_cast<size_t>(init_file_##number##_end - init_file_##number)}});
#include <init_files.inc>
#undef INIT_FILE
  return files;
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  if (const size_t at = text.find(from); at != std::string::npos) {
    text.replace(at, from.size(), to);
  }
}

// The example under another name; its sample data is of one day, which becomes the default.
EmbeddedFile named(const EmbeddedFile& file, std::string_view name, std::string& path,
                   std::string& text) {
  path = file.path;
  text = file.bytes;
  if (file.path == "tutti.yaml") {
    replace(text, "project: retail", fmt::format("project: {}", name));
  } else if (file.path == "workflows/retail.yaml") {
    path = fmt::format("workflows/{}.yaml", name);
    replace(text, "workflow: retail", fmt::format("workflow: {}", name));
    replace(text, "default: \"{{ ds }}\"}",
            "default: \"2026-02-28\"}  # the day there is data of; else \"{{ ds }}\", what --date "
            "gives");
  }
  return {path, text};
}

}  // namespace

Result<int> init(Invocation& call, const InitArgs& args) {
  if (!is_name(args.name)) {
    return fail(Code::bad_input, fmt::format("'{}' cannot be a project's name", args.name),
                "use 1 to 63 of the letters a-z, digits, _ and -");
  }
  const fs::path folder = args.name;
  std::error_code ec;
  if (fs::exists(folder, ec) && (!fs::is_directory(folder, ec) || !fs::is_empty(folder, ec))) {
    return fail(Error{.code = Code::conflict,
                      .what = "it exists already and is not empty",
                      .where = args.name,
                      .remedy = "choose another name, or remove it first"});
  }
  for (const EmbeddedFile& each : embedded_files()) {
    std::string path;
    std::string text;
    const EmbeddedFile file = named(each, args.name, path, text);
    const fs::path target = folder / file.path;
    fs::create_directories(target.parent_path(), ec);
    if (ec) {
      return fail(rt::error_of_errno(ec.value(), "making the folder", target.parent_path()));
    }
    TRY_OK(rt::write_file(target, file.bytes, {.durable = false}));
    if (call.output.verbose()) {
      call.output.note(target.string());
    }
  }
  TRY_OK(rt::write_file(folder / ".gitignore", ".tutti/\nclouds/\n", {.durable = false}));
  if (call.output.json()) {
    call.output.value(
        Value::of({{"project", args.name}, {"folder", fs::absolute(folder, ec).string()}}));
  } else {
    call.output.note(fmt::format(
        "made {}/: a workflow, its SQL and a day of sample data. Next: cd {} && tutti run {}",
        args.name, args.name, args.name));
  }
  return 0;
}

}  // namespace tutti::cli
