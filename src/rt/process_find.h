// SPDX-License-Identifier: Apache-2.0
// Finding processes in /proc: what the helper and the successor of a killed one share. Blocking,
// no memory of its own.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::rt {

constexpr std::string_view process_mark = "TUTTI_PROCESS=";  // then LOCK:NUMBER

std::string lock_identity(int lock_fd);  // DEVICE:INODE
// A helper that saw all its children dead says so in the lock file; else its successor looks for
// survivors.
void mark_clean(int lock_fd);
void mark_used(int lock_fd);
bool is_marked_clean(int lock_fd);

std::vector<int> children_of_self();
// Whether a process was started with a variable beginning with `mark` (NAME=VALUE, or a part of it
// that ends with ':'). Unclear: it has just ended (its children are ours by now) or is becoming
// another program (the kernel shows no environment until it has); to be asked again.
enum class Mark { absent, present, unclear };
Mark find_mark(int pid, std::string_view mark);
// Processes, but for this one and its ancestors, whose TUTTI_PROCESS names this lock.
std::vector<int> processes_of_lock(std::string_view identity);
bool has_lock_open(int pid, std::string_view identity);
// Processes, but for this one and its ancestors, that have the lock file open.
std::vector<int> holders_of_lock(std::string_view identity);
// Kills both kinds; false when there was none.
bool kill_processes_of_lock(std::string_view identity);

std::string read_all(int fd);
void close_all_but(std::initializer_list<int> kept);

}  // namespace tutti::rt
