// SPDX-License-Identifier: Apache-2.0
// tutti cp, mv, sync. They need neither a project nor an owner; in a project its connections are
// known.
#include <algorithm>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/data_side.h"
#include "cli/ledger.h"
#include "cli/selecting.h"
#include "cli/stages.h"
#include "cloud/locks.h"
#include "cloud/wrap/limited.h"
#include "core/transfer/price.h"
#include "rt/file.h"
#include "xfer/remove.h"
#include "xfer/select.h"
#include "xfer/sync.h"
#include "xfer/transfer.h"
#include "xfer/verify.h"

namespace tutti::cli {
namespace fs = std::filesystem;
namespace {

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
      const double rate = static_cast<double>(bytes) / elapsed;
      line += fmt::format(", {}/s{}", human_bytes(static_cast<int64_t>(rate)),
                          left_text(progress, rate));
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
  // Known once the listing has ended.
  static std::string left_text(const xfer::Progress& progress, double bytes_per_second) {
    if (!progress.bytes_total || *progress.bytes_total <= progress.bytes_done ||
        bytes_per_second < 1) {
      return {};
    }
    const auto left = static_cast<double>(*progress.bytes_total - progress.bytes_done);
    return fmt::format(", {} left",
                       human(seconds(1 + static_cast<int64_t>(left / bytes_per_second))));
  }

