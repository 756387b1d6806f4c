// SPDX-License-Identifier: Apache-2.0
// Every command's arguments as a plain struct, and the one place that parses them (CLI11 stays in
// arguments.cc). Option names, defaults and help texts are declared once, there; the reference page
// is made from the same declaration.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "core/transfer/filter.h"

namespace tutti::cli {

enum class OutputFormat : uint8_t { text, json };

struct Globals {
  std::string project;  // --project; empty: the folder with tutti.yaml at or above this one
  std::string profile;  // --profile; empty: TUTTI_PROFILE, then "local"
  OutputFormat output = OutputFormat::text;
  bool quiet = false;
  bool verbose = false;
  bool yes = false;
};

struct InitArgs {
  std::string name;
};
struct ValidateArgs {
  std::vector<std::string> workflows;  // names or files; empty: all of the project
  bool all_profiles = false;
};
struct RunInput {
  std::string workflow;  // name or file
  std::optional<Date> date;
  std::vector<std::pair<std::string, std::string>> params;
};
struct PlanArgs {
  RunInput input;
};
struct RunArgs {
  RunInput input;
  bool detach = false;
};
struct RunsArgs {
  std::string workflow;
  std::string state;
  std::optional<Date> date;
  size_t limit = 20;
};
struct ShowArgs {
  std::string run;
  bool outputs = false;
};
struct LogsArgs {
  std::string run;
  std::string task;
  std::optional<uint32_t> attempt;
  bool follow = false;
};
struct GraphArgs {
  std::string workflow;
  std::string format;  // text dot mermaid
};
struct RetryArgs {
  std::string run;
  bool detach = false;
};
struct CancelArgs {
  std::string run;
  bool now = false;
  bool no_wait = false;
};
struct MarkArgs {
  std::string run;
  std::string task;
  std::string state;
};
struct LsArgs {
  std::string address;
  bool recursive = false;
  bool versions = false;
};
struct CatArgs {
  std::string address;
  std::string version;  // empty: the latest
};
// Which objects take part.
struct FilterArgs : transfer::FilterTexts {
  std::string names_from;  // a local path; empty: all
};
// What happens to the bytes on their way.
struct StageArgs {
  std::string compress;  // "zstd", "gzip:9"; empty: no
  bool decompress = false;
  std::string encrypt;  // "aes-256-gcm", "fernet"; empty: no
  bool decrypt = false;
  std::string key_secret;  // a secret of the project
  std::string key_file;    // a local path
  bool keep_names = false;
};
// What locks what is written, or a version that is there.
struct LockArgs {
  std::string until;       // "2027-01-01", "90d"; empty: no retention
  std::string mode;        // governance, compliance
  std::string legal_hold;  // on, off; empty: as it is
};
struct CpArgs {
  std::string from;
  std::vector<std::string> to;
  std::string if_exists;
  std::string verify;
  std::string manifest;  // a local path; empty: none
  std::string storage_class;
  FilterArgs filter;
  std::string only_failed;  // a manifest; empty: all
  std::vector<std::string> renames;
  std::vector<std::string> first;
  std::string order;
  uint64_t failures_max = 1000;
  std::string bandwidth;  // "10MB/s"; empty: no limit
  bool sha256 = false;
  bool tags = false;
  std::string pull;
  bool dry_run = false;
  std::string version = {};  // of the one object; empty: the latest
  LockArgs lock = {};
  StageArgs stages = {};
};
struct MvArgs {
  CpArgs copy;
};
struct SyncArgs {
  std::string from;
  std::string to;
  std::string verify;
  std::string manifest;
  std::string backup;     // a prefix; empty: none
  std::string bandwidth;  // "10MB/s"; empty: no limit
  FilterArgs filter;
  uint64_t failures_max = 1000;
  bool remove = false;
  uint64_t removes_max = 1000;
  bool checksum = false;
  bool size_only = false;
  bool tags = false;
  std::string pull;
  bool dry_run = false;
};
struct RmArgs {
  std::vector<std::string> addresses;
  FilterArgs filter;
  uint64_t max = 10'000;
  bool dry_run = false;
  bool uploads = false;
  bool versions = false;   // all of them
  bool recursive = false;  // with versions
  std::string version;     // that one alone; empty: none
};
struct ShowLockArgs {
  std::string address;
  std::string version;  // empty: the latest
  LockArgs lock;
  bool clear = false;  // the retention
  bool bypass = false;
};
struct RestoreArgs {
  std::string address;
  std::string version;  // empty: the latest
  FilterArgs filter;
  bool recursive = false;
  uint32_t days = 7;
  std::string tier;
  bool wait = false;
  bool dry_run = false;
};
struct DuArgs {
  std::string address;
  FilterArgs filter;
};
struct BucketArgs {
  std::string address;
};
struct MbArgs : BucketArgs {};
struct RbArgs : BucketArgs {};
struct PresignArgs {
  std::string address;
  std::string expires;  // "1h"
  bool put = false;
};
struct VerifyArgs {
  std::string manifest;  // a local path
  bool quick = false;
};
struct ManifestArgs {
  std::string what;      // export
  std::string manifest;  // local paths
  std::string to;
};
struct ConnectionsArgs {
  std::string what;                // list, test or limit
  std::vector<std::string> names;  // or addresses; empty: all of the profile
  std::string bucket;
  bool write = false;
  std::string bandwidth;  // "10MB/s"; empty: as it is
  std::string requests;   // "50/s"
  bool off = false;
};
struct DoctorArgs {};
struct ConfigArgs {
  std::string explain;
};
struct VersionArgs {};
struct ReferenceArgs {  // hidden: prints a generated file of docs/ or api/
  std::string page;     // commands, actions or workflow-schema
};

using Command =
    std::variant<InitArgs, ValidateArgs, PlanArgs, RunArgs, RunsArgs, ShowArgs, LogsArgs, GraphArgs,
                 RetryArgs, CancelArgs, MarkArgs, LsArgs, CatArgs, CpArgs, MvArgs, SyncArgs, RmArgs,
                 ShowLockArgs, RestoreArgs, DuArgs, MbArgs, RbArgs, PresignArgs, VerifyArgs,
                 ManifestArgs, ConnectionsArgs, DoctorArgs, ConfigArgs, VersionArgs, ReferenceArgs>;

struct Arguments {
  Globals globals;
  Command command;
};

// What parsing ends with when there is nothing to run: help or version text (exit 0), or a mistake
// (exit 2).
struct Early {
  int exit_status = 0;
  std::string text;
};

std::expected<Arguments, Early> parse_arguments(int argc, const char* const* argv);
std::string reference_markdown();

}  // namespace tutti::cli
