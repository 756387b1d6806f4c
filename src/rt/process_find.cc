// SPDX-License-Identifier: Apache-2.0
#include "rt/process_find.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "rt/descriptor.h"

namespace tutti::rt {
namespace {

std::string identity_of(const struct stat& info) {
  return fmt::format("{}:{}", info.st_dev, info.st_ino);
}

std::string read_path(const std::string& path) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd.is_open() ? read_all(fd.get()) : std::string();
}

// The numeric names in a folder of /proc.
std::vector<int> numbers_in(const std::string& path) {
  std::vector<int> numbers;
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) {
    return numbers;
  }
  while (const dirent* entry = readdir(folder)) {
    const std::string_view name = entry->d_name;
    int number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size()) {
      numbers.push_back(number);
    }
  }
  closedir(folder);
  return numbers;
}

// The fields of /proc/PID/stat, with their numbers in proc(5); 0 for what is not a number.
std::array<uint64_t, 53> stat_fields(int pid) {
  std::array<uint64_t, 53> fields{};
  const std::string stat = read_path(fmt::format("/proc/{}/stat", pid));
  size_t at = stat.rfind(')');  // the name may hold anything
  for (size_t field = 3; field < fields.size() && at != std::string::npos; ++field) {
    at = stat.find(' ', at + 1);
    if (at != std::string::npos) {
      std::from_chars(stat.data() + at + 1, stat.data() + stat.size(), fields[field]);
    }
  }
  return fields;
}

int parent_of(int pid) { return static_cast<int>(stat_fields(pid)[4]); }

// An empty environment is no answer while execve goes on, which tells the place of the data last.
bool environment_is_empty(int pid) {
  const auto fields = stat_fields(pid);
  const uint64_t end_data = fields[46], env_start = fields[50], env_end = fields[51];
  return end_data != 0 && env_start == env_end;
}

std::set<int> self_and_ancestors() {
  std::set<int> found;
  for (int pid = getpid(); pid > 0 && found.insert(pid).second;) {
    pid = parent_of(pid);
  }
  return found;
}

template <class Matches>
std::vector<int> others(Matches matches) {
  const std::set<int> spared = self_and_ancestors();
  std::vector<int> found;
  for (const int pid : numbers_in("/proc")) {
    if (!spared.contains(pid) && matches(pid)) {
      found.push_back(pid);
    }
  }
  return found;
}

}  // namespace

bool has_lock_open(int pid, std::string_view identity) {
  const std::string folder = fmt::format("/proc/{}/fd", pid);
  return std::ranges::any_of(numbers_in(folder), [&](int fd) {
    struct stat info{};
    return stat(fmt::format("{}/{}", folder, fd).c_str(), &info) == 0 &&
           identity_of(info) == identity;
  });
}

std::string lock_identity(int lock_fd) {
  struct stat info{};
  return fstat(lock_fd, &info) == 0 ? identity_of(info) : std::string();
}

void mark_clean(int lock_fd) {
  if (ftruncate(lock_fd, 0) != 0) {
    return;  // the successor then looks in vain
  }
}

void mark_used(int lock_fd) {
  const std::string text = fmt::format("{}\n", getpid());
  if (pwrite(lock_fd, text.data(), text.size(), 0) < 0) {
    return;
  }
}

bool is_marked_clean(int lock_fd) {
  struct stat info{};
  return fstat(lock_fd, &info) == 0 && info.st_size == 0;
}

std::vector<int> children_of_self() {
  const std::string path = fmt::format("/proc/self/task/{}/children", static_cast<int>(gettid()));
  std::vector<int> children;
  if (access(path.c_str(), F_OK) != 0) {  // a kernel without CONFIG_PROC_CHILDREN
    std::ranges::copy_if(numbers_in("/proc"), std::back_inserter(children),
                         [](int pid) { return parent_of(pid) == getpid(); });
    return children;
  }
  const std::string text = read_path(path);
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    int pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    if (parsed.ec != std::errc()) {
      break;
    }
    children.push_back(pid);
    at = parsed.ptr + 1;
  }
  return children;
}

Mark find_mark(int pid, std::string_view mark) {
  const Descriptor fd(open(fmt::format("/proc/{}/environ", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open() && errno == EACCES) {
    return Mark::absent;  // it hides from everybody (PR_SET_DUMPABLE): nothing will ever be seen
  }
  const std::string environment = fd.is_open() ? read_all(fd.get()) : std::string();
  for (size_t at = 0; at < environment.size();) {
    const size_t end = std::min(environment.find('\0', at), environment.size());
    const std::string_view variable(environment.data() + at, end - at);
    if (variable.starts_with(mark) && (variable.size() == mark.size() || mark.ends_with(':'))) {
      return Mark::present;
    }
    at = end + 1;
  }
  return !environment.empty() || environment_is_empty(pid) ? Mark::absent : Mark::unclear;
}

std::vector<int> processes_of_lock(std::string_view identity) {
  const std::string mark = fmt::format("{}{}:", process_mark, identity);
  return others([&](int pid) { return find_mark(pid, mark) == Mark::present; });
}

std::vector<int> holders_of_lock(std::string_view identity) {
  return others([&](int pid) { return has_lock_open(pid, identity); });
}

std::string read_all(int fd) {
  std::string out;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return out;
    }
    out.append(buffer, static_cast<size_t>(n));
  }
}

void close_all_but(std::initializer_list<int> kept) {
  std::vector<int> sorted(kept);
  std::ranges::sort(sorted);
  unsigned first = 0;
  for (const int fd : sorted) {
    if (static_cast<unsigned>(fd) > first) {
      close_range(first, static_cast<unsigned>(fd) - 1, 0);
    }
    first = static_cast<unsigned>(fd) + 1;
  }
  close_range(first, ~0U, 0);
}

}  // namespace tutti::rt