  Output& output_;
  rt::Clock& clock_;
  BootInstant started_;
  BootInstant next_ = {};
  bool drawn_ = false;
};

// Each end for itself.
Result<Unit> limit(cloud::Located& located, const std::string& bandwidth) {
  if (bandwidth.empty()) {
    return Unit{};
  }
  auto plan = cloud::wrap::RatePlan::parse(Value::of({{"bandwidth", bandwidth}}));
  if (!plan.has_value()) {
    return fail(Code::bad_input, fmt::format("--bandwidth cannot be '{}'", bandwidth),
                "write 10MB/s or 64KiB/s");
  }
  located.store = cloud::wrap::make_limited(
      std::move(located.store), std::make_shared<cloud::wrap::Limiter>(std::move(*plan)));
  return Unit{};
}

// --only-failed: the names below the source that the manifest says have failed.
Result<Unit> select_failed(xfer::Request& request, const CpArgs& args) {
  if (args.only_failed.empty()) {
    return Unit{};
  }
  TRY(const std::string text, rt::read_file(args.only_failed));
  auto failed = xfer::parse_failed(text);
  if (!failed.has_value()) {
    return in_file(args.only_failed, std::move(failed).error());
  }
  const std::string prefix = cloud::address_of(request.from, request.from.key);
  if (!prefix.ends_with('/')) {
    return fail(Error{.code = Code::bad_input,
                      .what = "--only-failed goes with a source that is a prefix",
                      .where = prefix,
                      .remedy = "give the FROM of the copy that wrote the manifest"});
  }
  request.filter.only.emplace();
  for (const std::string& each : *failed) {
    if (!each.starts_with(prefix)) {
      return in_file(args.only_failed,
                     {.code = Code::bad_input,
                      .what = fmt::format("{} failed, and is not below {}", each, prefix),
                      .remedy = "give the FROM of the copy that wrote the manifest"});
    }
    request.filter.only->insert(each.substr(prefix.size()));
  }
  return Unit{};
}

// The folder a local prefix or glob begins with; empty: it is no folder of this machine.
fs::path folder_of(const cloud::Located& located) {
  const auto selection = transfer::parse_selection(located.key.text);
  if (!selection.has_value() ||
      (located.ref.provider != "file" && located.ref.provider != "local")) {
    return {};
  }
  const fs::path root = fs::path(located.ref.account) / located.ref.bucket;
  std::error_code error;
  return fs::weakly_canonical(root / (located.root + selection->base), error);
}

// What is written while a folder is copied or compared is no part of it.
void leave_out_manifest(transfer::Filter& filter, const cloud::Located& located,
                        const std::string& manifest) {
  const fs::path folder = folder_of(located);
  std::error_code error;
  const fs::path beside = fs::weakly_canonical(fs::absolute(manifest, error).parent_path(), error);
  if (manifest.empty() || folder.empty() || beside.empty()) {
    return;
  }
  for (const fs::path& each : Ledger::files_of(manifest)) {
    const std::string name = (beside / each.filename()).lexically_relative(folder).string();
    if (!name.starts_with("../")) {
      filter.never.insert(name);
    }
  }
}

// A pattern the shell has written out makes destinations of its files, which would be lost.
Result<Unit> check_expanded(const CpArgs& args, const std::string& to) {
  std::error_code error;
  if (args.to.size() < 2 || is_address(to) || !fs::is_regular_file(to, error)) {
    return Unit{};
  }
  return fail(Error{.code = Code::bad_input,
                    .what = "one of several destinations is a file that exists",
                    .where = to,
                    .remedy = "if the shell wrote out a pattern, quote it: 'data/*.csv'; the first "
                              "word is what is copied, all others are destinations"});
}

Result<xfer::Request> request_of(const DataSide& side, const CpArgs& args, Instant now) {
  xfer::Request request;
  if (args.from == "-" || std::ranges::find(args.to, "-") != args.to.end()) {
    return fail(
        Error{.code = Code::unsupported,
              .what = "cp does not copy from standard input or to standard output",
              .where = "-",
              .remedy = "`tutti cat ADDRESS` prints an object; ./- is a file of that name"});
  }
  TRY(request.from, args.version.empty() ? open_address(side, args.from)
                                         : open_version(side, args.from, args.version));
  request.from_exactly = request.from_version = !args.version.empty();
  if (!args.only_failed.empty() && args.manifest == args.only_failed) {
    return fail(Error{.code = Code::bad_input,
                      .what = "--manifest would replace what --only-failed reads",
                      .where = args.manifest,
                      .remedy = "give the new manifest another name"});
  }
  for (const std::string& each : args.to) {
    TRY_OK(check_expanded(args, each));
    TRY(cloud::Located to, open_address(side, each));
    TRY_OK(limit(to, args.bandwidth));
    request.to.push_back(std::move(to));
  }
  TRY_OK(limit(request.from, args.bandwidth));
  TRY(request.if_exists, transfer::parse_if_exists(args.if_exists));
  TRY(request.verify, xfer::parse_verify(args.verify));
  TRY(request.filter, filter_of(args.filter, now));
  leave_out_manifest(request.filter, request.from, args.manifest);
  TRY_OK(select_failed(request, args));
  TRY(request.order.first, transfer::parse_patterns(args.first));
  TRY(request.order.by, transfer::parse_by(args.order));
  TRY(request.renames, transfer::parse_renames(args.renames));
  request.storage_class = args.storage_class;
  TRY(request.lock,
      cloud::parse_lock(args.lock.until, args.lock.mode, args.lock.legal_hold == "on", now));
  request.sha256 = args.sha256;
  request.tags = args.tags;
  TRY(request.pull, xfer::parse_pull(args.pull));
  request.failures_max = args.failures_max;
  request.journal = side.journal;
  return request;
}

// "12 proven equal by the store's checksum, 3 proven equal by reading back"
std::string proofs_text(const std::array<uint64_t, 3>& proofs) {
  constexpr std::pair<xfer::Proof, std::string_view> words[] = {
      {xfer::Proof::store, "proven equal by the store's checksum"},
      {xfer::Proof::end_to_end, "proven equal by reading back"},
      {xfer::Proof::size, "by size only"}};
  std::string text;
  for (const auto& [proof, word] : words) {
    const uint64_t count = proofs[static_cast<size_t>(proof)];
    if (count > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, word);
    }
  }
  return text;
}

// The source is read once, whoever takes it: the dearest way counts. nullopt: no price is known.
std::optional<transfer::EgressCost> cost_of(const cloud::Located& from,
                                            const std::vector<cloud::Located>& to, uint64_t bytes) {
  std::optional<transfer::EgressCost> dearest;
  for (const cloud::Located& each : to) {
    auto cost = transfer::egress_cost(from.ref, each.ref, bytes / to.size());
    if (cost && (!dearest || cost->most > dearest->most)) {
      dearest = std::move(cost);
    }
  }
  return dearest;
}

void say_left_out(Invocation& call, const cloud::LeftOut& left_out) {
  if (const std::string text = xfer::left_out_text(left_out); !text.empty()) {
    call.output.note(printable(text));
  }
}

// A line for each object with -v.
void say_step(Invocation& call, transfer::Act act, const std::string& what) {
  if (call.output.verbose() && !call.output.json()) {
    call.output.line(printable(fmt::format("{}: {}", transfer::act_name(act), what)));
  }
}

void say_steps(Invocation& call, const transfer::Plan& plan) {
  for (const transfer::Step& each : plan.steps) {
    say_step(
        call, each.act,
        fmt::format("{} -> {}{}{}", each.from, each.to, each.why.empty() ? "" : ": ", each.why));
  }
}

