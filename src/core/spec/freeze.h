// SPDX-License-Identifier: Apache-2.0
// A workflow's stored form and its version.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "core/spec/catalogue.h"
#include "core/spec/spec.h"

namespace tutti::spec {

// The normalised workflow: defaults applied, no comments, no places, keys in a fixed order.
Value to_value(const Workflow& workflow);

// Paths (relative to the project's folder, sorted, each once) of the files whose contents belong to
// the version: `file` and `python_call` keys of the actions, requirements. A path made by a
// template is not known before the run and is not listed.
std::vector<std::string> named_files(const Workflow& workflow, const Catalogue& catalogue);

// Each place that names such a file, in the order of the workflow; a place that names one file
// twice is there once.
struct FileUse {
  std::string path;
  Mark mark;  // of the input; of the task for its requirements
  bool operator==(const FileUse&) const = default;
};
std::vector<FileUse> file_uses(const Workflow& workflow, const Catalogue& catalogue);

// Fills workflow.files from path -> content.
void pin_files(Workflow& workflow, const std::map<std::string, std::string>& contents);

// The workflow version: SHA-256 over the normalised form, pinned files included. Comments, layout
// and the file's own name do not change it.
Digest version_of(const Workflow& workflow);

// Bytes of a workflow that thaw gives back equal, places included. Format 1 (JSON).
std::string freeze(const Workflow& workflow);

struct Thawed {
  Workflow workflow;
  Digest version;  // version_of(workflow), taken from the bytes
};
Result<Thawed> thaw(std::string_view bytes);  // corrupt: not written by freeze

}  // namespace tutti::spec
