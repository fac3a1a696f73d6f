/*
 * hello.c: the program of the sample image teu/hello. It tells, in its own words, what it can see of the box around it:
 * everything is read by the program itself, inside; nothing is told to it, but for HOST_NAMESPACES (the host's namespace
 * links, space separated), which no contained process could know and which it only compares with its own.
 * Freestanding and static: no libc, no allocation, one write.
 */
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum { SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_getpid = 39, SYS_uname = 63, SYS_getuid = 102, SYS_getgid = 104, SYS_getgroups = 115, SYS_openat = 257, SYS_readlinkat = 267, SYS_exit_group = 231 };
static inline long call4(long nr, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
__asm__(".global _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt\n");
#elif defined(__aarch64__)
enum { SYS_read = 63, SYS_write = 64, SYS_close = 57, SYS_getpid = 172, SYS_uname = 160, SYS_getuid = 174, SYS_getgid = 176, SYS_getgroups = 158, SYS_openat = 56, SYS_readlinkat = 78, SYS_exit_group = 94 };
static inline long call4(long nr, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = nr;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
__asm__(".global _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl begin\n\tbrk 0\n");
#else
#error "hello.c: unknown architecture"
#endif

enum { AT_FDCWD = -100, STDOUT = 1, OUTPUT = 8192, INPUT = 4096, HOSTNAME_OFFSET = 65, GROUPS = 64 };

/* ---- text ------------------------------------------------------------------------------------------------------- */

static char output[OUTPUT];
static size_t used;

static void say(const char *text) {
  while (*text && used < OUTPUT) output[used++] = *text++;
}

static void say_until(const char *text, char end) {
  while (*text && *text != end && *text != '\n' && used < OUTPUT) output[used++] = *text++;
}

static void say_number(uint64_t number) {
  char digits[21];
  size_t at = sizeof digits - 1;
  digits[at] = 0;
  do digits[--at] = (char)('0' + number % 10);
  while (number /= 10);
  say(digits + at);
}

/* "64 MiB" where it is whole, else bytes: a limit is compared with what was asked for. */
static void say_bytes(uint64_t bytes) {
  if (bytes && bytes % (1 << 20) == 0) say_number(bytes >> 20), say(" MiB");
  else say_number(bytes), say(" bytes");
}

static size_t length(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}

static int starts(const char *text, const char *prefix) {
  while (*prefix) if (*text++ != *prefix++) return 0;
  return 1;
}

/* The text after `needle` in `text`, or NULL. */
static const char *after(const char *text, const char *needle) {
  for (; *text; text++) if (starts(text, needle)) return text + length(needle);
  return NULL;
}

static uint64_t number_at(const char *text, unsigned base) {
  uint64_t value = 0;
  for (;; text++) {
    unsigned digit = *text >= '0' && *text <= '9' ? (unsigned)(*text - '0') : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a' + 10) : 99;
    if (digit >= base) return value;
    value = value * base + digit;
  }
}

/* Compilers may call these for copies and clears even in freestanding programs. */
void *memset(void *to, int byte, size_t count) {
  for (size_t i = 0; i < count; i++) ((volatile char *)to)[i] = (char)byte;
  return to;
}

/* The file's first bytes, or NULL where it cannot be read; valid until the next call. */
static const char *file(const char *path) {
  static char input[INPUT];
  long descriptor = call4(SYS_openat, AT_FDCWD, (long)path, 0, 0);
  if (descriptor < 0) return NULL;
  long count = call4(SYS_read, descriptor, (long)input, INPUT - 1, 0);
  call4(SYS_close, descriptor, 0, 0, 0);
  if (count < 0) return NULL;
  input[count] = 0;
  return input;
}

/* ---- what it sees ----------------------------------------------------------------------------------------------- */

static void tell_user(void) {
  uint32_t groups[GROUPS];
  long count = call4(SYS_getgroups, GROUPS, (long)groups, 0, 0);
  say("user          uid "), say_number((uint64_t)call4(SYS_getuid, 0, 0, 0, 0));
  say(", gid "), say_number((uint64_t)call4(SYS_getgid, 0, 0, 0, 0));
  say(count > 0 ? ", groups" : ", no other groups");
  for (long i = 0; i < count; i++) say(" "), say_number(groups[i]);
  say("\n");
}

static const char *const CAPABILITIES[] = {
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT",
    "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE",
    "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
    "PERFMON", "BPF", "CHECKPOINT_RESTORE"};
enum { KNOWN = sizeof CAPABILITIES / sizeof *CAPABILITIES, PER_LINE = 6 };

static uint64_t ones(uint64_t bits) {
  uint64_t count = 0;
  for (; bits; bits &= bits - 1) count++;
  return count;
}

static void tell_capabilities(const char *status) {
  const char *set = after(status, "CapEff:\t");
  uint64_t bits = set ? number_at(set, 16) : 0;
  say("capabilities  "), say_number(ones(bits)), say(" of "), say_number(KNOWN), say(":");
  for (int bit = 0, told = 0; bit < KNOWN; bit++) {
    if (!(bits >> bit & 1)) continue;
    if (told && told % PER_LINE == 0) say("\n                       ");
    say(" "), say(CAPABILITIES[bit]), told++;
  }
  say("\n");
}

static void tell_seccomp(const char *status) {
  const char *mode = after(status, "\nSeccomp:\t"), *filters = after(status, "\nSeccomp_filters:\t"), *locked = after(status, "\nNoNewPrivs:\t");
  say("seccomp       ");
  if (!mode) say("unknown");
  else if (*mode == '0') say("off");
  else if (*mode == '1') say("strict");
  else {
    say("on, by "), say_number(filters ? number_at(filters, 10) : 1), say(" filter");
    if (filters && *filters != '1') say("s");
  }
  say(locked && *locked == '1' ? "; new privileges: none\n" : "; new privileges: by setuid programs\n");
}

/* The first of two files that is there: cgroup v2 has the one name, v1 the other. */
static void tell_limit(const char *name, const char *v2, const char *v1, int bytes) {
  const char *text = file(v2);
  if (!text) text = file(v1);
  say(name);
  if (!text) say("not visible from here");
  /* v1 says "no limit" as the largest number of whole pages. */
  else if (starts(text, "max") || starts(text, "-1") || number_at(text, 10) > (1ULL << 62)) say("no limit");
  else if (bytes) say_bytes(number_at(text, 10));
  else say_number(number_at(text, 10));
}

static void tell_cpu(void) {
  const char *text = file("/sys/fs/cgroup/cpu.max"); /* v2: "quota period" */
  uint64_t quota = 0, period = 100000;
  if (text) {
    const char *second = after(text, " ");
    quota = starts(text, "max") ? 0 : number_at(text, 10);
    period = second ? number_at(second, 10) : period;
  } else if ((text = file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"))) {
    quota = starts(text, "-1") ? 0 : number_at(text, 10);
    if ((text = file("/sys/fs/cgroup/cpu/cpu.cfs_period_us"))) period = number_at(text, 10);
  }
  say(", cpu ");
  if (!quota || !period) say("no limit");
  else say_number(quota / period), say("."), say_number(quota * 10 / period % 10), say(quota * 100 / period % 10 ? "+" : ""), say(" of a processor");
}

static void tell_cgroup(void) {
  const char *text = file("/proc/self/cgroup");
  const char *path = text ? after(text, "0::") : NULL;
  if (!path && text) path = after(text, ":memory:");
  say("cgroup        ");
  if (path) say_until(path, 0);
  else say("unknown");
  tell_limit("; memory ", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes", 1);
  tell_limit(", pids ", "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max", 0);
  tell_cpu();
  say("\n");
}

static const char *const NAMESPACES[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
enum { KINDS = sizeof NAMESPACES / sizeof *NAMESPACES, LINK = 64 };

/* "net:[4026531840]" of this process; empty where it cannot be read. */
static void read_namespace(const char *kind, char link[LINK]) {
  char path[LINK] = "/proc/self/ns/";
  size_t at = length(path);
  while (*kind) path[at++] = *kind++;
  long count = call4(SYS_readlinkat, AT_FDCWD, (long)path, (long)link, LINK - 1);
  link[count < 0 ? 0 : count] = 0;
}

static void tell_namespaces(const char *host) {
  char link[LINK];
  int shared = 0;
  say("namespaces    ");
  if (!host) say("(the host's are not known here)");
  for (int i = 0; i < KINDS; i++) {
    read_namespace(NAMESPACES[i], link);
    if (!*link) continue;
    if (!host) say(" "), say(link);
    else if (after(host, link)) shared |= 1 << i;
    else say(NAMESPACES[i]), say(" ");
  }
  if (host) {
    say(shared == (1 << KINDS) - 1 ? "none of its own; shared with the host:" : "are its own; shared with the host:");
    for (int i = 0; i < KINDS; i++) if (shared >> i & 1) say(" "), say(NAMESPACES[i]);
    if (!shared) say(" none");
  }
  say("\n");
}

static void tell_root(void) {
  const char *text = file("/proc/self/mountinfo");
  const char *mount = text ? after(text, " / / ") : NULL; /* the root of a file system, mounted at / */
  const char *type = mount ? after(mount, " - ") : NULL;
  say("root          ");
  if (type) say_until(type, ' ');
  else say("unknown");
  say("\n");
}

/* `stack` is the kernel's: argc, argv…, NULL, environment…, NULL. */
__attribute__((noreturn, used)) void begin(char **stack) {
  char **environment = stack + (size_t)(uintptr_t)stack[0] + 2;
  const char *host = NULL;
  for (; *environment; environment++)
    if (starts(*environment, "HOST_NAMESPACES=")) host = *environment + length("HOST_NAMESPACES=");

  char system[6 * HOSTNAME_OFFSET];
  call4(SYS_uname, (long)system, 0, 0, 0);
  say("Hello from inside a container.\n");
  say("pid           "), say_number((uint64_t)call4(SYS_getpid, 0, 0, 0, 0));
  say("\nhostname      "), say(system + HOSTNAME_OFFSET), say("\n");
  tell_user();
  const char *status = file("/proc/self/status");
  if (status) tell_capabilities(status), tell_seccomp(status);
  tell_cgroup();
  tell_namespaces(host);
  tell_root();
  call4(SYS_write, STDOUT, (long)output, (long)used, 0);
  for (;;) call4(SYS_exit_group, 0, 0, 0, 0);
}
