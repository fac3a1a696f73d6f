/*
 * spawn.h: starts a program with chosen namespaces, cgroup and descriptors: clone, put the descriptors into place, exec, without
 * a fork of the caller's memory. Included by what TypeScript loads (sys.c) and by the monitor.
 */
#pragma once
#include "system.h"

#if defined(__x86_64__)
enum { SYS_rt_sigaction = 13, SYS_rt_sigprocmask = 14, SYS_fcntl = 72, SYS_chdir = 80, SYS_dup3 = 292, SYS_execve = 59, SYS_execveat = 322, SYS_clone3 = 435, SYS_close_range = 436, SYS_exit = 60 };
#else
enum { SYS_rt_sigaction = 134, SYS_rt_sigprocmask = 135, SYS_fcntl = 25, SYS_chdir = 49, SYS_dup3 = 24, SYS_execve = 221, SYS_execveat = 281, SYS_clone3 = 435, SYS_close_range = 436, SYS_exit = 93 };
#endif

enum {
  CLONE_VM = 0x100, CLONE_PIDFD = 0x1000, CLONE_VFORK = 0x4000,
  F_DUPFD = 0, O_CLOEXEC = 02000000, AT_EMPTY_PATH = 0x1000, SIG_SETMASK = 2, SIGNALS = 64, SIGKILL = 9, SIGSTOP = 19,
  DESCRIPTORS = 256,
};

/* Shared with src/sys/spawn.ts, every field a 64-bit word. */
struct spawn {
  uint64_t flags;       /* clone flags beyond VM, VFORK and PIDFD */
  uint64_t exit_signal;
  uint64_t cgroup;      /* descriptor for CLONE_INTO_CGROUP */
  uint64_t executable;  /* descriptor of the program, unless it is named by: */
  uint64_t path;        /* char *, or 0 */
  uint64_t directory;   /* char *: the child's working directory, or 0 */
  uint64_t argv;        /* char ** */
  uint64_t envp;        /* char ** */
  uint64_t count;       /* of descriptors below */
  int64_t pidfd;        /* out */
  int64_t error;        /* out: -errno of what failed in the child */
  int64_t descriptors[DESCRIPTORS]; /* the child's 0, 1, 2, … ; -1 leaves that number closed */
};

struct clone_args {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

#if defined(TEU_STUB)
static long clone_child(struct clone_args *args, struct spawn *spawn);
#else
/* The parent is suspended and shares our memory: no state of its own may change but `error` and this stack. */
__attribute__((noreturn, used)) static void child(struct spawn *spawn) {
  /* Bun ignores some signals and exec keeps "ignored": the program gets the defaults. */
  uint64_t by_default[4] = {0, 0, 0, 0}, none = 0;
  for (long signal = 1; signal <= SIGNALS; signal++)
    if (signal != SIGKILL && signal != SIGSTOP) call6(SYS_rt_sigaction, signal, (long)by_default, 0, 8, 0, 0);
  call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, 8, 0, 0);

  if (spawn->directory) {
    spawn->error = call6(SYS_chdir, (long)spawn->directory, 0, 0, 0, 0, 0);
    if (spawn->error < 0) goto out;
  }

  /* First out of the way of the targets, then into place. The program comes behind the last of them. */
  long executable = -1, beyond = (long)spawn->count + 1;
  if (!spawn->path) {
    executable = call6(SYS_fcntl, (long)spawn->executable, F_DUPFD, beyond, 0, 0, 0);
    if (executable < 0) { spawn->error = executable; goto out; }
  }
  long lifted[DESCRIPTORS];
  for (uint64_t i = 0; i < spawn->count; i++) {
    if (spawn->descriptors[i] < 0) { lifted[i] = -1; continue; }
    lifted[i] = call6(SYS_fcntl, spawn->descriptors[i], F_DUPFD, beyond, 0, 0, 0);
    if (lifted[i] < 0) { spawn->error = lifted[i]; goto out; }
  }
  for (uint64_t i = 0; i < spawn->count; i++) {
    if (lifted[i] < 0) { call6(SYS_close_range, (long)i, (long)i, 0, 0, 0, 0); continue; }
    long placed = call6(SYS_dup3, lifted[i], (long)i, 0, 0, 0, 0);
    if (placed < 0) { spawn->error = placed; goto out; }
  }
  if (spawn->path) {
    call6(SYS_close_range, (long)spawn->count, 0xffffffffL, 0, 0, 0, 0);
    spawn->error = call6(SYS_execve, (long)spawn->path, (long)spawn->argv, (long)spawn->envp, 0, 0, 0);
    goto out;
  }
  long last = call6(SYS_dup3, executable, (long)spawn->count, O_CLOEXEC, 0, 0, 0);
  if (last < 0) { spawn->error = last; goto out; }
  call6(SYS_close_range, (long)spawn->count + 1, 0xffffffffL, 0, 0, 0, 0);
  spawn->error = call6(SYS_execveat, last, (long)"", (long)spawn->argv, (long)spawn->envp, AT_EMPTY_PATH, 0);
out:
  for (;;) call6(SYS_exit, 127, 0, 0, 0, 0, 0);
}

/* clone3 with a new stack: the child must not return through the parent's frames. */
static long clone_child(struct clone_args *args, struct spawn *spawn) {
#if defined(__x86_64__)
  long result;
  register struct spawn *kept __asm__("r12") = spawn;
  __asm__ volatile(
      "syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%ebp, %%ebp\n\tmov %%r12, %%rdi\n\tcall *%[run]\n\thlt\n1:"
      : "=a"(result)
      : "a"(SYS_clone3), "D"(args), "S"(sizeof *args), "r"(kept), [run] "r"(child)
      : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = SYS_clone3;
  register long x0 __asm__("x0") = (long)args;
  register long x1 __asm__("x1") = sizeof *args;
  register struct spawn *kept __asm__("x19") = spawn;
  register void (*run)(struct spawn *) __asm__("x20") = child;
  __asm__ volatile("svc 0\n\tcbnz x0, 1f\n\tmov x29, xzr\n\tmov x0, x19\n\tblr x20\n1:"
                   : "+r"(x0) : "r"(x8), "r"(x1), "r"(kept), "r"(run) : "memory", "x30");
  return x0;
#endif
}
#endif

/* Returns the pid, or -errno of clone3; a failure after it is in spawn->error and the caller reaps the child. */
static inline long spawn_program(struct spawn *spawn) {
  static __attribute__((aligned(16))) char stack[32768];
  int pidfd = -1;
  if (spawn->count > DESCRIPTORS) return -22;
  struct clone_args args = {
      .flags = spawn->flags | CLONE_VM | CLONE_VFORK | CLONE_PIDFD, .pidfd = (uint64_t)&pidfd, .exit_signal = spawn->exit_signal,
      .stack = (uint64_t)stack, .stack_size = sizeof stack, .cgroup = spawn->cgroup};
  uint64_t all = ~0UL, before;
  spawn->error = 0;
  call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, 8, 0, 0);
  long pid = clone_child(&args, spawn);
  call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, 8, 0, 0);
  spawn->pidfd = pidfd;
  return pid;
}
