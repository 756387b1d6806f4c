# SPDX-License-Identifier: Apache-2.0
# Compiler, linker and sanitizer settings that hold for every target.
set(TUTTI_SANITIZE "" CACHE STRING "Sanitizers of this build: address,undefined or thread; empty for none")
option(TUTTI_FUZZ "Build the libFuzzer targets of tests/fuzz" OFF)

add_compile_options(
  $<$<COMPILE_LANGUAGE:CXX>:-fpch-instantiate-templates>
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>"
  -fno-omit-frame-pointer)
add_link_options(-fuse-ld=mold)
add_compile_definitions(
  FMT_HEADER_ONLY
  BOOST_ASIO_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED
  BOOST_ALLOW_DEPRECATED_HEADERS)

if(TUTTI_SANITIZE)
  add_compile_options(-fsanitize=${TUTTI_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TUTTI_SANITIZE})
endif()
if(TUTTI_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Warnings are errors in our own code; third-party headers come in as SYSTEM.
set(TUTTI_WARNINGS
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wimplicit-fallthrough -Wunused -Wmissing-declarations -Werror
  -Wno-gnu-zero-variadic-macro-arguments -Wno-c2y-extensions
  -Wno-missing-designated-field-initializers)  # omitted fields have their defaults
