// SPDX-License-Identifier: Apache-2.0
// Client: the host's side of tutti.action/1 towards one running program. Made when the program has
// been started; lives on one loop. Many runs at once share it.
//
// Whoever owns the client runs pump() in a Scope beside the calls: it reads until the program ends.
// A call that is open when the stream ends or breaks fails with `unavailable` and provider code
// `lost`: what became of its work is for the owner to say (exit status, signal).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "action/protocol/frame.h"
#include "action/protocol/peer.h"
#include "action/protocol/session.h"
#include "rt/wait.h"

namespace tutti::action {

// What a program may ask for and tell during a run.
class RunEvents {
 public:
  virtual ~RunEvents() = default;
  virtual Task<Unit> log(rt::Context& ctx, Stream stream, std::string text) = 0;
  virtual void progress(Progress progress) = 0;
  virtual Task<std::string> project_file(rt::Context& ctx, std::string path) = 0;
};

// Passed on to an attempt, which must outlive the call.
class AttemptEvents final : public RunEvents {
 public:
  explicit AttemptEvents(Attempt& attempt) : attempt_(attempt) {}
  Task<Unit> log(rt::Context& ctx, Stream stream, std::string text) override;
  void progress(Progress progress) override;
  Task<std::string> project_file(rt::Context& ctx, std::string path) override;

 private:
  Attempt& attempt_;
};

// Nobody listens; files are refused.
class NoEvents final : public RunEvents {
 public:
  Task<Unit> log(rt::Context& ctx, Stream stream, std::string text) override;
  void progress(Progress progress) override;
  Task<std::string> project_file(rt::Context& ctx, std::string path) override;
};

class Client {
 public:
  // `name`: of the program, for messages.
  Client(std::unique_ptr<Peer> peer, std::string name);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Both hellos; before everything else. Fails with the program's own error when it has one.
  Task<Hello> greet(rt::Context& ctx, Value setup);

  // Reads until the stream ends (success), breaks (the error), or the context ends. Afterwards
  // every open call has failed and new ones fail at once.
  Task<Unit> pump(rt::Context& ctx);

  // Cancelled, it asks the program to stop and waits up to `grace` for its word; then the context's
  // error, and wedged() when the word did not come. A program that finished first has finished.
  struct CallOptions {
    Duration grace = seconds(10);
  };
  Task<Outcome> run(rt::Context& ctx, RunEvents& events, Value info, Value with,
                    CallOptions options);
  Task<Preview> plan(rt::Context& ctx, RunEvents& events, Value info, Value with,
                     CallOptions options);

  Task<Unit> bye(rt::Context& ctx);  // the program may end
  void close();                      // now

  bool ended() const { return ended_; }
  bool wedged() const { return wedged_; }  // it ignored a cancel: its process should be killed
  size_t open_calls() const { return calls_.size(); }

 private:
  struct Call;
  Task<Unit> send(rt::Context& ctx, Message message);
  Task<Unit> receive(rt::Context& ctx, Message message);
  Task<Unit> answer(rt::Context& ctx, std::shared_ptr<Call> call, Request request);
  Task<Unit> await_end(rt::Context& ctx, std::shared_ptr<Call> call, int64_t id,
                       CallOptions options);
  Task<std::shared_ptr<Call>> call(rt::Context& ctx, RunEvents& events, Message message,
                                   CallOptions options);
  void end_calls(const Error& error);
  Error lost() const;

  std::unique_ptr<Peer> peer_;
  std::string name_;
  FrameReader frames_;
  Session session_;
  rt::Semaphore writing_{1};
  std::map<int64_t, std::shared_ptr<Call>> calls_;
  int64_t last_id_ = 0;
  bool ended_ = false;
  std::optional<Error> end_error_;
  bool wedged_ = false;
};

// One program for one run: pump and run together, then the stream is closed.
Task<Outcome> run_alone(rt::Context& ctx, Client& client, RunEvents& events, Value info, Value with,
                        Client::CallOptions options);

}  // namespace tutti::action
