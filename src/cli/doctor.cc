// SPDX-License-Identifier: Apache-2.0
// tutti doctor, tutti config: the machine and the settings.
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/project.h"
#include "cloud/connections.h"
#include "core/spec/connection_types.h"
#include "net/http.h"
#include "rt/file.h"

namespace tutti::cli {
namespace fs = std::filesystem;
namespace {

enum class Verdict : uint8_t { good, warning, bad };

struct Finding {
  Verdict verdict;
  std::string about;
  std::string what;
  std::string remedy = {};
};

constexpr uint64_t free_bytes_min = 1ULL << 30;
constexpr uint64_t files_open_min = 1024;

Finding check_kernel() {
  utsname name{};
  uname(&name);
  int major = 0;
  int minor = 0;
  if (std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
      (major > 5 || (major == 5 && minor >= 6))) {
    return {Verdict::good, "kernel", fmt::format("Linux {}", name.release)};
  }
  return {Verdict::bad, "kernel", fmt::format("Linux {} is too old", name.release),
          "Tutti needs Linux 5.6 or newer (openat2, pidfd)"};
}

Finding check_cores() {
  return {Verdict::good, "processors",
          fmt::format("{} usable", std::max(1U, std::thread::hardware_concurrency()))};
}

Finding check_open_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= files_open_min) {
    return {Verdict::good, "open files", fmt::format("up to {}", limit.rlim_cur)};
  }
  return {Verdict::warning, "open files",
          fmt::format("only {} may be open at once", limit.rlim_cur),
          fmt::format("raise it: ulimit -n {}", files_open_min)};
}

Finding check_disk(const fs::path& folder, std::string about) {
  struct statvfs info{};
  if (statvfs(folder.c_str(), &info) != 0) {
    return {Verdict::bad, std::move(about),
            rt::error_of_errno(errno, "looking at the disk", folder).text()};
  }
  const uint64_t free = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  const std::string text =
      fmt::format("{} free at {}", human_bytes(static_cast<int64_t>(free)), folder.string());
  if ((info.f_flag & ST_RDONLY) != 0) {
    return {Verdict::bad, std::move(about), folder.string() + " is read-only",
            "mount it writable, or move the project"};
  }
  return free >= free_bytes_min ? Finding{Verdict::good, std::move(about), text}
                                : Finding{Verdict::warning, std::move(about), text,
                                          "free some space: runs pause when the disk is full"};
}

Finding check_writable(const fs::path& folder) {
  const fs::path probe = folder / fmt::format(".tutti-doctor.{}", getpid());
  if (const auto written = rt::write_file(probe, "x", {.durable = false}); !written) {
    return {Verdict::bad, "project folder", written.error().text(),
            "the owner writes its state to .tutti in it"};
  }
  std::error_code ec;
  fs::remove(probe, ec);
  return {Verdict::good, "project folder", folder.string()};
}

Finding check_program(const char* program, std::string_view used_by) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const fs::path candidate = fs::path(rest.substr(0, end)) / program;
    if (access(candidate.c_str(), X_OK) == 0) {
      return {Verdict::good, program, candidate.string()};
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {Verdict::warning, program, "is not on the PATH",
          fmt::format("install it to use {}", used_by)};
}