Value strings_value(const std::vector<std::string>& strings) {
  return Value(ValueList(strings.begin(), strings.end()));
}

Task<int> preview_copy(Invocation& call, xfer::Request request) {
  const cloud::Located from = request.from;
  const std::vector<cloud::Located> to = request.to;
  CO_TRY(const xfer::Preview preview,
         co_await xfer::preview(call.environment.context(), std::move(request)));
  const transfer::Plan& plan = preview.plan;
  const auto cost = cost_of(from, to, plan.bytes);
  if (call.output.json()) {
    Value value = Value::of({{"objects", plan.objects},
                             {"bytes", plan.bytes},
                             {"skipped", plan.skipped},
                             {"conflicts", plan.conflicts},
                             {"missing", strings_value(preview.missing)},
                             {"left_out", preview.left_out.count}});
    if (cost) {
      value.edit_map().set(
          "egress_usd",
          Value::of({{"least", cost->least}, {"most", cost->most}, {"basis", cost->basis}}));
    }
    call.output.value(value);
  } else {
    say_steps(call, plan);
    call.output.line(fmt::format(
        "would copy {}, {}; already there: {}, in the way: {}. Nothing was done.",
        objects_text(plan.objects), bytes_text(plan.bytes), plan.skipped, plan.conflicts));
    if (cost) {
      call.output.line(fmt::format("leaving the cloud: ${:.2f} to ${:.2f} ({})", cost->least,
                                   cost->most, cost->basis));
    }
  }
  say_left_out(call, preview.left_out);
  for (const std::string& each : preview.missing) {
    call.output.complain(printable(fmt::format("there is no {}", each)));
  }
  co_return plan.conflicts > 0 || !preview.missing.empty() ? 1 : 0;
}

// The one kind of store all of them are; empty: there are several.
std::string provider_of(const std::vector<cloud::Located>& to) {
  const std::string& first = to.front().store->capabilities().provider;
  const bool alike = std::ranges::all_of(
      to, [&](const cloud::Located& each) { return each.store->capabilities().provider == first; });
  return alike ? first : std::string();
}

// What was lost of what the objects said of themselves, if anything.
void say_losses(Invocation& call, const xfer::Losses& losses, const std::string& provider,
                const std::string& manifest) {
  const std::string text = xfer::losses_text(losses, provider, !manifest.empty());
  if (!text.empty()) {
    call.output.note(printable(text));
  }
}

struct Copied {
  xfer::Report report;
  std::string provider;  // of the destinations
  std::unique_ptr<Ledger> ledger;
};

// `request.on_entry` is called beside the ledger.
Task<Copied> copy_objects(Invocation& call, xfer::Request request, std::string manifest) {
  rt::Context& ctx = call.environment.context();
  Copied copied{.provider = provider_of(request.to)};
  CO_TRY(copied.ledger, Ledger::open(manifest));
  CopyProgress progress(call.output, ctx.clock());
  request.on_progress = [&progress](const xfer::Progress& now) { progress.show(now); };
  request.on_entry = [&ledger = *copied.ledger, also = request.on_entry](const xfer::Entry& entry) {
    ledger.take(entry);
    if (also) {
      also(entry);
    }
  };
  auto result = co_await xfer::run(ctx, std::move(request), call.environment.cpu());
  progress.clear();
  const auto closed = copied.ledger->close();
  CO_OK(result);
  CO_OK(closed);
  copied.report = std::move(*result);
  co_return copied;
}

Value failures_value(const Ledger& ledger) {
  ValueList list;
  for (const xfer::Entry& each : ledger.failures()) {
    list.push_back(Value::of({{"from", each.from.address},
                              {"to", each.to.address},
                              {"code", code_name(each.error->code)},
                              {"what", each.error->what}}));
  }
  return Value(std::move(list));
}

// How to finish what failed. `rule`: of --if-exists, where the command has that.
std::string finishing(const std::vector<xfer::Entry>& failures, const std::string& manifest,
                      std::string_view rule) {
  const auto all_are = [&](auto predicate) {
    return std::ranges::all_of(failures,
                               [&](const auto& each) { return predicate(each.error->code); });
  };
  if (!manifest.empty()) {
    return fmt::format("--only-failed {} and another --manifest try them again", manifest);
  }
  if (all_are([](Code code) { return code == Code::conflict; })) {
    return "`tutti sync` sends what differs, --if-exists replace everything; "
           "--manifest FILE lists all";
  }
  if (all_are([](Code code) {
        return code == Code::denied || code == Code::bad_input || code == Code::not_found;
      })) {
    return "--manifest FILE lists all";
  }
  return fmt::format("the same command{} finishes it; --manifest FILE lists all",
                     rule.empty() ? std::string() : fmt::format(" with --if-exists {}", rule));
}

