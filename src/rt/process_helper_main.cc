// SPDX-License-Identifier: Apache-2.0
// The helper as a program of its own, for tests; users have it inside of tutti.
#include "rt/process_helper.h"

int main(int argc, char** argv) {
  return argc == 3 ? tutti::rt::run_process_helper(argv[1], argv[2]) : 2;
}