Finding check_clock(Environment& environment) {
  const Instant now = environment.context().clock().wall();
  constexpr Instant released{
      1'767'225'600'000'000};  // 2026-01-01: no machine that runs this is older
  if (now < released) {
    return {Verdict::bad, "clock", fmt::format("it says {}", to_text(now)),
            "set it: wrong times break schedules and signatures"};
  }
  std::error_code ec;
  const bool synchronised = fs::exists("/run/systemd/timesync/synchronized", ec) ||
                            fs::exists("/run/chrony", ec) || fs::exists("/var/run/ntpd.pid", ec);
  return synchronised
             ? Finding{Verdict::good, "clock", "kept by a time service"}
             : Finding{Verdict::warning, "clock",
                       fmt::format("{} UTC; no time service was found", to_text(now).substr(0, 19)),
                       "run chrony or systemd-timesyncd: clouds refuse requests of a wrong clock"};
}

// The folder of the file: DuckDB makes the file, and nobody makes the folder but of the default.
Finding check_database(const LoadedProject& project, const spec::Connection& connection,
                       const std::string& about) {
  const std::string given(connection.settings.get_string("path"));
  const fs::path path =
      project.folder / (given.empty() ? "clouds/" + connection.name + ".duckdb" : given);
  const fs::path folder = given.empty() ? project.folder : path.parent_path();
  std::error_code ec;
  if (!fs::is_directory(folder, ec)) {
    return {Verdict::bad, about, fmt::format("there is no folder {}", folder.string()),
            "make it, or give `path` another one"};
  }
  const bool exists = fs::exists(path, ec);
  if (access(exists ? path.c_str() : folder.c_str(), W_OK) != 0) {
    return {Verdict::bad, about,
            fmt::format("{} cannot be written", exists ? path.string() : folder.string()),
            "chmod u+w it"};
  }
  return {Verdict::good, about,
          fmt::format("DuckDB in {}{}", path.string(), exists ? "" : " (made when first written)")};
}

Finding check_url(Invocation& call, const spec::Connection& connection, const std::string& about) {
  const std::string url(connection.settings.get_string("url"));
  if (url.empty()) {
    return {Verdict::good, about, "each task gives its url"};
  }
  rt::Context& ctx = call.environment.context();
  net::HttpClient client(call.environment.loop().executor(), ctx.clock());
  const net::HttpTimeouts timeouts{.connect = seconds(3), .reply = seconds(5)};
  const auto reply = call.environment.loop().run(
      client.fetch(ctx, {.method = "HEAD", .url = url, .timeouts = timeouts, .redirects_max = 0}));
  if (!reply.has_value()) {
    return {Verdict::warning, about, reply.error().text(),
            reply.error().remedy.empty() ? "tasks that use it will fail" : ""};
  }
  return {Verdict::good, about,
          fmt::format("{} answers (HEAD gives status {})", url, reply->head.status)};
}

Finding check_connection(Invocation& call, const LoadedProject& project,
                         const cloud::Connections& connections, const std::string& profile,
                         const spec::Connection& connection) {
  const std::string about = "connection " + connection.name;
  const spec::ConnectionType* type = spec::find_connection_type(connection.type);
  if (type == nullptr || !type->usable) {
    return {Verdict::warning, about,
            fmt::format("type {} comes in a later version", connection.type),
            "use profile local meanwhile"};
  }
  if (connection.type == "duckdb") {
    return check_database(project, connection, about);
  }
  if (connection.type == "http") {
    return check_url(call, connection, about);
  }
  if (connection.type != "local") {
    return {Verdict::good, about,
            fmt::format("type {}; whether it works: tutti connections test {}", connection.type,
                        connection.name)};
  }
  const std::string folder(
      connection.settings.get_string("buckets", connection.settings.get_string("root")));
  const fs::path path = project.folder / folder;
  std::error_code ec;
  if (!fs::exists(path, ec)) {
    return {Verdict::good, about,
            fmt::format("folder {} (made when first written)", path.string())};
  }
  if (!fs::is_directory(path, ec)) {
    return {Verdict::bad, about, path.string() + " is not a folder",
            "remove it or name another one in tutti.yaml"};
  }
  const std::string probe = connection.settings["buckets"].is_null()
                                ? connection.name + "://"
                                : connection.name + "://doctor/";
  const auto opened = connections.open(profile, probe);
  if (!opened) {
    return {Verdict::bad, about, opened.error().text()};
  }
  if (access(path.c_str(), R_OK | X_OK) != 0) {
    return {Verdict::bad, about, fmt::format("no permission to read {}", path.string()),
            "chmod u+rx it"};
  }
  return {access(path.c_str(), W_OK) == 0 ? Verdict::good : Verdict::warning, about,
          fmt::format("folder {}{}", path.string(),
                      access(path.c_str(), W_OK) == 0 ? "" : ", read only")};
}

void add_project(Invocation& call, std::vector<Finding>& findings) {
  auto project = load_project(call.globals);
  if (!project) {
    findings.push_back({Verdict::warning, "project", project.error().what, project.error().remedy});
    return;
  }
  if (project->report.has_errors()) {
    findings.push_back({Verdict::bad, "project", spec::to_error(project->report).text(),
                        "`tutti validate` shows all of it"});
    return;
  }
  findings.push_back({Verdict::good, "project",
                      fmt::format("{} at {}", project->project.name, project->folder.string())});
  findings.push_back(check_writable(project->folder));
  findings.push_back(check_disk(project->folder, "disk of the project"));
  for (const spec::SecretSource& secret : project->project.secrets) {
    const bool there = secret.kind == spec::SecretKind::file
                           ? access((project->folder / secret.from).c_str(), R_OK) == 0
                           : std::getenv(secret.from.c_str()) != nullptr;
    findings.push_back(there ? Finding{Verdict::good, "secret " + secret.name, "there"}
                             : Finding{Verdict::warning, "secret " + secret.name,
                                       fmt::format("{} is not there", secret.from),
                                       "set it before a run that uses it"});
  }
  const auto profile = profile_of(call.globals, project->project);
  if (!profile) {
    findings.push_back({Verdict::bad, "profile", profile.error().what, profile.error().remedy});
    return;
  }
  const auto connections = call.environment.connections(project->project, project->folder.string());
  if (!connections) {
    findings.push_back({Verdict::bad, "connections", connections.error().text()});
    return;
  }
  for (const spec::Connection& each : project->project.find_profile(*profile)->connections) {
    findings.push_back(check_connection(call, *project, **connections, *profile, each));
  }
}

std::string_view verdict_name(Verdict verdict) {
  return verdict == Verdict::good ? "ok" : verdict == Verdict::warning ? "warning" : "error";
}

struct Setting {
  std::string_view name;
  std::string_view flag;
  std::string_view variable;
  std::string_view fallback;
  std::string_view doc;
};
constexpr std::array<Setting, 4> settings{{
    {"project", "--project", "", "the nearest folder with tutti.yaml", "folder of the project"},
    {"profile", "--profile", "TUTTI_PROFILE", "local", "set of connections that runs use"},
    {"output", "--output", "", "text", "text or json"},
    {"color", "", "NO_COLOR", "on a terminal", "colours in text output; off when NO_COLOR is set"},
}};

std::string given_on_command_line(const Invocation& call, std::string_view name) {
  if (name == "project") {
    return call.globals.project;
  }
  if (name == "profile") {
    return call.globals.profile;
  }
  return name == "output" && call.output.json() ? "json" : "";
}

struct SettingValue {
  std::string value;
  std::string source;
};
SettingValue value_of(const Invocation& call, const Setting& setting) {
  if (std::string given = given_on_command_line(call, setting.name); !given.empty()) {
    return {std::move(given), fmt::format("flag {}", setting.flag)};
  }
  const char* variable =
      setting.variable.empty() ? nullptr : std::getenv(std::string(setting.variable).c_str());
  if (variable != nullptr && *variable != '\0') {
    return {variable, fmt::format("environment {}", setting.variable)};
  }
  if (setting.name == "project") {
    if (auto folder = find_project(call.globals)) {
      return {folder->string(), "found from the working folder"};
    }
  }
  return {std::string(setting.fallback), "default"};
}

}  // namespace

