// SPDX-License-Identifier: Apache-2.0
#include "engine/definition.h"

#include <algorithm>
#include <unordered_map>

#include "core/spec/freeze.h"

namespace tutti::engine {
namespace {

using Names = std::unordered_map<std::string_view, TaskNo>;

// Gathers whose outputs the strings of a task name. A string may be a template or, where the action
// takes expressions, an expression: one that happens to parse costs a read too many, no more.
class Readers {
 public:
  Readers(const spec::Workflow& workflow, const Names& names)
      : workflow_(workflow), names_(names) {}

  std::vector<TaskNo> of(TaskNo no, const std::optional<expr::Template>& when) {
    found_.clear();
    task_ = no;
    const spec::Task& task = workflow_.task(no);
    for (const Value* each : {&task.with, &task.env, &task.files_in, &task.files_out}) {
      scan(*each);
    }
    if (when) {
      scan(*when);
    }
    std::ranges::sort(found_);
    found_.erase(std::ranges::unique(found_).begin(), found_.end());
    return std::move(found_);
  }

 private:
  void scan(const Value& value) {
    if (value.is_string()) {
      scan_text(value.as_string());
    } else if (value.is_list()) {
      for (const Value& item : value.as_list()) {
        scan(item);
      }
    } else if (value.is_map()) {
      for (const auto& [key, item] : value.as_map()) {
        scan(item);
      }
    }
  }

  void scan_text(const std::string& text) {
    if (text.find("tasks") == std::string::npos) {
      return;
    }
    if (text.find("{{") != std::string::npos || text.find("{%") != std::string::npos) {
      if (const auto parsed = expr::parse_template(text); parsed.has_value()) {
        scan(*parsed);
      }
    } else if (const auto parsed = expr::parse_expression(text); parsed.has_value()) {
      scan(*parsed);
    }
  }

  void scan(const expr::Template& tmpl) {
    for (const expr::Reference& reference : expr::references(tmpl)) {
      if (reference.path.front() != "tasks") {
        continue;
      }
      if (reference.path.size() == 1) {  // tasks[name], or all of them
        add_upstream();
      } else if (const auto at = names_.find(reference.path[1]); at != names_.end()) {
        found_.push_back(at->second);
      }
    }
  }

  void add_upstream() {
    std::vector<bool> seen(workflow_.tasks.size());
    std::vector<TaskNo> reached{task_};
    for (size_t i = 0; i < reached.size(); ++i) {
      for (const TaskNo need : workflow_.task(reached[i]).needs) {
        if (!seen[need.value]) {
          seen[need.value] = true;
          reached.push_back(need);
        }
      }
    }
    found_.insert(found_.end(), reached.begin() + 1, reached.end());
  }

  const spec::Workflow& workflow_;
  const Names& names_;
  TaskNo task_;
  std::vector<TaskNo> found_;
};

Result<std::optional<expr::Template>> parse_when(const spec::Workflow& workflow,
                                                 const spec::Task& task) {
  if (!task.when) {
    return std::nullopt;
  }
  auto parsed = expr::parse_expression(task.when->text);
  if (!parsed.has_value()) {
    Error error = expr::to_error(parsed.error(), task.when->text);
    error.code = Code::bad_input;
    error.where = spec::to_text(workflow.file, task.when->mark);
    return fail(std::move(error));
  }
  return std::optional(std::move(*parsed));
}

}  // namespace

Result<std::shared_ptr<const Definition>> define(std::string_view frozen) {
  auto out = std::make_shared<Definition>();
  TRY(spec::Thawed thawed, spec::thaw(frozen));
  out->frozen = sha256(frozen);
  out->version = thawed.version;
  out->workflow = std::move(thawed.workflow);
  out->plan = std::make_shared<run::RunPlan>(out->workflow);
  const size_t size = out->workflow.tasks.size();
  Names names;
  for (uint32_t i = 0; i < size; ++i) {
    names.emplace(out->workflow.tasks[i].name, TaskNo{i});
  }
  Readers readers(out->workflow, names);
  out->is_read.resize(size);
  for (uint32_t i = 0; i < size; ++i) {
    TRY(auto when, parse_when(out->workflow, out->workflow.tasks[i]));
    out->reads.push_back(readers.of({i}, when));
    out->when.push_back(std::move(when));
    for (const TaskNo read : out->reads.back()) {
      out->is_read[read.value] = true;
    }
  }
  return out;
}

std::shared_ptr<const Definition> Definitions::find(const Digest& frozen) const {
  const auto at = known_.find(frozen);
  return at == known_.end() ? nullptr : at->second.lock();
}

void Definitions::add(const std::shared_ptr<const Definition>& definition) {
  if (known_.size() >= forget_at_) {
    std::erase_if(known_, [](const auto& each) { return each.second.expired(); });
    forget_at_ = std::max(size_t{16}, known_.size() * 2);
  }
  known_[definition->frozen] = definition;
}

}  // namespace tutti::engine
