/*
 * timed-calls.h: the native programs with a clock around each system call, for bench/support/kernel-time.ts. Included in front of
 * one of them. What calls take is added up in a file that all processes of a sample map: TEU_TICKS, a path.
 */
#include "../../native/system.h"

struct ticks {
  uint64_t sum;   /* of all calls but those that wait for another process */
  uint64_t exec;  /* when the last execve began; 0: none goes on */
  uint64_t calls; /* how many */
};

static struct ticks *ticks;
/* Set where a call that is timed as a whole makes others: between the clone that starts a program and its execve. */
static int is_inside;

static uint64_t now(void) {
#if defined(__x86_64__)
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high));
  return (uint64_t)high << 32 | low;
#else
  uint64_t count;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count));
  return count;
#endif
}

#if defined(__x86_64__)
enum { NR_read = 0, NR_mmap = 9, NR_recvmsg = 47, NR_execve = 59, NR_wait4 = 61, NR_openat = 257, NR_ppoll = 271 };
#else
enum { NR_read = 63, NR_mmap = 222, NR_recvmsg = 212, NR_execve = 221, NR_wait4 = 260, NR_openat = 56, NR_ppoll = 73 };
#endif

static void map_ticks(void) {
  long file = call6(NR_openat, -100, (long)TEU_TICKS, 02000002 /* O_RDWR | O_CLOEXEC */, 0, 0, 0);
  ticks = (struct ticks *)call6(NR_mmap, 0, sizeof *ticks, 3 /* PROT_READ | PROT_WRITE */, 1 /* MAP_SHARED */, file, 0);
}

/* Of init's reads the only one is that of the gate. */
static int waits(long nr) { return nr == NR_recvmsg || nr == NR_wait4 || nr == NR_ppoll || (TEU_READ_WAITS && nr == NR_read); }

static void add(uint64_t took) {
  __atomic_fetch_add(&ticks->sum, took, __ATOMIC_RELAXED);
  __atomic_fetch_add(&ticks->calls, 1, __ATOMIC_RELAXED);
}

static long timed_call6(long nr, long a, long b, long c, long d, long e, long f) {
  if (is_inside) return call6(nr, a, b, c, d, e, f);
  if (waits(nr)) {
    long result = call6(nr, a, b, c, d, e, f);
    /* An execve does not return to where it began: it is over when somebody is told that its process let go. */
    uint64_t began = __atomic_exchange_n(&ticks->exec, 0, __ATOMIC_RELAXED);
    if (began) add(now() - began);
    return result;
  }
  uint64_t began = now();
  if (nr == NR_execve) ticks->exec = began;
  long result = call6(nr, a, b, c, d, e, f);
  if (nr == NR_execve) ticks->exec = 0;
  add(now() - began);
  return result;
}
#define call6 timed_call6
