/*
 * system.h: the one system call instruction, for the native programs that have no libc. Each program lists the numbers that it
 * uses itself: what it can ask of the kernel is read in one place.
 */
#pragma once
#include <stdint.h>

#if defined(TEU_STUB)
/* The sanitizer and fuzz builds: the one system call instruction is a scripted function. */
long call6(long nr, long a, long b, long c, long d, long e, long f);
#elif defined(__x86_64__)
static inline long call6(long nr, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static inline long call6(long nr, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = nr;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "system.h: unknown architecture"
#endif
