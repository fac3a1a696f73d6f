/*
 * reaper.c: PID 1 of a container that is run with --init. Programs that are no init do not wait for the processes that others leave to
 * them, and hear no signal that they have no handler for; this one does both, and is the parent of the container's program:
 * it hands each signal on to the program's process group, waits for whoever ends, and ends as the program ends.
 * Freestanding and static. Its words are the program and its arguments; the program is looked for in PATH, as execvp(3) does.
 */
#include "system.h"

#if defined(__x86_64__)
enum {
  SYS_write = 1, SYS_ioctl = 16, SYS_clone = 56, SYS_execve = 59, SYS_wait4 = 61, SYS_kill = 62, SYS_setpgid = 109, SYS_getpid = 39, SYS_rt_sigaction = 13, SYS_rt_sigprocmask = 14,
  SYS_rt_sigtimedwait = 128, SYS_exit_group = 231,
};
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall reap\n\thlt");
#else
enum {
  SYS_write = 64, SYS_ioctl = 29, SYS_clone = 220, SYS_execve = 221, SYS_wait4 = 260, SYS_kill = 129, SYS_setpgid = 154, SYS_getpid = 172, SYS_rt_sigaction = 134, SYS_rt_sigprocmask = 135,
  SYS_rt_sigtimedwait = 137, SYS_exit_group = 94,
};
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tmov x0, sp\n\tbl reap\n\tbrk 1");
#endif
#define CALL(nr, ...) CALL_(nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(nr, a, b, c, d, e, f, ...) call6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

enum {
  ENOENT = 2, EAGAIN = 11, EACCES = 13, ENOTDIR = 20, PATH_BYTES = 4096, SIGCHLD = 17, SIGTTIN = 21, SIGTTOU = 22, SIG_SETMASK = 2, SIG_IGN = 1, WNOHANG = 1, WALL = 0x40000000, TIOCSPGRP = 0x5410, STDERR = 2,
  NOT_FOUND = 127, NOT_EXECUTABLE = 126, KILLED = 128,
};

static unsigned long length_of(const char *text) {
  unsigned long length = 0;
  while (text[length]) length++;
  return length;
}

static void say(const char *text) { CALL(SYS_write, STDERR, text, length_of(text)); }

/* The value of PATH in an environment; the kernel's own search has none, so that execvp's fallback is ours. */
static const char *path_in(char **environment) {
  for (; *environment; environment++) {
    const char *entry = *environment;
    if (entry[0] == 'P' && entry[1] == 'A' && entry[2] == 'T' && entry[3] == 'H' && entry[4] == '=') return entry + 5;
  }
  return "/bin:/usr/bin";
}

static int has_slash(const char *name) {
  for (; *name; name++)
    if (*name == '/') return 1;
  return 0;
}

/* Returns the errno that says most: a file that may not be run goes before one that is not there. */
static long run(char **words, char **environment) {
  static char candidate[PATH_BYTES];
  const char *name = words[0];
  long worst = -ENOENT;
  if (has_slash(name)) return CALL(SYS_execve, name, words, environment);
  unsigned long length = length_of(name);
  for (const char *at = path_in(environment);; at++) {
    unsigned long used = 0;
    for (; *at && *at != ':'; at++)
      if (used < PATH_BYTES - 2) candidate[used++] = *at;
    if (used == 0) candidate[used++] = '.';
    candidate[used++] = '/';
    if (used + length < PATH_BYTES) {
      for (unsigned long index = 0; index <= length; index++) candidate[used + index] = name[index];
      long result = CALL(SYS_execve, candidate, words, environment);
      if (result == -EACCES) worst = result;
      else if (result != -ENOENT && result != -ENOTDIR) return result;
    }
    if (!*at) return worst;
  }
}

/* The child: its own process group, in front of the terminal if there is one, so that what is typed there goes to it. */
static void become(char **words, char **environment, uint64_t mask) {
  CALL(SYS_setpgid, 0, 0);
  long self = CALL(SYS_getpid, 0);
  int group = (int)self;
  /* Refused, or stopped by SIGTTOU, where there is no terminal: the signal is ignored still. */
  CALL(SYS_ioctl, 0, TIOCSPGRP, &group);
  struct { uint64_t handler, flags, restorer, mask; } usual = {0};
  CALL(SYS_rt_sigaction, SIGTTIN, &usual, 0, 8);
  CALL(SYS_rt_sigaction, SIGTTOU, &usual, 0, 8);
  CALL(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
  long result = run(words, environment);
  say("exec: ");
  say(words[0]);
  say(result == -ENOENT || result == -ENOTDIR ? ": executable file not found\n" : ": cannot be executed\n");
  CALL(SYS_exit_group, result == -ENOENT || result == -ENOTDIR ? NOT_FOUND : NOT_EXECUTABLE);
}

/* Waits for all that have ended; -1 while the program goes on, else its exit status. */
static int collect(long program) {
  int found = -1;
  for (;;) {
    int status = 0;
    long pid = CALL(SYS_wait4, -1, &status, WNOHANG | WALL, 0);
    if (pid <= 0) return found;
    if (pid == program) found = (status & 0x7f) ? KILLED + (status & 0x7f) : (status >> 8) & 0xff;
  }
}

void reap(long *stack) {
  long count = stack[0];
  char **words = (char **)(stack + 2); /* after our own name */
  char **environment = (char **)(stack + 2 + count);
  if (count < 2) CALL(SYS_exit_group, NOT_FOUND);
  /* Blocked before there is a child: no signal, and no end, can come in between. */
  uint64_t all = ~0UL, before = 0;
  CALL(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
  struct { uint64_t handler, flags, restorer, mask; } ignored = {SIG_IGN, 0, 0, 0};
  CALL(SYS_rt_sigaction, SIGTTIN, &ignored, 0, 8);
  CALL(SYS_rt_sigaction, SIGTTOU, &ignored, 0, 8);
  long program = CALL(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (program == 0) become(words, environment, before);
  if (program < 0) {
    say(program == -EAGAIN ? "fork: no more processes may be in the container\n" : "fork: failed\n");
    CALL(SYS_exit_group, NOT_EXECUTABLE);
  }
  for (;;) {
    long signal = CALL(SYS_rt_sigtimedwait, &all, 0, 0, 8);
    if (signal == SIGCHLD) {
      int status = collect(program);
      if (status >= 0) CALL(SYS_exit_group, status);
    } else if (signal > 0) {
      /* The group is made by the child: until then the child alone is there. */
      if (CALL(SYS_kill, -program, signal) < 0) CALL(SYS_kill, program, signal);
    }
  }
}