// Which objects failed, and how to finish. True: none did.
bool say_failures(Invocation& call, uint64_t failed, const Ledger& ledger,
                  const std::string& finish) {
  if (failed == 0) {
    return true;
  }
  std::string text;
  for (const std::string& line : xfer::failure_lines(failed, ledger.failures())) {
    text += printable(line) + "\n";
  }
  call.output.complain(text + finish);
  return false;
}

int say_copied(Invocation& call, const Copied& copied, std::string_view verb,
               const std::string& manifest, std::string_view rule = "verify") {
  const xfer::Report& report = copied.report;
  if (call.output.json()) {
    call.output.value(
        Value::of({{"objects", report.objects},
                   {"bytes", report.bytes},
                   {"skipped", report.skipped},
                   {"failed", report.failed},
                   {"pulled", report.routes[static_cast<size_t>(xfer::Route::pulled)]},
                   {"failures", failures_value(*copied.ledger)},
                   {"left_out", report.left_out.count},
                   {"with_losses", report.losses.objects},
                   {"objects_at_once", report.objects_at_once},
                   {"parts_at_once", report.parts_at_once}}));
    return report.failed == 0 ? 0 : 1;
  }
  call.output.note(
      fmt::format("{} {}, {}{}", verb, objects_text(report.objects), bytes_text(report.bytes),
                  report.skipped > 0 ? fmt::format("; {} {} there already", report.skipped,
                                                   report.skipped == 1 ? "was" : "were")
                                     : ""));
  if (const std::string pulls = xfer::pulls_text(report); !pulls.empty()) {
    call.output.note(printable(pulls));
  }
  say_losses(call, report.losses, copied.provider, manifest);
  say_left_out(call, report.left_out);
  if (call.output.verbose() && report.objects + report.skipped > 0) {
    call.output.note(proofs_text(report.proofs));
    call.output.note(fmt::format("at once, in the end: up to {}, {} parts of large ones",
                                 objects_text(report.objects_at_once), report.parts_at_once));
  }
  const std::string finish = finishing(copied.ledger->failures(), manifest, rule);
  return say_failures(call, report.failed, *copied.ledger, finish) ? 0 : 1;
}

Task<int> copy(Invocation& call, DataSide& side, CpArgs args) {
  CO_TRY(xfer::Request request, request_of(side, args, call.environment.context().clock().wall()));
  CO_TRY(request.stages, stages_of(call, side, args.stages));
  request.keep_names = args.stages.keep_names;
  const std::string_view rule = request.stages.empty() ? "verify" : "skip";
  if (!args.only_failed.empty() && request.filter.only->empty()) {
    call.output.note(fmt::format("nothing has failed, as {} says", printable(args.only_failed)));
    co_return 0;
  }
  if (args.dry_run) {
    co_return co_await preview_copy(call, std::move(request));
  }
  CO_TRY(const Copied copied, co_await copy_objects(call, std::move(request), args.manifest));
  co_return say_copied(call, copied, "copied", args.manifest, rule);
}

Task<int> move(Invocation& call, DataSide& side, CpArgs args) {
  CO_TRY(xfer::Request request, request_of(side, args, call.environment.context().clock().wall()));
  if (args.to.size() > 1) {
    co_return fail(Code::bad_input, "mv has one destination",
                   "copy to several with `tutti cp`, then remove with `tutti rm`");
  }
  if (args.dry_run) {
    co_return co_await preview_copy(call, std::move(request));
  }
  if (request.if_exists == transfer::IfExists::skip ||
      request.verify.policy == xfer::Verify::none) {
    co_return fail(Code::bad_input, "mv removes only what is proven to be at the destination",
                   "use --if-exists verify, fail or replace, and --verify store or full");
  }
  xfer::Counted sources{.located = request.from, .objects = {}};
  const size_t base = request.from.base.size();
  request.on_entry = [&sources, base](const xfer::Entry& each) {
    if (each.done != xfer::Done::failed) {
      sources.objects.push_back(
          {.key = {each.from.address.substr(base)}, .size = each.bytes, .etag = each.from.etag});
    }
  };
  CO_TRY(const Copied copied, co_await copy_objects(call, std::move(request), args.manifest));
  CO_OK(co_await xfer::remove(call.environment.context(), std::move(sources), {}));
  co_return say_copied(call, copied, "moved", args.manifest);
}

