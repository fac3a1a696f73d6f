/*
 * sys.c: what TypeScript needs of the kernel and Bun has not: any system call with -errno as its answer, and a
 * spawn that chooses namespaces, cgroup and descriptors. A freestanding shared object, loaded from a memfd.
 */
#include "spawn.h"

long teu_syscall(long nr, long a, long b, long c, long d, long e, long f) { return call6(nr, a, b, c, d, e, f); }

long teu_spawn(struct spawn *spawn) { return spawn_program(spawn); }
