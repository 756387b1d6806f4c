// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "base/closest.h"
#include "cli/others.h"
#include "cli/version.h"

namespace tutti::cli {
namespace {

struct RawInput {
  std::string workflow;
  std::string date;
  std::vector<std::string> params;
};

// Everything CLI11 writes into; turned into Arguments after parsing.
struct Raw {
  Globals globals;
  std::string output = "text";
  RawInput input;
  RunsArgs runs;
  std::string runs_date;
  InitArgs init;
  ValidateArgs validate;
  RunArgs run;
  ShowArgs show;
  LogsArgs logs;
  uint32_t attempt = 0;
  GraphArgs graph;
  RetryArgs retry;
  CancelArgs cancel;
  MarkArgs mark;
  LsArgs ls;
  CatArgs cat;
  CpArgs cp;
  MvArgs mv;
  SyncArgs sync;
  RmArgs rm;
  ShowLockArgs lock;
  RestoreArgs restore;
  DuArgs du;
  MbArgs mb;
  RbArgs rb;
  PresignArgs presign;
  VerifyArgs verify;
  ManifestArgs manifest;
  ConnectionsArgs connections;
  ConfigArgs config;
  ReferenceArgs reference;
};

struct Example {
  std::string_view command;
  std::string_view does;
};

// The footer of a command's help: numbered examples.
std::string examples(std::initializer_list<Example> list) {
  std::string out = "Examples:\n";
  int number = 1;
  for (const Example& each : list) {
    out += fmt::format("  {}. {}\n     {}\n", number++, each.does, each.command);
  }
  return out;
}

void add_input(CLI::App& app, RawInput& input) {
  app.add_option("WORKFLOW", input.workflow, "name of a workflow of the project, or a file")
      ->required();
  app.add_option("--date", input.date, "logical date, YYYY-MM-DD; the interval is that day (UTC)");
  app.add_option("-p,--param", input.params, "a parameter, NAME=VALUE; may be given several times");
}

void add_file_commands(CLI::App& app, Raw& raw) {
  auto* init = app.add_subcommand("init", "Make a new project in a new folder");
  init->add_option("NAME", raw.init.name, "name of the project and its folder")->required();
  init->footer(
      examples({{"tutti init shop && cd shop && tutti run shop", "A project that runs as it is"}}));

  auto* validate =
      app.add_subcommand("validate", "Check workflow files and say all that is wrong with them");
  validate->add_option("WORKFLOW", raw.validate.workflows,
                       "names or files; none: all of the project");
  validate->footer(
      examples({{"tutti validate", "All files of the project"},
                {"tutti validate workflows/shop.yaml -o json", "One file, for a program"},
                {"tutti validate --profile prod", "Against the connections of a profile"}}));

  auto* plan = app.add_subcommand("plan", "Show what a run would do, without doing it");
  add_input(*plan, raw.input);
  plan->footer(
      examples({{"tutti plan shop --date 2026-02-28", "Tasks, order, copies and SQL of one day"}}));

  auto* graph = app.add_subcommand("graph", "Draw the tasks of a workflow");
  graph->add_option("WORKFLOW", raw.graph.workflow, "name of a workflow of the project, or a file")
      ->required();
  graph->add_option("--format", raw.graph.format, "text, dot or mermaid")
      ->check(CLI::IsMember({"text", "dot", "mermaid"}))
      ->default_str("text");
  graph->footer(
      examples({{"tutti graph shop", "As indented text"},
                {"tutti graph shop --format dot | dot -Tsvg > shop.svg", "As a picture"}}));
}

void add_run_commands(CLI::App& app, Raw& raw) {
  auto* run = app.add_subcommand("run", "Run a workflow and watch it");
  add_input(*run, raw.input);
  run->add_flag("-d,--detach", raw.run.detach, "start it, print its id and return");
  run->footer(examples(
      {{"tutti run shop", "Now, with an empty interval"},
       {"tutti run shop --date 2026-02-28 -p day=2026-02-28", "For a day, with a parameter"},
       {"tutti run shop --detach", "In the background"}}));

  auto* runs = app.add_subcommand("runs", "List runs, newest first");
  runs->add_option("--workflow", raw.runs.workflow, "only of this workflow");
  runs->add_option("--state", raw.runs.state, "only in this state")
      ->check(CLI::IsMember(
          {"queued", "running", "paused", "cancelling", "success", "failed", "cancelled"}));
  runs->add_option("--date", raw.runs_date, "only of this logical date");
  runs->add_option("-n,--limit", raw.runs.limit, "how many at most")
      ->check(CLI::Range(1, 10000).description(""))
      ->type_name("NUMBER")
      ->capture_default_str();
  runs->footer(examples({{"tutti runs --workflow shop --state failed", "What failed lately"}}));

  const char* ref = "id of a run (or its first 6 characters), NAME@DATE, NAME or `latest`";
  auto* show = app.add_subcommand("show", "Show a run: its tasks, attempts, errors and outputs");
  show->add_option("RUN", raw.show.run, ref)->default_val("latest");
  show->add_flag("--outputs", raw.show.outputs, "also the outputs of its tasks");
  show->footer(examples({{"tutti show", "The newest run"},
                         {"tutti show shop@2026-02-28 --outputs", "One day, in full"}}));

  auto* logs = app.add_subcommand("logs", "Print what the tasks of a run wrote");
  logs->add_option("RUN", raw.logs.run, ref)->default_val("latest");
  logs->add_option("TASK", raw.logs.task, "only this task");
  logs->add_option("--attempt", raw.attempt, "only this attempt")
      ->check(CLI::Range(1U, 1'000'000U).description(""))
      ->type_name("NUMBER");
  logs->add_flag("-f,--follow", raw.logs.follow, "go on until the run has ended");
  logs->footer(examples({{"tutti logs latest load_sales", "One task of the newest run"},
                         {"tutti logs -f", "Follow the newest run"}}));

  auto* retry =
      app.add_subcommand("retry", "Run the failed tasks of a run again, and what depends on them");
  retry->add_option("RUN", raw.retry.run, ref)->default_val("latest");
  retry->add_flag("-d,--detach", raw.retry.detach, "do not watch it");
  retry->footer(examples({{"tutti retry shop@2026-02-28", "After mending what was wrong"}}));

  auto* cancel = app.add_subcommand("cancel", "Cancel a run; what runs is stopped first");
  cancel->add_option("RUN", raw.cancel.run, ref)->required();
  cancel->add_flag("--now", raw.cancel.now, "without the time to end cleanly");
  cancel->add_flag("--no-wait", raw.cancel.no_wait, "do not wait until its tasks have ended");
  cancel->footer(examples({{"tutti cancel latest", "The newest run; returns when it has ended"},
                           {"tutti cancel latest --no-wait", "Ask for it and return"}}));

  auto* mark = app.add_subcommand("mark",
                                  "Say how a task ended whose outcome is unknown, or that a failed "
                                  "or skipped one counts otherwise");
  mark->add_option("RUN", raw.mark.run, ref)->required();
  mark->add_option("TASK", raw.mark.task, "name of the task")->required();
  mark->add_option("STATE", raw.mark.state, "success, failed or skipped")
      ->required()
      ->check(CLI::IsMember({"success", "failed", "skipped"}));
  mark->footer(examples({{"tutti mark latest charge success",
                          "The write of task `charge`, whose answer was lost, did go through"}}));
}

void add_filter_options(CLI::App& command, FilterArgs& filter) {
  command
      .add_option("--include", filter.include,
                  "only what this pattern matches; may be given several times")
      ->allow_extra_args(false);
  command.add_option("--exclude", filter.exclude, "not what this pattern matches; wins")
      ->allow_extra_args(false);
  command.add_option("--larger", filter.larger, "only objects of more bytes: 10MB");
  command.add_option("--smaller", filter.smaller, "only objects of fewer bytes");
  command.add_option("--newer-than", filter.newer, "only objects written in this time: 36h, 7d");
  command.add_option("--older-than", filter.older, "only objects written before this time");
  command
      .add_option("--include-regex", filter.include_regex,
                  "as --include, by a regular expression that matches anywhere in the name")
      ->allow_extra_args(false);
  command
      .add_option("--exclude-regex", filter.exclude_regex, "as --exclude, by a regular expression")
      ->allow_extra_args(false);
  command.add_option("--names-from", filter.names_from,
                     "only the names in this file, a line each, as they are below the prefix");
}

CLI::Option* add_version_option(CLI::App& command, std::string& version) {
  return command.add_option("--version-id", version,
                            "this version of the one object; `tutti ls --all-versions` lists them");
}

void add_lock_options(CLI::App& command, LockArgs& args, std::string_view what) {
  auto* until = command.add_option(
      "--retain-until", args.until,
      fmt::format("{} cannot be removed before: a time (UTC), or so long from now: 90d", what));
  command
      .add_option(
          "--retain-mode", args.mode,
          "governance: whoever has the permission can end it sooner; compliance: nobody can")
      ->check(CLI::IsMember({"governance", "compliance"}))
      ->default_val("governance")
      ->needs(until);
}

void add_lock_commands(CLI::App& app, Raw& raw) {
  auto* lock = app.add_subcommand(
      "lock", "Show or set what keeps a version from being removed (object lock, immutability)");
  lock->add_option("ADDRESS", raw.lock.address, "CONNECTION://KEY")->required();
  add_version_option(*lock, raw.lock.version);
  add_lock_options(*lock, raw.lock.lock, "the version");
  lock->add_option("--legal-hold", raw.lock.lock.legal_hold,
                   "on: it cannot be removed until this is off, whatever its retention")
      ->check(CLI::IsMember({"on", "off"}));
  lock->add_flag("--clear", raw.lock.clear, "end its retention")
      ->excludes(lock->get_option("--retain-until"));
  lock->add_flag(
      "--bypass-governance-retention", raw.lock.bypass,
      "shorten or end a governance retention that has not ended yet; needs a permission");
  lock->footer(examples(
      {{"tutti lock s3://audit/2026.csv", "What locks it"},
       {"tutti lock s3://audit/2026.csv --retain-until 2033-12-31 --retain-mode compliance",
        "For ten years' books"},
       {"tutti lock s3://audit/2026.csv --legal-hold on", "Until a case is closed"},
       {"tutti lock s3://audit/2026.csv --clear --bypass-governance-retention",
        "Let it go before its time"}}));

  auto* restore = app.add_subcommand(
      "restore", "Ask for archived objects to become readable (Glacier, Azure's tier Archive)");
  restore->add_option("ADDRESS", raw.restore.address, "an object; with -r a prefix or a glob")
      ->required();
  add_version_option(*restore, raw.restore.version);
  restore->add_flag("-r,-R,--recursive", raw.restore.recursive, "all below a prefix, or of a glob")
      ->excludes(restore->get_option("--version-id"));
  restore->add_option("--days", raw.restore.days, "that the readable copy stays (S3)")
      ->check(CLI::Range(1U, 36'500U).description(""))
      ->type_name("NUMBER")
      ->capture_default_str();
  restore
      ->add_option("--tier", raw.restore.tier,
                   "bulk: cheapest, standard: hours, expedited: dear, and minutes where it can be")
      ->check(CLI::IsMember({"bulk", "standard", "expedited"}))
      ->default_val("standard");
  restore->add_flag("--wait", raw.restore.wait, "return when all of them can be read");
  add_filter_options(*restore, raw.restore.filter);
  restore->add_flag("--dry-run", raw.restore.dry_run, "say what would be asked for");
  restore->footer(
      examples({{"tutti restore s3://archive/2019/a.csv --days 3", "One object"},
                {"tutti restore -r s3://archive/2019/ --tier bulk --wait", "A year, overnight"}}));
}

// Other movers' names of the same, which help does not show (others.h has those for which something
// else stands): a prefix or a folder is all below it, whether that is said or not.
void add_names_of_others(CLI::App& command, bool& dry_run) {
  command.add_flag("-r,-R,--recursive")->group("");
  command.add_flag("--dryrun", dry_run)->group("");
}

CLI::Option* as_count(CLI::Option* option) {
  return option->check(CLI::Validator(CLI::NonNegativeNumber).description(""))->type_name("NUMBER");
}

void add_verify_option(CLI::App& command, std::string& verify) {
  command
      .add_option("--verify", verify,
                  "full: read back, sample:5%: some of them, store: by the store's own checksum, "
                  "none: sizes only")
      ->default_val("store");
}

void add_pull_option(CLI::App& command, std::string& pull) {
  command
      .add_option("--pull", pull,
                  "whether Azure reads the source by itself, at a signed URL: auto: from 1 MiB on, "
                  "where it may be able to; always; never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->default_val("auto");
}

void add_failures_option(CLI::App& command, uint64_t& failures_max) {
  as_count(command.add_option("--max-failures", failures_max,
                              "the others go on when an object fails, until so many have"))
      ->default_val(1000);
}

void add_bandwidth_option(CLI::App& command, std::string& bandwidth) {
  command.add_option("--bandwidth", bandwidth, "at most so many bytes a second: 10MB/s");
}

void add_copy_options(CLI::App& command, CpArgs& args) {
  command
      .add_option("FROM", args.from, "an address, a prefix ending in /, a glob, or a local path")
      ->required();
  command.add_option("TO", args.to, "an address or a local path; several may be given")->required();
  command.add_option("--if-exists", args.if_exists, "fail, skip, replace or verify")
      ->check(CLI::IsMember({"fail", "skip", "replace", "verify"}))
      ->default_val("replace");
  add_verify_option(command, args.verify);
  command.add_option("--manifest", args.manifest, "write a line for each object to this file");
  command.add_option("--class", args.storage_class, "storage class, where the store has classes");
  add_filter_options(command, args.filter);
  command.add_option("--only-failed", args.only_failed,
                     "only what this manifest of an earlier copy says has failed");
  add_failures_option(command, args.failures_max);
  command
      .add_option("--first", args.first,
                  "what this pattern matches goes first; several: in their order")
      ->allow_extra_args(false);
  command.add_option("--order", args.order, "name, smallest, largest, oldest or newest first")
      ->default_val("name");
  command
      .add_option("--rename", args.renames,
                  "other names below the destination, as sed -E: 's/^old-//'; several: one after "
                  "the other")
      ->allow_extra_args(false);
  add_bandwidth_option(command, args.bandwidth);
  command.add_flag("--sha256", args.sha256, "compute a SHA-256, too, of objects up to 16 MiB");
  command.add_flag("--tags", args.tags, "copy tags, too: one more request for each object");
  add_pull_option(command, args.pull);
  add_version_option(command, args.version)->excludes(command.get_option("--tags"));
  add_lock_options(command, args.lock, "what is written");
  command
      .add_option("--legal-hold", args.lock.legal_hold,
                  "on: what is written cannot be removed until the hold is taken away")
      ->check(CLI::IsMember({"on"}));
  command.add_flag("--dry-run", args.dry_run, "say what would be copied; with -v each object");
  command.add_option("--storage-class", args.storage_class)->group("");
  add_names_of_others(command, args.dry_run);
}

void add_stage_options(CLI::App& command, StageArgs& args) {
  command.add_option("--compress", args.compress, "zstd or gzip, or with a level: zstd:19");
  command.add_flag("--decompress", args.decompress, "zstd or gzip, as the first bytes say");
  command.add_option("--encrypt", args.encrypt, "aes-256-gcm or fernet")
      ->check(CLI::IsMember({"aes-256-gcm", "fernet"}));
  command.add_flag("--decrypt", args.decrypt, "either of these, as the first bytes say");
  command.add_option("--key-secret", args.key_secret, "a secret of the project that is the key");
  command.add_option("--key-file", args.key_file, "the file with the key, which is yours alone");
  command.add_flag("--keep-names", args.keep_names,
                   "do not add or take away .zst, .gz, .tgcm, .fernet");
}

void add_sync_command(CLI::App& app, SyncArgs& args) {
  auto* sync = app.add_subcommand("sync", "Make one prefix equal to another");
  sync->add_option("FROM", args.from, "a prefix or a local folder")->required();
  sync->add_option("TO", args.to, "a prefix or a local folder")->required();
  sync->add_flag("--delete", args.remove, "remove what only the destination has, last of all");
  as_count(
      sync->add_option("--max-delete", args.removes_max, "where more would be removed, nothing is"))
      ->default_val(1000);
  sync->add_option("--backup", args.backup,
                   "a prefix that gets what would be replaced or removed, before it is");
  sync->add_flag("--checksum", args.checksum, "equal means equal bytes, not size and time");
  sync->add_flag("--size-only", args.size_only, "equal means equal size")->excludes("--checksum");
  add_verify_option(*sync, args.verify);
  add_pull_option(*sync, args.pull);
  sync->add_option("--manifest", args.manifest, "write a line for each copied object to this file");
  add_filter_options(*sync, args.filter);
  add_failures_option(*sync, args.failures_max);
  add_bandwidth_option(*sync, args.bandwidth);
  sync->add_flag("--tags", args.tags, "copy tags, too: one more request for each object");
  sync->add_flag("--dry-run", args.dry_run,
                 "say what would be copied and removed; with -v each object");
  add_names_of_others(*sync, args.dry_run);
  sync->footer(examples({{"tutti sync data/ s3://backup/data/", "What is new or newer"},
                         {"tutti sync --delete --dry-run gs://raw/ s3://mirror/",
                          "What an exact mirror would take"}}));
}

void add_store_commands(CLI::App& app, Raw& raw) {
  auto* rm = app.add_subcommand("rm", "Remove objects");
  rm->add_option("ADDRESS", raw.rm.addresses, "objects, prefixes ending in /, globs")->required();
  as_count(rm->add_option("--max", raw.rm.max, "where more would be removed, nothing is"))
      ->default_val(10'000);
  add_filter_options(*rm, raw.rm.filter);
  rm->add_flag("--dry-run", raw.rm.dry_run, "say what would be removed");
  rm->add_flag("--dryrun", raw.rm.dry_run)->group("");
  auto* uploads =
      rm->add_flag("--uploads", raw.rm.uploads,
                   "not objects: uploads that were begun a week ago, or --older-than, and "
                   "never ended");
  for (const char* filter : {"--include", "--exclude", "--include-regex", "--exclude-regex",
                             "--larger", "--smaller", "--newer-than", "--names-from"}) {
    uploads->excludes(rm->get_option(filter));
  }
  auto* versions = rm->add_flag("--all-versions", raw.rm.versions,
                                "every version of the object, for ever, and its delete markers");
  versions->excludes(uploads);
  rm->add_flag("-r,-R,--recursive", raw.rm.recursive,
               "needed only with --all-versions, to allow a prefix or a pattern");
  add_version_option(*rm, raw.rm.version)->excludes(versions)->excludes(uploads);
  rm->footer(examples(
      {{"tutti rm --dry-run s3://logs/2025/", "How much is below it"},
       {"tutti rm --yes 's3://logs/2025/*.tmp'", "Without being asked"},
       {"tutti rm --uploads --older-than 7d s3://logs/", "Parts nobody came back for, which cost"},
       {"tutti rm --all-versions -r s3://logs/2025/",
        "What a bucket with versions keeps of removed objects, too"}}));

  add_lock_commands(app, raw);
  auto* du = app.add_subcommand("du", "Count objects and bytes");
  du->add_option("ADDRESS", raw.du.address, "a prefix or a glob")->required();
  add_filter_options(*du, raw.du.filter);
  du->add_flag("-r,-R,--recursive")->group("");
  du->footer(examples({{"tutti du s3://archive/2026/", "All below a prefix"}}));

  auto* mb = app.add_subcommand("mb", "Make a bucket");
  mb->add_option("ADDRESS", raw.mb.address, "CONNECTION://BUCKET")->required();
  mb->footer(examples({{"tutti mb s3://archive", "In the connection's region"}}));
  auto* rb = app.add_subcommand("rb", "Remove an empty bucket");
  rb->add_option("ADDRESS", raw.rb.address, "CONNECTION://BUCKET")->required();
  rb->footer(examples({{"tutti rb s3://archive", "After tutti rm s3://archive/"}}));

  auto* presign = app.add_subcommand("presign", "Print a URL that others can use for a while");
  presign->add_option("ADDRESS", raw.presign.address, "CONNECTION://KEY")->required();
  presign->add_option("--expires", raw.presign.expires, "at most 7d")->default_val("1h");
  presign->add_flag("--put", raw.presign.put, "to write the object, not to read it");
  presign->footer(
      examples({{"curl \"$(tutti presign s3://archive/a.csv)\"", "Without credentials"}}));

  auto* verify = app.add_subcommand("verify", "Prove again what a manifest says");
  verify->add_option("MANIFEST", raw.verify.manifest, "a file written by --manifest")->required();
  verify->add_flag("--quick", raw.verify.quick,
                   "by the digests the stores keep; objects are read where they keep none");
  verify->footer(examples({{"tutti verify copied.jsonl", "Every object, read to its end"}}));

  auto* manifest = app.add_subcommand("manifest", "Export a manifest to Parquet");
  manifest->add_option("WHAT", raw.manifest.what, "export")
      ->required()
      ->check(CLI::IsMember({"export"}));
  manifest->add_option("MANIFEST", raw.manifest.manifest, "a file written by --manifest")
      ->required();
  manifest->add_option("FILE", raw.manifest.to, "the Parquet file to write; replaced if it exists")
      ->required();
  manifest->footer(examples({{"tutti manifest export copied.jsonl copied.parquet",
                              "A row for each object, typed: docs/transfers.md has the columns"}}));
}

void add_data_commands(CLI::App& app, Raw& raw) {
  auto* ls = app.add_subcommand("ls", "List objects, or buckets");
  ls->add_option("ADDRESS", raw.ls.address, "CONNECTION://PREFIX; CONNECTION:// alone: its buckets")
      ->required();
  ls->add_flag("-r,-R,--recursive", raw.ls.recursive, "all keys below, not one level");
  ls->add_flag("--all-versions", raw.ls.versions,
               "every version of each key, the newest first, with its id; removals, too");
  ls->footer(examples({{"tutti ls s3://archive/", "One level"},
                       {"tutti ls -r s3://archive/2026/", "All of it"},
                       {"tutti ls --all-versions s3://archive/2026/a.csv", "What it was before"},
                       {"tutti ls gs://", "The buckets, or containers, of a connection"}}));

  auto* cat = app.add_subcommand("cat", "Write an object to standard output");
  cat->add_option("ADDRESS", raw.cat.address, "CONNECTION://KEY")->required();
  add_version_option(*cat, raw.cat.version);
  cat->footer(
      examples({{"tutti cat s3://archive/2026-02-28/sales.json | head", "Look into an object"}}));

  auto* cp = app.add_subcommand("cp", "Copy objects, verified");
  add_copy_options(*cp, raw.cp);
  add_stage_options(*cp, raw.cp.stages);
  cp->footer(examples(
      {{"tutti cp 'az://pos/2026-02-28/*.json' s3://archive/2026-02-28/", "Between stores"},
       {"tutti cp s3://archive/a.json .", "To this folder"},
       {"tutti cp data/ gs://raw/ --exclude '*.tmp' --manifest copied.jsonl",
        "A folder, with a line of proof for each object"},
       {"tutti cp data/ s3://safe/ --compress zstd --encrypt aes-256-gcm --key-file key",
        "Smaller, and unreadable to others"},
       {"tutti cp s3://safe/ data/ --decrypt --decompress --key-file key", "And back"}}));

  auto* mv = app.add_subcommand("mv", "Copy objects, then remove what was proven to be copied");
  add_copy_options(*mv, raw.mv.copy);
  mv->footer(examples({{"tutti mv s3://inbox/2026/ s3://done/2026/", "A whole prefix"}}));
  add_sync_command(app, raw.sync);
  add_store_commands(app, raw);
}

void add_connections_command(CLI::App& app, ConnectionsArgs& args) {
  auto* connections =
      app.add_subcommand("connections", "List connections, test them, or limit their use");
  connections->add_option("WHAT", args.what, "list, test or limit")
      ->check(CLI::IsMember({"list", "test", "limit"}))
      ->default_val("list");
  connections->add_option("NAME", args.names,
                          "connections; to test also addresses. None: all of the profile");
  connections->add_option("--bucket", args.bucket,
                          "to test with, where the connection has no root");
  connections->add_flag("--write", args.write,
                        "also write and remove one small object with a random name");
  connections->add_option("--bandwidth", args.bandwidth,
                          "limit: bytes a second of each process, 10MB/s; takes effect at once");
  connections->add_option("--requests", args.requests, "limit: requests a second, 50/s");
  connections->add_flag("--off", args.off, "limit: only those of tutti.yaml again");
  connections->footer(examples(
      {{"tutti connections", "Where each leads, and whose credentials it uses"},
       {"tutti connections test", "All of the profile: what works, what is wrong, how to mend it"},
       {"tutti connections test s3 --bucket archive --write", "One, with a bucket"},
       {"tutti connections test gs://raw/2026/", "A prefix; of gs:// in any profile"},
       {"tutti connections limit s3 --bandwidth 10MB/s", "Slow down what runs now"}}));
}

void add_other_commands(CLI::App& app, Raw& raw) {
  add_connections_command(app, raw.connections);
  auto* doctor =
      app.add_subcommand("doctor", "Check machine, project, connections, disk and clock");
  doctor->footer(examples({{"tutti doctor", "When something does not work"}}));
  auto* config = app.add_subcommand("config", "Show the settings and where each comes from");
  config->add_option("--explain", raw.config.explain, "one setting: its sources in order");
  config->footer(examples({{"tutti config --explain profile", "Why this profile?"}}));
  app.add_subcommand("version", "Print the version");
  auto* reference = app.add_subcommand("reference", "")->group("");
  reference->add_option("PAGE", raw.reference.page)
      ->required()
      ->check(CLI::IsMember({"commands", "actions", "others", "workflow-schema"}));
}

void declare(CLI::App& app, Raw& raw) {
  app.require_subcommand(1);
  app.fallthrough();
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", fmt::format("tutti {}", version_text), "Print the version");
  app.add_option("-C,--project", raw.globals.project,
                 "the project's folder; else the nearest one with tutti.yaml");
  app.add_option("--profile", raw.globals.profile,
                 "set of connections (TUTTI_PROFILE; else local)");
  app.add_option("-o,--output", raw.output, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.add_flag("-q,--quiet", raw.globals.quiet, "only errors and results");
  app.add_flag("-v,--verbose", raw.globals.verbose, "more details");
  app.add_flag("-y,--yes", raw.globals.yes, "do not ask");
  add_file_commands(app, raw);
  add_run_commands(app, raw);
  add_data_commands(app, raw);
  add_other_commands(app, raw);
}

Result<std::optional<Date>> date_option(const std::string& text) {
  if (text.empty()) {
    return std::nullopt;
  }
  TRY(const Date date, parse_date(text));
  return date;
}

Result<RunInput> input_of(const RawInput& raw) {
  RunInput input{.workflow = raw.workflow};
  TRY(input.date, date_option(raw.date));
  for (const std::string& param : raw.params) {
    const size_t at = param.find('=');
    if (at == std::string::npos || at == 0) {
      return fail(Code::bad_input, fmt::format("'{}' is not a parameter", param),
                  "write --param NAME=VALUE");
    }
    input.params.emplace_back(param.substr(0, at), param.substr(at + 1));
  }
  return input;
}

Result<Command> command_of(const std::string& name, Raw& raw) {
  if (name == "plan" || name == "run") {
    TRY(raw.run.input, input_of(raw.input));
    return name == "run" ? Command(raw.run) : Command(PlanArgs{raw.run.input});
  }
  if (name == "runs") {
    TRY(raw.runs.date, date_option(raw.runs_date));
    return raw.runs;
  }
  if (name == "logs") {
    raw.logs.attempt = raw.attempt == 0 ? std::nullopt : std::optional(raw.attempt);
    return raw.logs;
  }
  const std::vector<std::pair<std::string_view, Command>> others{{"init", raw.init},
                                                                 {"validate", raw.validate},
                                                                 {"show", raw.show},
                                                                 {"graph", raw.graph},
                                                                 {"retry", raw.retry},
                                                                 {"cancel", raw.cancel},
                                                                 {"mark", raw.mark},
                                                                 {"ls", raw.ls},
                                                                 {"cat", raw.cat},
                                                                 {"cp", raw.cp},
                                                                 {"mv", raw.mv},
                                                                 {"sync", raw.sync},
                                                                 {"rm", raw.rm},
                                                                 {"lock", raw.lock},
                                                                 {"restore", raw.restore},
                                                                 {"du", raw.du},
                                                                 {"mb", raw.mb},
                                                                 {"rb", raw.rb},
                                                                 {"presign", raw.presign},
                                                                 {"verify", raw.verify},
                                                                 {"manifest", raw.manifest},
                                                                 {"connections", raw.connections},
                                                                 {"doctor", DoctorArgs{}},
                                                                 {"config", raw.config},
                                                                 {"version", VersionArgs{}},
                                                                 {"reference", raw.reference}};
  const auto at = std::ranges::find(others, name, &std::pair<std::string_view, Command>::first);
  if (at == others.end()) {
    return fail(Code::internal, "no such command: " + name);
  }
  return at->second;
}

Early mistake(std::string_view what, std::string_view remedy) {
  return {.exit_status = 2,
          .text = fmt::format("error: {}{}{}\n", what, remedy.empty() ? "" : ". ", remedy)};
}

// CLI11 says "The following argument was not expected: vaildate"; people want to know what they
// meant.
// Of "-o" and "--output", which the next word belongs to; not of "--output=json".
bool takes_value(const CLI::App& app, std::string_view word) {
  return std::ranges::any_of(app.get_options(), [word](const CLI::Option* option) {
    return option->get_items_expected_max() > 0 && option->check_name(std::string(word));
  });
}

std::optional<Early> unknown_command(const CLI::App& app, int argc, const char* const* argv) {
  std::vector<std::string> names;
  for (const CLI::App* each : app.get_subcommands(nullptr)) {
    if (!each->get_group().empty()) {
      names.push_back(each->get_name());
    }
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with('-')) {
      i += takes_value(app, word) ? 1 : 0;
      continue;
    }
    if (std::ranges::find(names, word) != names.end()) {
      return std::nullopt;
    }
    const std::string_view other = command_instead_of(word);
    const std::string near =
        other.empty() ? did_you_mean(word, names) : fmt::format("write {}", other);
    return mistake(fmt::format("there is no command '{}'", word),
                   near.empty() ? "`tutti --help` lists the commands" : near);
  }
  return std::nullopt;
}

// The names of an app's options as they are written: -o, --output.
void add_option_names(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
    for (const std::string& name : option->get_snames()) {
      names.push_back("-" + name);
    }
  }
}

bool has(const std::vector<std::string>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

// CLI11 says "The following arguments were not expected: 2026-01-01 --dat".
Early unexpected_argument(const CLI::App& app, int argc, const char* const* argv) {
  const auto subs = app.get_subcommands();
  const std::string command = subs.empty() ? "tutti" : "tutti " + subs.front()->get_name();
  std::vector<std::string> names;
  add_option_names(app, names);
  if (!subs.empty()) {
    add_option_names(*subs.front(), names);
  }
  const std::string see = fmt::format("`{} --help` shows what it takes", command);
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string name(
        std::string_view(argv[i]).substr(0, std::string_view(argv[i]).find('=')));
    if (name.size() > 1 && name.starts_with('-') && !has(names, name) &&
        (name.starts_with("--") || !has(names, name.substr(0, 2)))) {
      const std::string_view other =
          subs.empty() ? std::string_view() : instead_of(subs.front()->get_name(), name);
      const std::string near = other.empty() ? did_you_mean(name, names) : std::string(other);
      return mistake(fmt::format("`{}` has no option '{}'", command, name),
                     near.empty() ? see : near);
    }
  }
  const std::vector<std::string> rest = app.remaining(true);
  for (int i = 1; i < argc; ++i) {
    if (has(rest, argv[i])) {
      return mistake(fmt::format("`{}` does not take '{}' here", command, argv[i]), see);
    }
  }
  return mistake(fmt::format("`{}` was given more than it takes", command), see);
}

std::string help_of(const CLI::App& command) { return command.help("tutti"); }

// CLI11 names what an option excludes in the order of addresses, another one in each run.
class OrderedFormatter final : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    constexpr std::string_view label = " Excludes:";
    std::string text = CLI::Formatter::make_option_opts(option);
    const size_t at = text.find(label);
    if (at == std::string::npos) {
      return text;
    }
    std::vector<std::string> names;
    for (const CLI::Option* each : option->get_excludes()) {
      names.push_back(each->get_name());
    }
    std::ranges::sort(names);
    return fmt::format("{}{} {}", text.substr(0, at), label, fmt::join(names, " "));
  }
};

void declare_all(CLI::App& app, Raw& raw) {
  app.formatter(std::make_shared<OrderedFormatter>());  // commands take it over when they are made
  declare(app, raw);
}

}  // namespace

std::expected<Arguments, Early> parse_arguments(int argc, const char* const* argv) {
  CLI::App app("Tutti conducts data workflows across clouds.", "tutti");
  Raw raw;
  declare_all(app, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto subs = app.get_subcommands();
    return std::unexpected(Early{.text = subs.empty() ? app.help() : help_of(*subs.front())});
  } catch (const CLI::CallForVersion& version) {
    return std::unexpected(Early{.text = fmt::format("{}\n", version.what())});
  } catch (const CLI::RequiredError& e) {
    if (argc == 1) {
      return std::unexpected(Early{.exit_status = 2, .text = app.help()});
    }
    if (auto unknown = unknown_command(app, argc, argv)) {
      return std::unexpected(*unknown);
    }
    return std::unexpected(mistake(e.what(), "add --help to see what the command takes"));
  } catch (const CLI::ExtrasError&) {
    if (auto unknown = unknown_command(app, argc, argv)) {
      return std::unexpected(*unknown);
    }
    return std::unexpected(unexpected_argument(app, argc, argv));
  } catch (const CLI::ParseError& e) {
    if (auto unknown = unknown_command(app, argc, argv)) {
      return std::unexpected(*unknown);
    }
    return std::unexpected(mistake(e.what(), "add --help to see what the command takes"));
  }
  raw.globals.output = raw.output == "json" ? OutputFormat::json : OutputFormat::text;
  auto command = command_of(app.get_subcommands().front()->get_name(), raw);
  if (!command) {
    return std::unexpected(mistake(command.error().what, command.error().remedy));
  }
  return Arguments{.globals = raw.globals, .command = std::move(*command)};
}

std::string reference_markdown() {
  CLI::App app("Tutti conducts data workflows across clouds.", "tutti");
  Raw raw;
  declare_all(app, raw);
  std::string out =
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n<!-- Made by `tutti reference commands`; do "
      "not edit. "
      "-->\n"
      "# Command reference\n\n```text\n" +
      app.help() + "```\n";
  for (const CLI::App* each : app.get_subcommands(nullptr)) {
    if (!each->get_group().empty()) {
      out += fmt::format("\n## tutti {}\n\n```text\n{}```\n", each->get_name(), help_of(*each));
    }
  }
  return out;
}

}  // namespace tutti::cli
