// SPDX-License-Identifier: Apache-2.0
#include "cli/stages.h"

#include <filesystem>

#include <fmt/format.h>

namespace tutti::cli {
namespace {

using xfer::stage::Key;
using xfer::stage::Kind;
using xfer::stage::Spec;

Result<std::string> key_text(Invocation& call, const DataSide& side, const StageArgs& args) {
  if (!args.key_secret.empty()) {
    return call.environment.secret(side.project, side.folder.string(), args.key_secret);
  }
  // A file is what a secret of a project may be, and held to the same rules.
  std::error_code ec;
  spec::Project holder;
  holder.secrets.push_back({.name = args.key_file,
                            .kind = spec::SecretKind::file,
                            .from = std::filesystem::absolute(args.key_file, ec).string()});
  return call.environment.secret(holder, side.folder.string(), args.key_file);
}

Result<Key> key_of(Invocation& call, const DataSide& side, const StageArgs& args) {
  if (args.key_secret.empty() == args.key_file.empty()) {
    return fail(Code::bad_input,
                args.key_file.empty() ? "--encrypt and --decrypt need a key"
                                      : "--key-secret and --key-file are two keys",
                "give --key-secret NAME, a secret of the project, or --key-file PATH");
  }
  TRY(const std::string text, key_text(call, side, args));
  auto key = Key::parse(text);
  if (!key.has_value()) {
    Error error = std::move(key).error();
    error.where =
        args.key_secret.empty() ? args.key_file : fmt::format("secret '{}'", args.key_secret);
    return fail(std::move(error));
  }
  return key;
}

}  // namespace

Result<std::vector<Spec>> stages_of(Invocation& call, const DataSide& side, const StageArgs& args) {
  std::vector<Spec> stages;
  Key key;
  if (args.decrypt || !args.encrypt.empty()) {
    TRY(key, key_of(call, side, args));
  } else if (!args.key_secret.empty() || !args.key_file.empty()) {
    return fail(Code::bad_input, "a key without anything to do with it",
                "say --encrypt or --decrypt, too");
  }
  if (args.decrypt) {
    stages.push_back({.kind = Kind::decrypt, .key = key});
  }
  if (args.decompress) {
    stages.push_back({.kind = Kind::decompress});
  }
  if (!args.compress.empty()) {
    TRY(stages.emplace_back(), xfer::stage::parse_compress(args.compress));
  }
  if (!args.encrypt.empty()) {
    TRY(stages.emplace_back(), xfer::stage::parse_encrypt(args.encrypt, key));
  }
  if (args.keep_names && stages.empty()) {
    return fail(Code::bad_input, "--keep-names without anything that would change names",
                "leave it out");
  }
  return stages;
}

}  // namespace tutti::cli
