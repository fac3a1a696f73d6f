/* Makes a system call many times and prints what one took, in nanoseconds: the loop of bench/seccomp.ts. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  long number = atol(argv[1]), argument = atol(argv[2]), count = atol(argv[3]);
  double begin = now();
  for (long turn = 0; turn < count; turn++) syscall(number, argument, 0, 0);
  printf("%f\n", (now() - begin) / count);
}
