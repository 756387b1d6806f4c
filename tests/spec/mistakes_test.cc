// SPDX-License-Identifier: Apache-2.0
// Every key of every example and of our own full files, misspelt, removed and mistyped by a
// program: the error lies where the mistake is.
#include <fmt/format.h>

#include <functional>

#include "core/spec/parse.h"
#include "core/spec/table.h"
#include "core/spec/yaml.h"
#include "fixture.h"

#include "base/doctest.h"

namespace tutti::spec {

namespace {

// One key of a file with what the tables know about it.
struct Spot {
  const YamlNode* map = nullptr;    // the map that holds it
  size_t index = 0;                 // its place in there
  const YamlNode* owner = nullptr;  // where a missing key is reported
  bool closed = false;              // an unknown key here is an error
  bool required = false;
  std::string wrong;  // YAML that cannot be its value; empty: anything can
  std::string path;

  const YamlMember& member() const { return map->members[index]; }
};

std::string wrong_for(const Type& type) {
  switch (type.form) {
    case Form::any:
      return {};
    case Form::object:
    case Form::map_of:
    case Form::list_of:
    case Form::connection:
      return "5";
    case Form::one_or_list:
      return "{zz: 1}";
    default:
      return "[[]]";
  }
}

std::string wrong_for(const ParamSchema& param) {
  switch (param.kind) {
    case ParamKind::any:
      return {};
    case ParamKind::map:
    case ParamKind::file:
    case ParamKind::branch_cases:
      return "5";
    default:
      return "{zz: 1}";
  }
}

class Spots {
 public:
  explicit Spots(const Catalogue& catalogue) : catalogue_(catalogue) {}
  std::vector<Spot> found;

  void object(const YamlNode& map, const YamlNode& owner, const Table& table,
              const std::string& path) {
    for (size_t i = 0; i < map.members.size(); ++i) {
      const YamlMember& member = map.members[i];
      const Key* key = table.find(member.key.text);
      REQUIRE_MESSAGE(key != nullptr, path << " " << member.key.text);
      const std::string here = path + "." + member.key.text;
      found.push_back(
          {&map, i, &owner, true, key->need == Need::required, wrong_for(*key->type), here});
      if (table.noun == "task" && member.key.text == "with") {
        inputs(map, member.value, member.key, here);
      } else {
        value(member.value, member.key, *key->type, here);
      }
    }
  }

 private:
  void value(const YamlNode& node, const YamlNode& owner, const Type& type,
             const std::string& path) {
    if (type.form == Form::object || (type.form == Form::word_or_object && node.is_map())) {
      object(node, owner, *type.table, path);
    } else if (type.form == Form::connection) {
      const Table* table = connection_table(node.get("type")->text);
      if (table != nullptr) {
        object(node, owner, *table, path);
      }
    } else if (type.form == Form::map_of) {
      for (size_t i = 0; i < node.members.size(); ++i) {
        const YamlMember& member = node.members[i];
        const std::string here = path + "." + member.key.text;
        found.push_back({&node, i, &owner, false, false, wrong_for(*type.item), here});
        value(member.value, member.key, *type.item, here);
      }
    }
  }

  void inputs(const YamlNode& task, const YamlNode& with, const YamlNode& owner,
              const std::string& path) {
    const ActionSchema* schema = catalogue_.find(task.get("uses")->text);
    REQUIRE(schema != nullptr);
    for (size_t i = 0; i < with.members.size(); ++i) {
      const ParamSchema* param = schema->find_param(with.members[i].key.text);
      REQUIRE_MESSAGE(param != nullptr, path << " " << with.members[i].key.text);
      found.push_back(
          {&with, i, &owner, true, param->required, wrong_for(*param), path + "." + param->name});
    }
  }

  const Catalogue& catalogue_;
};

struct File {
  std::string path;
  bool is_project = false;
  Project project;
  YamlDocument document{.text = YamlText(""), .root = {}};
  const Catalogue* catalogue = nullptr;