// ---- sync

Result<xfer::SyncRequest> request_of(const DataSide& side, const SyncArgs& args, Instant now) {
  const auto as_prefix = [](std::string text) {
    return is_address(text) || text.ends_with('/') ? text : text + "/";
  };
  xfer::SyncRequest request;
  TRY(request.from, open_address(side, as_prefix(args.from)));
  TRY(request.to, open_address(side, as_prefix(args.to)));
  TRY_OK(limit(request.from, args.bandwidth));
  TRY_OK(limit(request.to, args.bandwidth));
  TRY(request.verify, xfer::parse_verify(args.verify));
  TRY(request.filter, filter_of(args.filter, now));
  leave_out_manifest(request.filter, request.from, args.manifest);
  leave_out_manifest(request.filter, request.to, args.manifest);
  request.same = args.checksum    ? xfer::Same::digests
                 : args.size_only ? xfer::Same::size
                                  : xfer::Same::time;
  if (!args.backup.empty()) {
    TRY(request.backup, open_address(side, as_prefix(args.backup)));
  }
  request.remove_extra = args.remove;
  request.removes_max = args.removes_max;
  request.dry_run = args.dry_run;
  request.tags = args.tags;
  TRY(request.pull, xfer::parse_pull(args.pull));
  request.failures_max = args.failures_max;
  request.journal = side.journal;
  return request;
}

Task<int> synchronise(Invocation& call, DataSide& side, SyncArgs args) {
  rt::Context& ctx = call.environment.context();
  CO_TRY(xfer::SyncRequest request, request_of(side, args, ctx.clock().wall()));
  const std::string provider = request.to.store->capabilities().provider;
  CO_TRY(const auto ledger, Ledger::open(args.dry_run ? "" : args.manifest));
  CopyProgress progress(call.output, ctx.clock());
  request.on_progress = [&progress](const xfer::Progress& now) { progress.show(now); };
  request.on_entry = [&ledger](const xfer::Entry& entry) { ledger->take(entry); };
  request.on_step = [&call](transfer::Act act, const std::string& to) { say_step(call, act, to); };
  auto result = co_await xfer::sync(ctx, std::move(request), call.environment.cpu());
  progress.clear();
  const auto closed = ledger->close();
  CO_TRY(const xfer::SyncReport report, std::move(result));
  CO_OK(closed);
  if (call.output.json()) {
    call.output.value(Value::of({{"copied", report.copied},
                                 {"bytes", report.bytes},
                                 {"same", report.same},
                                 {"extra", report.extra},
                                 {"removed", report.removed},
                                 {"backed_up", report.backed_up},
                                 {"failed", report.failed},
                                 {"failures", failures_value(*ledger)},
                                 {"left_out", report.left_out.count},
                                 {"with_losses", report.losses.objects},
                                 {"dry_run", args.dry_run}}));
    co_return report.failed == 0 ? 0 : 1;
  }
  std::string text = fmt::format(
      "{} {}, {}; the same: {}; {}", args.dry_run ? "would copy" : "copied",
      objects_text(report.copied), bytes_text(report.bytes), report.same,
      args.remove ? fmt::format("{}: {}", args.dry_run ? "would remove" : "removed", report.removed)
                  : fmt::format("only at the destination: {}", report.extra));
  if (report.backed_up > 0) {
    text += fmt::format("; kept in {}: {}", args.backup, report.backed_up);
  }
  if (args.dry_run) {
    call.output.line(text + ". Nothing was done.");
  } else {
    call.output.note(text);
  }
  if (!report.pulls.empty()) {
    call.output.note(printable(report.pulls));
  }
  say_losses(call, report.losses, provider, args.manifest);
  say_left_out(call, report.left_out);
  if (report.failed > 0 && args.remove) {
    call.output.note("Nothing was removed, as not everything was copied.");
  }
  co_return say_failures(call, report.failed, *ledger, "the same command finishes it") ? 0 : 1;
}

}  // namespace

Result<int> cp(Invocation& call, const CpArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(copy(call, side, args));
}

Result<int> mv(Invocation& call, const MvArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(move(call, side, args.copy));
}

Result<int> sync(Invocation& call, const SyncArgs& args) {
  TRY(DataSide side, open_data(call));
  return call.environment.loop().run(synchronise(call, side, args));
}

}  // namespace tutti::cli
