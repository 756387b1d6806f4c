# SPDX-License-Identifier: Apache-2.0
# One target a folder. tutti_library(NAME DEPS folders... LIBS outside...) makes the target
# `NAME` from every *.cc beside it; *_test.cc becomes the program `NAME_test`, which ctest runs;
# *_main.cc is left to whoever builds a program. Folder names use `_` for `/`: core/expr -> core_expr.

add_library(tutti_pch STATIC ${CMAKE_CURRENT_LIST_DIR}/pch.cc)
target_precompile_headers(tutti_pch PRIVATE ${CMAKE_CURRENT_LIST_DIR}/pch.h)

# CMake would also pass the header itself, by an absolute path that keeps ccache from sharing objects between
# checkouts; beside the compiled header it has no use.
set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -Xclang -include-pch -Xclang <PCH_FILE>)

function(tutti_settings target)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${TUTTI_WARNINGS}>)
  target_precompile_headers(${target} REUSE_FROM tutti_pch)
  target_link_libraries(${target} PUBLIC asio)  # templates instantiated in the header refer to it
endfunction()

function(tutti_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  list(FILTER sources EXCLUDE REGEX "_(test|main)\\.cc$")
  if(sources)
    add_library(${name} STATIC ${sources})
    tutti_settings(${name})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS} ${ARG_LIBS})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${name} INTERFACE ${ARG_DEPS} ${ARG_LIBS})
  endif()
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  if(tests)
    tutti_test(${name}_test SOURCES ${tests} DEPS ${name} LABEL unit)
  endif()
endfunction()

# A doctest program that ctest runs. LABEL: unit, conformance, integration, process, e2e, sim; slow (only
# with ./dev test --full) or soak (only ./dev soak, for $TUTTI_SOAK_SECONDS).
add_custom_target(unit_tests)
function(tutti_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS;ENV" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  tutti_settings(${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} doctest_main)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
  if(ARG_LABEL STREQUAL unit)
    add_dependencies(unit_tests ${name})
  endif()
  if(ARG_ENV)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${ARG_ENV}")
  endif()
endfunction()

# tutti_script_test(NAME SCRIPT FILE.py ARGS ... LABEL l TIMEOUT n): a Python program that ctest runs with
# the tests' packages (TUTTI_PYTHON). Pass programs by $<TARGET_FILE:tutti>.
function(tutti_script_test name)
  cmake_parse_arguments(ARG "" "SCRIPT;LABEL;TIMEOUT" "ARGS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${TUTTI_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SCRIPT} ${ARG_ARGS}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# tutti_fuzz(NAME SOURCES ... DEPS ...): a target with LLVMFuzzerTestOneInput. With TUTTI_FUZZ a libFuzzer
# program (./dev fuzz); else a test, label fuzz, that runs it on the files of tests/fuzz/corpus/NAME.
add_custom_target(fuzzers)
function(tutti_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(fuzz_${name} ${ARG_SOURCES})
  tutti_settings(fuzz_${name})
  target_link_libraries(fuzz_${name} PRIVATE ${ARG_DEPS})
  set_target_properties(fuzz_${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  add_dependencies(fuzzers fuzz_${name})
  if(TUTTI_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/fuzz_main.cc)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT 300)
  endif()
endfunction()
