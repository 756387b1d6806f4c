// SPDX-License-Identifier: Apache-2.0
// The process helper: a single-threaded program that starts processes for its owner and outlives it
// just long enough to end them.
//
// It is a fresh exec of the owner's program in a hidden mode (a fork of the owner would copy its
// page tables and locks, and could not be repeated once there are threads). Processes are made with
// a vfork-like clone, so a spawn costs the same whatever the size of the program.
//
// - Child subreaper: what a task leaves behind becomes the helper's child, `setsid` or not, and is
//   killed when the task's first process ends.
// - When the socket closes (the owner died or closed it): SIGTERM to all, one second, SIGKILL until
//   there is no child left, then it exits.
// - The lock's descriptor is inherited by all it starts, and TUTTI_PROCESS=LOCK:NUMBER names them,
//   so that a successor finds survivors should the helper itself be killed.
// - Each process: own session, environment as given, no_new_privs, no descriptor but those given
//   and the lock's, default signal handling, limits.
#pragma once

namespace tutti::rt {

// The helper's whole life; returns the exit status. `socket_fd`: SOCK_SEQPACKET, to the owner.
// `lock_fd`: the locked ProcessLock, which the helper then keeps.
int run_process_helper(int socket_fd, int lock_fd);

// For main: run_process_helper() with the two numbers ProcessesOptions::helper was called with.
int run_process_helper(const char* socket_fd, const char* lock_fd);

}  // namespace tutti::rt
