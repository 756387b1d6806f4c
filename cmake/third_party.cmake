# SPDX-License-Identifier: Apache-2.0
# Outside libraries, as targets. Debian's packages by find_package or pkg-config; SQLite, curl and
# DuckDB from TUTTI_DEPS, the folder that tools/setup fills (docs/dependencies.md).
set(TUTTI_DEPS "$ENV{HOME}/.cache/tutti/deps" CACHE PATH "Where tools/setup put the libraries that are not Debian packages")

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(doctest_main STATIC ${CMAKE_CURRENT_LIST_DIR}/doctest_main.cc)

# Asio compiled once, with the same compiler as its users.
add_library(asio STATIC ${CMAKE_CURRENT_LIST_DIR}/asio.cc)
target_link_libraries(asio PUBLIC Threads::Threads)

function(tutti_system_library target library)
  find_library(${target}_path NAMES ${library} REQUIRED)
  add_library(${target} INTERFACE)
  target_link_libraries(${target} INTERFACE ${${target}_path})
endfunction()

tutti_system_library(boost_json libboost_json.a)
tutti_system_library(isal libisal.so)
tutti_system_library(yaml libyaml.a)
tutti_system_library(re2 libre2.a)
tutti_system_library(zstd libzstd.a)
