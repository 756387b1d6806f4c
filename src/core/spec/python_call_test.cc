// SPDX-License-Identifier: Apache-2.0
#include "core/spec/python_call.h"

#include "base/doctest.h"

namespace tutti::spec {

TEST_CASE("a call names the file of its module") {
  CHECK(module_file("clean:run") == "clean.py");
  CHECK(module_file("steps.clean:run") == "steps/clean.py");
  CHECK(module_file("_a1.\u00fc:\u00fc") == "_a1/\u00fc.py");
}

TEST_CASE("what is no MODULE:FUNCTION names no file") {
  for (const char* call : {"", ":", "clean", "clean:", ":run", "steps/clean.py:run", "steps.:run",
                           ".clean:run", "a..b:run", "1a:run", "a:1", "a:b:c", "a:b.c", "a b:c",
                           "{{ m }}:run", "a:{{ f }}", "../x:run"}) {
    CAPTURE(call);
    CHECK_FALSE(module_file(call).has_value());
  }
}

}  // namespace tutti::spec
