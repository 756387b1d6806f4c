// SPDX-License-Identifier: Apache-2.0
#include "action/protocol/session.h"

#include <fmt/format.h>

namespace tutti::action {
namespace {

std::unexpected<Error> breach(std::string what) {
  return fail(Code::corrupt, std::move(what), "follow the order of messages of tutti.action/1");
}

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

Side sender_of(const Message& message) {
  const bool from_host =
      std::holds_alternative<Run>(message) || std::holds_alternative<Plan>(message) ||
      std::holds_alternative<Cancel>(message) || std::holds_alternative<Answer>(message) ||
      std::holds_alternative<Bye>(message);
  return from_host ? Side::host : Side::program;
}

}  // namespace

Result<Unit> Session::note(Side from, const Message& message) {
  if (const Hello* hello = std::get_if<Hello>(&message)) {
    return note_hello(from, *hello);
  }
  if (!greeted()) {
    return breach("a message came before both sides had said hello");
  }
  if (from != sender_of(message)) {
    return breach("a message came from the side that may not send it");
  }
  return std::visit(Overloaded{
                        [](const Hello&) { return Result<Unit>(Unit{}); },  // noted above
                        [&](const Run& m) { return note_start(m.id, false); },
                        [&](const Plan& m) { return note_start(m.id, true); },
                        [&](const Cancel& m) { return check_known(m.id, "cancel"); },
                        [&](const Answer& m) { return note_answer(m); },
                        [&](const Bye&) {
                          ending_ = true;
                          return Result<Unit>(Unit{});
                        },
                        [&](const Log& m) { return check_open(m.id, "log"); },
                        [&](const ProgressNote& m) { return check_open(m.id, "progress"); },
                        [&](const Request& m) { return note_request(m); },
                        [&](const Finished& m) {
                          return note_end(m.id, true, std::holds_alternative<Failed>(m.outcome));
                        },
                        [&](const Planned& m) { return note_end(m.id, false, true); },
                    },
                    message);
}

Result<Unit> Session::note_hello(Side from, const Hello& hello) {
  bool& greeted = from == Side::host ? host_greeted_ : program_greeted_;
  if (greeted) {
    return breach("a second hello");
  }
  if (from == Side::program && !host_greeted_) {
    return breach("the program said hello before the host did");
  }
  if (hello.protocol != protocol_name) {
    return fail(Code::unsupported,
                fmt::format("{} speaks \"{}\", not \"{}\"",
                            hello.name.empty() ? "the other side" : hello.name.substr(0, 60),
                            hello.protocol.substr(0, 60), protocol_name),
                "use versions of Tutti and of the program that belong together");
  }
  greeted = true;
  return Unit{};
}

Result<Unit> Session::note_start(int64_t id, bool is_plan) {
  if (ending_) {
    return breach("new work after bye");
  }
  if (id <= last_id_) {
    return breach(fmt::format("id {} after id {}: ids must rise", id, last_id_));
  }
  if (open_.size() >= open_max) {
    return breach(fmt::format("more than {} runs at once", open_max));
  }
  last_id_ = id;
  open_[id].is_plan = is_plan;
  return Unit{};
}

Result<Unit> Session::note_request(const Request& request) {
  TRY_OK(check_open(request.id, "request"));
  Work& work = open_[request.id];
  if (request.request <= work.last_request) {
    return breach(fmt::format("request {} after request {}: numbers must rise", request.request,
                              work.last_request));
  }
  if (work.unanswered.size() >= requests_max) {
    return breach(fmt::format("more than {} unanswered requests of one run", requests_max));
  }
  work.last_request = request.request;
  work.unanswered.insert(request.request);
  return Unit{};
}

// An answer may cross the end of its run.
Result<Unit> Session::note_answer(const Answer& answer) {
  TRY_OK(check_known(answer.id, "answer"));
  const auto found = open_.find(answer.id);
  if (found != open_.end() && found->second.unanswered.erase(answer.request) == 0) {
    return breach(fmt::format("an answer to request {}, which is not open", answer.request));
  }
  return Unit{};
}

Result<Unit> Session::note_end(int64_t id, bool fits_run, bool fits_plan) {
  TRY_OK(check_open(id, "outcome"));
  if (!(open_[id].is_plan ? fits_plan : fits_run)) {
    return breach(fmt::format("id {} got the outcome of another kind of work", id));
  }
  open_.erase(id);
  return Unit{};
}

Result<Unit> Session::check_open(int64_t id, std::string_view what) const {
  if (!open_.contains(id)) {
    return breach(fmt::format("{} for id {}, which is not open", what, id));
  }
  return Unit{};
}

Result<Unit> Session::check_known(int64_t id, std::string_view what) const {
  if (id > last_id_) {
    return breach(fmt::format("{} for id {}, which never started", what, id));
  }
  return Unit{};
}

}  // namespace tutti::action
