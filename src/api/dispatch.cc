// SPDX-License-Identifier: Apache-2.0
#include "api/dispatch.h"

#include "base/check.h"

namespace tutti::api {
namespace {

using control::ControlPlane;

template <class Request, class Answer>
Task<Value> forward(rt::Context& ctx, ControlPlane& plane,
                    Task<Answer> (ControlPlane::*verb)(rt::Context&, Request), Value with) {
  CO_TRY(Request request, control::decode<Request>(with));
  CO_TRY(const Answer answer, co_await (plane.*verb)(ctx, std::move(request)));
  co_return control::encode(answer);
}

Task<Value> cancel(rt::Context& ctx, ControlPlane& plane, Value with) {
  CO_TRY(control::CancelRun request, control::decode<control::CancelRun>(with));
  CO_TRY(const auto run, co_await plane.cancel(ctx, std::move(request.run), request.now));
  co_return control::encode(run);
}

Task<Value> retry(rt::Context& ctx, ControlPlane& plane, Value with) {
  CO_TRY(control::RetryRun request, control::decode<control::RetryRun>(with));
  CO_TRY(const auto run, co_await plane.retry(ctx, std::move(request.run), request.what));
  co_return control::encode(run);
}

Task<Value> owner(rt::Context& ctx, ControlPlane& plane) {
  CO_TRY(const auto view, co_await plane.owner(ctx));
  co_return control::encode(view);
}

}  // namespace

Task<Value> dispatch(rt::Context& ctx, ControlPlane& plane, control::Call call) {
  using control::Verb;
  Value with = std::move(call.with);
  switch (call.verb) {
    case Verb::start:
      return forward(ctx, plane, &ControlPlane::start, std::move(with));
    case Verb::runs:
      return forward(ctx, plane, &ControlPlane::runs, std::move(with));
    case Verb::watch:
      return forward(ctx, plane, &ControlPlane::watch, std::move(with));
    case Verb::attempts:
      return forward(ctx, plane, &ControlPlane::attempts, std::move(with));
    case Verb::logs:
      return forward(ctx, plane, &ControlPlane::logs, std::move(with));
    case Verb::cancel:
      return cancel(ctx, plane, std::move(with));
    case Verb::retry:
      return retry(ctx, plane, std::move(with));
    case Verb::mark:
      return forward(ctx, plane, &ControlPlane::mark, std::move(with));
    case Verb::owner:
      return owner(ctx, plane);
    case Verb::drop:
    case Verb::retire:
      break;
  }
  CHECK(false);
}

}  // namespace tutti::api
