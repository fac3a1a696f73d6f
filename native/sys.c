/*
 * sys.c: what TypeScript needs of the kernel and Bun has not: any system call with -errno as its answer, many of them in
 * one go, and a spawn that chooses namespaces, cgroup and descriptors. A freestanding shared object, loaded from a memfd.
 */
#include "spawn.h"

long teu_syscall(long nr, long a, long b, long c, long d, long e, long f) { return call6(nr, a, b, c, d, e, f); }

/* What a call of a run does besides; src/sys/file-batch.ts has the same. */
enum {
  KEEPS = 1,     /* its answer is the descriptor that later calls use, and is left in `rule` */
  USES_KEPT = 2, /* its first argument is that descriptor */
  TAKES_ALL = 4, /* it has to take as many bytes as its third argument says */
};

/* Doubles: JavaScript writes them without making an object of each, and they hold every descriptor, address and length exactly. */
struct call {
  double number, arguments[6], rule;
};

/* Makes the calls in their order. Returns how many went well; the next one's answer is then in its `rule`. */
long teu_calls(struct call *calls, long count) {
  long kept = -1;
  for (long at = 0; at < count; at++) {
    struct call *call = calls + at;
    const double *given = call->arguments;
    const long rule = (long)call->rule;
    const long first = rule & USES_KEPT ? kept : (long)given[0];
    const long answer = call6((long)call->number, first, (long)given[1], (long)given[2], (long)given[3], (long)given[4], (long)given[5]);
    if (rule & KEEPS) kept = answer;
    if (rule & KEEPS || answer < 0) call->rule = (double)answer;
    if (answer < 0) return at;
    if (rule & TAKES_ALL && answer != (long)given[2]) {
      call->rule = (double)answer;
      return at;
    }
  }
  return count;
}

long teu_spawn(struct spawn *spawn) { return spawn_program(spawn); }
