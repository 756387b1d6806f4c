// SPDX-License-Identifier: Apache-2.0
// Task<T>: a coroutine that ends with a Result<T>.
//
// Lazy, move-only, awaited once, bound to one loop. It takes values, or references to services
// that outlive the Scope it runs in; never string_view, span or const T& (they dangle after the
// first suspension). Nothing is ever left running unowned: concurrency only inside rt::scoped
// (scope.h).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/error.h"

namespace tutti::rt {

namespace asio = boost::asio;

template <class T>
using Task = asio::awaitable<Result<T>>;

// Where coroutines run: one loop's executor, or the simulator's.
using Executor = asio::any_io_executor;

}  // namespace tutti::rt

namespace tutti {
using rt::Task;
}
