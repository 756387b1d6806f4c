// SPDX-License-Identifier: Apache-2.0
#include "app/actions.h"

#include <cstdlib>

#include "action/branch/branch.h"
#include "action/check/check.h"
#include "action/copy/copy.h"
#include "action/del/del.h"
#include "action/http/http_action.h"
#include "action/list/list.h"
#include "action/load/load_action.h"
#include "action/noop/noop.h"
#include "action/process/process_action.h"
#include "action/python/python_action.h"
#include "action/sql/sql_action.h"
#include "action/sync/sync_action.h"
#include "action/wait_object/wait_object.h"

namespace tutti::app {
namespace fs = std::filesystem;
namespace {

fs::path python_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return fs::path(cache) / "tutti" / "python";
  }
  const char* home = std::getenv("HOME");
  return fs::path(home == nullptr ? "/tmp" : home) / ".cache" / "tutti" / "python";
}

Task<action::Outcome> query(rt::Context& ctx, action::SqlService& sql, action::SqlTarget target,
                            std::string text) {
  co_return co_await sql.query(ctx, std::move(target), {.text = std::move(text)});
}

}  // namespace

fs::path sql_program() {
  std::error_code ec;
  const fs::path self = fs::read_symlink("/proc/self/exe", ec);
  const fs::path beside = self.parent_path() / "tutti-sql";
  return fs::exists(beside, ec) ? beside
                                : self.parent_path().parent_path() / "libexec" / "tutti-sql";
}

ActionSet::ActionSet(ActionServices services)
    : sql_(services.processes,
           {.program = sql_program(), .connections = services.table, .secret = services.secret}),
      staging_(services.connections, services.local, services.cpu),
      pythons_(services.processes, python_cache()) {
  const action::objects::Services objects{
      .connections = services.connections,
      .cpu = services.cpu,
      .journal = services.local.project / ".tutti" / "transfers",
      .secret = services.secret};
  add(std::make_unique<action::NoopAction>());
  add(std::make_unique<action::BranchAction>());
  add(std::make_unique<action::CheckAction>([this](rt::Context& ctx,
                                                   const action::AttemptInfo& info,
                                                   std::string connection, std::string text) {
    return query(
        ctx, sql_,
        {.project = info.project, .profile = info.profile, .connection = std::move(connection)},
        std::move(text));
  }));
  add(action::make_copy(objects));
  add(action::make_list(objects));
  add(action::make_delete(objects));
  add(action::make_sync(objects));
  add(action::make_wait_object(objects));
  add(std::make_unique<action::SqlAction>(sql_));
  add(std::make_unique<action::LoadAction>(sql_, services.connections));
  add(std::make_unique<action::HttpAction>(
      services.http, services.connections, services.local.buffers,
      action::HttpActionOptions{.connections = services.table,
                                .secret = std::move(services.secret)}));
  add(std::make_unique<action::ProcessAction>(services.processes, staging_));
  add(std::make_unique<action::PythonAction>(services.processes, staging_, pythons_));
}

void ActionSet::add(std::unique_ptr<action::Action> action) {
  std::string name = action->schema().name;
  actions_.emplace(std::move(name), std::move(action));
}

Result<Value> ActionSet::file_paths(const std::string& profile, const Value& files,
                                    const std::filesystem::path& scratch) const {
  TRY(const action::StagedFiles staged, staging_.paths(profile, files, scratch));
  return staged.by_name();
}

Task<Unit> ActionSet::serve(rt::Context& ctx) { co_return co_await sql_.serve(ctx); }

}  // namespace tutti::app