Result<int> doctor(Invocation& call, const DoctorArgs&) {
  std::vector<Finding> findings{check_kernel(),
                                check_cores(),
                                check_open_files(),
                                check_clock(call.environment),
                                check_program("bash", "the action `process` with `run`"),
                                check_program("python3", "the action `python`")};
  add_project(call, findings);
  bool bad = false;
  ValueList values;
  for (const Finding& each : findings) {
    bad = bad || each.verdict == Verdict::bad;
    if (call.output.json()) {
      values.push_back(Value::of({{"verdict", verdict_name(each.verdict)},
                                  {"about", each.about},
                                  {"what", each.what},
                                  {"remedy", each.remedy}}));
      continue;
    }
    const Color color = each.verdict == Verdict::good      ? Color::green
                        : each.verdict == Verdict::warning ? Color::yellow
                                                           : Color::red;
    call.output.line(fmt::format(
        "{}  {}: {}{}", call.output.paint(color, fmt::format("{:7}", verdict_name(each.verdict))),
        each.about, printable(each.what), each.remedy.empty() ? "" : ". " + each.remedy));
  }
  if (call.output.json()) {
    call.output.value(Value(std::move(values)));
  }
  return bad ? 1 : 0;
}

Result<int> config(Invocation& call, const ConfigArgs& args) {
  ValueList values;
  bool found = false;
  for (const Setting& setting : settings) {
    if (!args.explain.empty() && args.explain != setting.name) {
      continue;
    }
    found = true;
    const SettingValue value = value_of(call, setting);
    if (call.output.json()) {
      values.push_back(Value::of({{"name", setting.name},
                                  {"value", value.value},
                                  {"source", value.source},
                                  {"doc", setting.doc}}));
      continue;
    }
    call.output.line(fmt::format("{} = {}  ({})", setting.name, value.value, value.source));
    if (!args.explain.empty()) {
      call.output.line(fmt::format("  {}", setting.doc));
      call.output.line(fmt::format("  in this order: flag {}, environment {}, default {}",
                                   setting.flag.empty() ? "(none)" : setting.flag,
                                   setting.variable.empty() ? "(none)" : setting.variable,
                                   setting.fallback));
    }
  }
  if (!found) {
    return fail(Code::not_found, fmt::format("there is no setting '{}'", args.explain),
                "`tutti config` lists them");
  }
  if (call.output.json()) {
    call.output.value(Value(std::move(values)));
  }
  return 0;
}

}  // namespace tutti::cli
