// SPDX-License-Identifier: Apache-2.0
#include "worker/attempt.h"

#include <fmt/format.h>

namespace tutti::worker {

LocalAttempt::LocalAttempt(Coordinator& coordinator, LogSink& logs,
                           std::shared_ptr<const RunContext> run, action::AttemptInfo info,
                           const expr::Context& context, const Masks& masks)
    : coordinator_(coordinator),
      logs_(logs),
      run_(std::move(run)),
      info_(std::move(info)),
      context_(context),
      masks_(masks),
      masker_(masks.current()),
      streams_{MaskStream(masker_), MaskStream(masker_), MaskStream(masker_)} {}

Task<Unit> LocalAttempt::log(rt::Context& ctx, action::Stream stream, std::string bytes) {
  used_[static_cast<size_t>(stream)] = true;
  std::string masked;
  if (masks_.current() != masker_) {
    // A secret was read since: what the old streams held back leaves first.
    masker_ = masks_.current();
    for (size_t i = 0; i < streams_.size(); ++i) {
      std::string held = std::exchange(streams_[i], MaskStream(masker_)).finish();
      if (i == static_cast<size_t>(stream)) {
        masked = std::move(held);
      } else if (!held.empty()) {
        CO_OK(co_await append(ctx, static_cast<action::Stream>(i), std::move(held)));
      }
    }
  }
  masked += streams_[static_cast<size_t>(stream)].feed(bytes);
  if (masked.empty()) {
    co_return Unit{};
  }
  co_return co_await append(ctx, stream, std::move(masked));
}

Task<Unit> LocalAttempt::append(rt::Context& ctx, action::Stream stream, std::string bytes) {
  LogRecord record{.id = info_.id,
                   .stream = static_cast<uint8_t>(stream),
                   .at = ctx.clock().wall(),
                   .bytes = std::move(bytes)};
  co_return co_await logs_.append(ctx, std::move(record));
}

void LocalAttempt::progress(action::Progress progress) {
  coordinator_.progress({.id = info_.id,
                         .bytes_done = progress.bytes_done,
                         .bytes_total = progress.bytes_total,
                         .items_done = progress.items_done,
                         .items_total = progress.items_total});
}

Task<std::string> LocalAttempt::project_file(rt::Context& ctx, std::string path) {
  const auto at = run_->files.find(path);
  if (at == run_->files.end()) {
    co_return fail(Error{.code = Code::not_found,
                         .what = "the workflow's version has no such file",
                         .where = path,
                         .remedy = "name it in the workflow by its path in the project"});
  }
  co_return co_await coordinator_.get_blob(ctx, at->second);
}

Result<Value> LocalAttempt::evaluate(std::string_view expression, const ValueMap& locals) {
  const auto parsed = expr::parse_expression(expression);
  if (!parsed) {
    return fail(expr::to_error(parsed.error(), expression));
  }
  expr::Context context = context_;
  for (const auto& [name, value] : locals) {
    context.set(name, value);
  }
  TRY(expr::Rendered rendered, expr::render(*parsed, context));
  return std::move(rendered.value);
}

Task<Unit> LocalAttempt::close_log(rt::Context& ctx, std::optional<Error> error) {
  if (error) {
    CO_OK(co_await log(ctx, action::Stream::system, error->text() + "\n"));
  }
  for (const action::Stream stream :
       {action::Stream::out, action::Stream::err, action::Stream::system}) {
    if (!used_[static_cast<size_t>(stream)]) {
      continue;
    }
    std::string rest = streams_[static_cast<size_t>(stream)].finish();
    if (!rest.empty()) {
      CO_OK(co_await append(ctx, stream, std::move(rest)));
    }
    CO_OK(co_await append(ctx, stream, {}));  // the end of the stream
  }
  co_return Unit{};
}

}  // namespace tutti::worker
