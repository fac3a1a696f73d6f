/* native/sys.c with a clock around each call. Starting a program counts as one, from clone to execve. */
#define TEU_READ_WAITS 0
#include "timed-calls.h"
#define teu_syscall make_call
#define teu_spawn start_program
#include "../../native/sys.c"
#undef teu_syscall
#undef teu_spawn

long teu_syscall(long nr, long a, long b, long c, long d, long e, long f) {
  if (!ticks) map_ticks();
  return make_call(nr, a, b, c, d, e, f);
}

long teu_spawn(struct spawn *spawn) {
  if (!ticks) map_ticks();
  uint64_t began = now();
  is_inside = 1;
  long pid = start_program(spawn);
  is_inside = 0;
  add(now() - began);
  return pid;
}

/* The clock, for who wants to know how fast it goes. */
uint64_t teu_now(void) { return now(); }
