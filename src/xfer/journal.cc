// SPDX-License-Identifier: Apache-2.0
#include "xfer/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include "base/digest.h"
#include "base/value.h"
#include "rt/file.h"

namespace tutti::xfer {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view format_name = "tutti.transfer/1";
constexpr int races_max = 100;
constexpr size_t number_digits = 16;  // hexadecimal

std::string line_of(const cloud::SentPart& part) {
  return to_json(Value::of({{"part", part.number},
                            {"bytes", part.bytes},
                            {"crc32c", hex(part.crc32c)},
                            {"receipt", part.receipt}})) +
         "\n";
}

Value value_of(const Nonces& nonces) {
  std::string numbers;
  for (const uint64_t each : nonces.numbers) {
    numbers += fmt::format("{:016x}", each);
  }
  return Value::of({{"at", nonces.at.us}, {"numbers", std::move(numbers)}});
}

std::optional<Nonces> nonces_of(const Value& value) {
  if (!value.is_map()) {
    return std::nullopt;
  }
  Nonces nonces{.at = {value.get_int("at")}};
  for (std::string_view text = value.get_string("numbers"); text.size() >= number_digits;
       text.remove_prefix(number_digits)) {
    uint64_t number = 0;
    std::from_chars(text.data(), text.data() + number_digits, number, 16);
    nonces.numbers.push_back(number);
  }
  return nonces;
}

std::string first_line(const Underway& underway) {
  return to_json(Value::of({{"format", format_name},
                            {"source", underway.source},
                            {"upload", underway.upload},
                            {"part_bytes", underway.part_bytes},
                            {"nonces", underway.nonces ? value_of(*underway.nonces) : Value()}})) +
         "\n";
}

std::optional<cloud::SentPart> part_of(const Value& line) {
  const int64_t number = line.get_int("part");
  const int64_t bytes = line.get_int("bytes", -1);
  const auto crc = parse_digest(fmt::format("crc32c:{}", line.get_string("crc32c")));
  if (number < 1 || number > UINT32_MAX || bytes < 0 || !crc.has_value()) {
    return std::nullopt;
  }
  return cloud::SentPart{.number = static_cast<uint32_t>(number),
                         .bytes = static_cast<uint64_t>(bytes),
                         .crc32c = *crc,
                         .receipt = std::string(line.get_string("receipt"))};
}

bool is_linked(int fd) {
  struct stat info{};
  return fstat(fd, &info) == 0 && info.st_nlink > 0;
}

}  // namespace

std::optional<Underway> parse_underway(std::string_view text) {
  std::optional<Underway> out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      break;  // killed while it was written
    }
    const auto line = parse_json(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (!line.has_value() || !line->is_map()) {
      break;
    }
    if (!out) {
      if (line->get_string("format") != format_name || line->get_int("part_bytes") < 1 ||
          line->get_string("upload").empty()) {
        return std::nullopt;
      }
      out = Underway{.source = std::string(line->get_string("source")),
                     .upload = std::string(line->get_string("upload")),
                     .part_bytes = static_cast<uint64_t>(line->get_int("part_bytes")),
                     .nonces = nonces_of((*line)["nonces"])};
      continue;
    }
    auto part = part_of(*line);
    if (!part) {
      break;
    }
    std::erase_if(out->parts, [&](const auto& each) { return each.number == part->number; });
    out->parts.push_back(std::move(*part));
  }
  return out;
}

Result<std::unique_ptr<JournalFile>> JournalFile::open(const fs::path& folder,
                                                       const std::string& destination) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::path path = folder / (hex(sha256(destination)) + ".jsonl");
  for (int i = 0; i < races_max; ++i) {
    rt::Descriptor file(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) {
      return fail(rt::error_of_errno(errno, "opening the journal", path));
    }
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      return nullptr;
    }
    if (!is_linked(file.get())) {
      continue;  // removed by who had it
    }
    TRY(const std::string text, rt::read_file(path));
    std::unique_ptr<JournalFile> out(new JournalFile(std::move(file), path));
    out->found_ = parse_underway(text);
    return out;
  }
  return nullptr;
}

Result<Unit> JournalFile::begin(const Underway& underway) {
  if (ftruncate(file_.get(), 0) != 0) {
    return fail(rt::error_of_errno(errno, "writing the journal", path_));
  }
  std::string text = first_line(underway);
  for (const cloud::SentPart& each : underway.parts) {
    text += line_of(each);
  }
  return rt::write_all(file_.get(), text, path_);
}

Result<Unit> JournalFile::add(const cloud::SentPart& part) const {
  return rt::write_all(file_.get(), line_of(part), path_);
}

void JournalFile::remove() { unlink(path_.c_str()); }

void sweep_journal(const fs::path& folder, Instant now) {
  constexpr Duration old = hours(7 * 24);
  std::error_code error;
  for (const auto& each : fs::directory_iterator(folder, error)) {
    struct stat info{};
    if (each.path().extension() == ".jsonl" && stat(each.path().c_str(), &info) == 0 &&
        now - Instant{info.st_mtim.tv_sec * 1'000'000} > old) {
      fs::remove(each.path(), error);
    }
  }
}

}  // namespace tutti::xfer
