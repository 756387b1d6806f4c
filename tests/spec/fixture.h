// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: a catalogue as product and docs describe it, files on disk.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/spec/parse.h"

namespace tutti::spec {

Catalogue test_catalogue();

// True when expectations and generated files are to be written instead of compared.
bool updating();

std::string read_file(const std::string& path);
// Compares `text` with the file, or writes it when updating(). False: they differ (and says where).
bool matches_file(const std::string& path, const std::string& text);
// Files of a folder with this ending, sorted; none when the folder is missing.
std::vector<std::string> files_in(const std::string& folder, std::string_view ending);

}  // namespace tutti::spec