  const std::string& text() const { return document.text.text(); }
  std::string_view source_at(Mark mark) const {
    size_t offset = 0;
    for (uint32_t line = 1; line < mark.line; ++line) {
      offset = text().find('\n', offset) + 1;
    }
    return std::string_view(text()).substr(std::min(offset + mark.column - 1, text().size()));
  }
  std::vector<Problem> errors_of(std::string changed) const {
    std::vector<Problem> problems =
        is_project
            ? parse_project({path, std::move(changed)}).report.problems
            : parse_workflow({path, std::move(changed)}, project, *catalogue).report.problems;
    std::erase_if(problems, [](const Problem& p) { return p.severity == Severity::warning; });
    return problems;
  }
};

// The last byte of a value that is no white space, plus one: block values end at the next token.
size_t end_of(const std::string& text, const YamlNode& node) {
  size_t end = std::max<size_t>(node.end, node.begin);
  while (end > node.begin && (text[end - 1] == ' ' || text[end - 1] == '\n')) {
    --end;
  }
  return end;
}

std::string misspelt(const File& file, const Spot& spot) {
  std::string text = file.text();
  text.insert(end_of(text, spot.member().key), "qx");
  return text;
}

std::string mistyped(const File& file, const Spot& spot) {
  std::string text = file.text();
  const YamlNode& value = spot.member().value;
  const size_t end = end_of(text, value);
  return text.replace(value.begin, end - value.begin, spot.wrong);
}

std::string removed(const File& file, const Spot& spot) {
  std::string text = file.text();
  const size_t begin = spot.member().key.begin;
  if (spot.index + 1 < spot.map->members.size()) {
    return text.erase(begin, spot.map->members[spot.index + 1].key.begin - begin);
  }
  const std::string_view left = spot.index == 0 && spot.map->style == YamlStyle::block ? "{}" : "";
  return text.replace(begin, end_of(text, spot.member().value) - begin, left);
}

std::string shown(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    text += to_text(problem) + "\n";
  }
  return text.empty() ? "no error" : text;
}

bool has_error_at(const std::vector<Problem>& problems, Mark mark,
                  std::initializer_list<std::string_view> ids) {
  return std::ranges::any_of(problems, [&](const Problem& problem) {
    return problem.mark == mark &&
           (ids.size() == 0 || std::ranges::find(ids, problem.id) != ids.end());
  });
}

void check_misspelt(const File& file, const Spot& spot) {
  const auto problems = file.errors_of(misspelt(file, spot));
  const Mark mark = file.document.text.mark_of(spot.member().key);
  INFO(file.path << " " << spot.path << " misspelt:\n" << shown(problems));
  if (spot.closed) {
    CHECK(has_error_at(problems, mark, {"unknown_key", "unknown_input"}));
    return;
  }
  // A name: whoever still uses the old one is told so, at the place of use.
  for (const Problem& problem : problems) {
    const bool about_name = problem.what.find(spot.member().key.text) != std::string::npos;
    const bool of_set = problem.id == "missing_tag" || problem.id == "bad_tag_value";
    CHECK((about_name || of_set));
  }
}

void check_removed(const File& file, const Spot& spot) {
  const auto problems = file.errors_of(removed(file, spot));
  INFO(file.path << " " << spot.path << " removed:\n" << shown(problems));
  const YamlNode& root = file.document.root;
  const bool at_root = spot.map == &root;
  const Mark owner =
      at_root ? Mark{.line = 1, .column = 1} : file.document.text.mark_of(*spot.owner);
  if (spot.required) {
    const bool first = at_root || has_error_at(problems, owner, {"missing_key", "missing_input"});
    CHECK(first);
    CHECK(std::ranges::any_of(problems, [](const Problem& p) {
      return p.id == "missing_key" || p.id == "missing_input";
    }));
  }
  for (const Problem& problem : problems) {
    CHECK(problem.id != "yaml_syntax");
    CHECK(problem.id != "unknown_key");
  }
}

void check_mistyped(const File& file, const Spot& spot) {
  if (spot.wrong.empty()) {
    return;
  }
  const auto problems = file.errors_of(mistyped(file, spot));
  INFO(file.path << " " << spot.path << " mistyped:\n" << shown(problems));
  CHECK(has_error_at(problems, file.document.text.mark_of(spot.member().value), {}));
}

// Returns how many mistakes were made.
size_t check_file(File& file) {
  std::vector<Problem> problems;
  const std::string text = read_file(file.path);
  const auto before = file.errors_of(text);
  REQUIRE_MESSAGE(before.empty(), shown(before));
  file.document = parse_yaml(file.path, text, problems);
  Spots spots(*file.catalogue);
  spots.object(file.document.root, file.document.root,
               file.is_project ? project_table() : workflow_table(), "");
  for (const Spot& spot : spots.found) {
    check_misspelt(file, spot);
    check_removed(file, spot);
    check_mistyped(file, spot);
  }
  return spots.found.size() * 3;
}

size_t check_folder(const std::string& project_path, const std::vector<std::string>& workflows,
                    const Catalogue& catalogue) {
  File project{.path = project_path, .is_project = true, .catalogue = &catalogue};
  size_t made = check_file(project);
  const ParsedProject parsed = parse_project({project_path, read_file(project_path)});
  for (const std::string& path : workflows) {
    File file{.path = path, .project = parsed.project, .catalogue = &catalogue};
    made += check_file(file);
  }
  return made;
}

}  // namespace

TEST_CASE("a mistake in any key of any example is reported where it is") {
  const Catalogue catalogue = test_catalogue();
  size_t made = check_folder("tests/golden/validate/project.yaml",
                             {"tests/golden/validate/full.yaml"}, catalogue);
  size_t projects = 1;
  for (const std::string& path : files_in("examples", "/tutti.yaml")) {
    const std::string folder = path.substr(0, path.rfind('/'));
    made += check_folder(path, files_in(folder + "/workflows", ".yaml"), catalogue);
    ++projects;
  }
  CHECK(projects > 3);
  CHECK(made > 500);
  MESSAGE(made << " mistakes in " << projects << " projects");
}

}  // namespace tutti::spec
