// SPDX-License-Identifier: Apache-2.0
// For the tests of Google's credentials: a folder for files, and a server whose replies the test
// gives. Include it last.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include <fmt/format.h>

#include "net/testing.h"
#include "rt/file.h"
#include "rt/testing.h"

#include "base/doctest.h"

namespace tutti::cloud::auth {

struct GoogleTestWorld : rt::TestWorld {
  using Answer = std::function<std::string(const std::string& request)>;
  GoogleTestWorld(std::string_view name, Answer answer)
      : folder(std::filesystem::temp_directory_path() / fmt::format("tutti_{}.{}", name, getpid())),
        server(net::TestServer::answering(self, std::move(answer))) {
    self = &server;
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~GoogleTestWorld() { std::filesystem::remove_all(folder); }
  GoogleTestWorld(const GoogleTestWorld&) = delete;
  GoogleTestWorld& operator=(const GoogleTestWorld&) = delete;

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    REQUIRE_OK(rt::write_file(folder / name, text));
    return folder / name;
  }

  std::filesystem::path folder;
  net::TestServer* self = nullptr;
  net::TestServer server;
};

}  // namespace tutti::cloud::auth
