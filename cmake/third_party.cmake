# SPDX-License-Identifier: Apache-2.0
# Outside libraries, as targets (docs/dependencies.md says why each). Debian's packages are found on
# the machine; SQLite, curl and DuckDB in TUTTI_DEPS, the folder that tools/setup fills.
set(tutti_deps_default "$ENV{HOME}/.cache/tutti/deps")
if(DEFINED ENV{TUTTI_DEPS})
  set(tutti_deps_default "$ENV{TUTTI_DEPS}")
endif()
set(TUTTI_DEPS "${tutti_deps_default}" CACHE PATH "Where tools/setup put the libraries that are not Debian packages")

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)

# tutti_deps_folder(VAR NAME): TUTTI_DEPS/NAME-VERSION, the version being the one tools/setup installs.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/tools/deps/versions ${PROJECT_SOURCE_DIR}/tools/deps/requirements.txt)
file(STRINGS ${PROJECT_SOURCE_DIR}/tools/deps/versions tutti_deps_versions REGEX "^[a-z]")
function(tutti_deps_folder variable name)
  foreach(line ${tutti_deps_versions})
    if(line MATCHES "^${name} (.*)$")
      set(folder ${TUTTI_DEPS}/${name}-${CMAKE_MATCH_1})
    endif()
  endforeach()
  if(NOT IS_DIRECTORY "${folder}")
    message(FATAL_ERROR "${name} is not in ${TUTTI_DEPS}: run ./dev setup")
  endif()
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()

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
tutti_system_library(pugixml libpugixml.a)
tutti_system_library(zstd libzstd.a)
tutti_system_library(zlib libz.a)
tutti_system_library(nghttp2 libnghttp2.a)
add_library(cli11 INTERFACE)  # headers only, in /usr/include

# SQLite from its amalgamation; Debian's own is older than 3.51.3, which fixed a bug that could lose a
# write-ahead log. THREADSAFE=2: a connection is used by one thread at a time.
tutti_deps_folder(sqlite_folder sqlite)
add_library(sqlite STATIC ${sqlite_folder}/sqlite3.c)
target_include_directories(sqlite SYSTEM PUBLIC ${sqlite_folder})
target_compile_options(sqlite PRIVATE -w)
if(TUTTI_SANITIZE MATCHES "undefined")
  target_compile_options(sqlite PRIVATE -fno-sanitize=undefined)
endif()
target_compile_definitions(sqlite PRIVATE
  SQLITE_DEFAULT_FILE_PERMISSIONS=0600 SQLITE_DQS=0 SQLITE_THREADSAFE=2 SQLITE_DEFAULT_MEMSTATUS=0
  SQLITE_DEFAULT_SYNCHRONOUS=2 SQLITE_DEFAULT_WAL_SYNCHRONOUS=2 SQLITE_LIKE_DOESNT_MATCH_BLOBS
  SQLITE_MAX_EXPR_DEPTH=200 SQLITE_USE_ALLOCA SQLITE_ENABLE_API_ARMOR
  SQLITE_OMIT_LOAD_EXTENSION SQLITE_OMIT_DEPRECATED SQLITE_OMIT_SHARED_CACHE)
target_link_libraries(sqlite PUBLIC Threads::Threads m)

# curl, built by tools/setup: static, http and https only.
tutti_deps_folder(curl_folder curl)
add_library(curl INTERFACE)
target_include_directories(curl SYSTEM INTERFACE ${curl_folder}/include)
target_compile_definitions(curl INTERFACE CURL_STATICLIB)
target_link_libraries(curl INTERFACE
  ${curl_folder}/lib/libcurl.a OpenSSL::SSL OpenSSL::Crypto nghttp2 zlib Threads::Threads)

# DuckDB: only tutti-sql links it. A built program finds the library in TUTTI_DEPS, an installed one
# beside itself.
set(CMAKE_INSTALL_RPATH "$ORIGIN")
tutti_deps_folder(duckdb_folder duckdb)
add_library(duckdb SHARED IMPORTED GLOBAL)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${duckdb_folder}/lib/libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${duckdb_folder}/include
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${duckdb_folder}/include)

# The Python of the tests: ${TUTTI_PYTHON} has Jinja2 and jsonschema (tools/deps/requirements.txt).
file(SHA256 ${PROJECT_SOURCE_DIR}/tools/deps/requirements.txt tutti_python_version)
string(SUBSTRING ${tutti_python_version} 0 12 tutti_python_version)
set(TUTTI_PYTHON ${TUTTI_DEPS}/python-${tutti_python_version}/bin/python)
if(NOT EXISTS ${TUTTI_PYTHON})
  message(FATAL_ERROR "the tests' Python is not in ${TUTTI_DEPS}: run ./dev setup")
endif()
