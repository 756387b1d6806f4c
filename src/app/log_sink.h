// SPDX-License-Identifier: Apache-2.0
// What workers log, into the store's logs.
#pragma once

#include "store/log.h"
#include "worker/api/worker.h"

namespace tutti::app {

class StoreLogSink final : public worker::LogSink {
 public:
  explicit StoreLogSink(store::Logs& logs) : logs_(logs) {}
  Task<Unit> append(rt::Context& ctx, worker::LogRecord record) override {
    return logs_.append(ctx, {.id = record.id,
                              .stream = static_cast<store::LogStream>(record.stream),
                              .at = record.at,
                              .bytes = std::move(record.bytes)});
  }

 private:
  store::Logs& logs_;
};

}  // namespace tutti::app
