/*
 * probe.c: the one program that tests run inside containers. Each word of its command line is a question (or a deed)
 * and each answer is one line of JSON, so that a test sees what the kernel says in there and not what the runtime
 * claims. Static and freestanding: it needs no file of the rootfs, and where it can it asks without /proc.
 *
 *   probe caps fds cwd stat:/dev/null write:/proc/sysrq-trigger=h call:56,0x10000011
 *
 * VERB or VERB:ARGUMENT. A failed call is answered with "errno". After the last word it exits 0, or as exit:N says.
 */
#include <stddef.h>
#include "system.h"

#if defined(__x86_64__)
enum {
  O_DIRECTORY = 0200000,
  SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_lseek = 8, SYS_ioctl = 16, SYS_nanosleep = 35, SYS_getpid = 39, SYS_uname = 63, SYS_fcntl = 72,
  SYS_getcwd = 79, SYS_umask = 95, SYS_getppid = 110, SYS_getgroups = 115, SYS_getresuid = 118, SYS_getresgid = 120, SYS_getsid = 124,
  SYS_capget = 125, SYS_personality = 135, SYS_getpriority = 140, SYS_sched_getscheduler = 145, SYS_prctl = 157, SYS_statfs = 137,
  SYS_getdents64 = 217, SYS_exit_group = 231, SYS_ioprio_get = 252, SYS_openat = 257, SYS_mkdirat = 258, SYS_unlinkat = 263, SYS_readlinkat = 267,
  SYS_sched_getaffinity = 204, SYS_prlimit64 = 302, SYS_statx = 332, SYS_chdir = 80, SYS_kill = 62, SYS_process_vm_readv = 310, SYS_setgroups = 116, SYS_renameat2 = 316,
  SYS_socket = 41, SYS_sendto = 44,
};
/* The 32-bit door of the same machine. rbx, rbp are the compiler's own: five arguments do. */
static long call_32(long nr, long a, long b, long c, long d, long e) {
  long result;
  __asm__ volatile("push %%rbx\n\tmov %2, %%ebx\n\tint $0x80\n\tpop %%rbx"
                   : "=a"(result) : "a"(nr), "r"((uint32_t)a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory", "r8", "r9", "r10", "r11");
  return (int32_t)result;
}
__asm__(".global _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt\n");
#else
enum {
  O_DIRECTORY = 040000,
  SYS_read = 63, SYS_write = 64, SYS_close = 57, SYS_lseek = 62, SYS_ioctl = 29, SYS_nanosleep = 101, SYS_getpid = 172, SYS_uname = 160, SYS_fcntl = 25,
  SYS_getcwd = 17, SYS_umask = 166, SYS_getppid = 173, SYS_getgroups = 158, SYS_getresuid = 148, SYS_getresgid = 150, SYS_getsid = 156,
  SYS_capget = 90, SYS_personality = 92, SYS_getpriority = 141, SYS_sched_getscheduler = 120, SYS_prctl = 167, SYS_statfs = 43,
  SYS_getdents64 = 61, SYS_exit_group = 94, SYS_ioprio_get = 31, SYS_openat = 56, SYS_mkdirat = 34, SYS_unlinkat = 35, SYS_readlinkat = 78,
  SYS_sched_getaffinity = 123, SYS_prlimit64 = 261, SYS_statx = 291, SYS_chdir = 49, SYS_kill = 129, SYS_process_vm_readv = 270, SYS_setgroups = 159, SYS_renameat2 = 276,
  SYS_socket = 198, SYS_sendto = 206,
};
static long call_32(long nr, long a, long b, long c, long d, long e) { (void)nr, (void)a, (void)b, (void)c, (void)d, (void)e; return -38; }
__asm__(".global _start\n_start:\n\tmov x29, xzr\n\tmov x0, sp\n\tbl begin\n\tbrk 0\n");
#endif
#define CALL(nr, ...) CALL_(nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(nr, a, b, c, d, e, f, ...) call6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

enum {
  AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100, O_WRONLY = 1, O_CREAT = 0100, O_EXCL = 0200, O_NONBLOCK = 04000, O_APPEND = 02000, O_CLOEXEC = 02000000,
  F_GETFD = 1, F_GETFL = 3, TCGETS = 0x5401, TIOCGWINSZ = 0x5413, PR_GET_PDEATHSIG = 2, PR_GET_DUMPABLE = 3, PR_GET_SECCOMP = 21, PR_CAPBSET_READ = 23, PR_GET_SECUREBITS = 27,
  PR_GET_NO_NEW_PRIVS = 39, PR_CAP_AMBIENT = 47, PR_CAP_AMBIENT_IS_SET = 1, CAPABILITY_VERSION_3 = 0x20080522, CAPABILITIES = 64, STATX_BASIC = 0x7ff,
  RENAME_EXCHANGE = 2, PREY = 64,
  DESCRIPTORS = 4096, RLIMITS = 16, TEXT = 1 << 16, FIELD = 65,
};

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static char output[1 << 17];
static size_t used;
static int needs_comma;

static void put(char byte) {
  if (used < sizeof output) output[used++] = byte;
}

static void say(const char *text) {
  while (*text) put(*text++);
}

static void say_number(int64_t number) {
  char digits[21];
  size_t at = sizeof digits;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  do digits[--at] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (number < 0) put('-');
  while (at < sizeof digits) put(digits[at++]);
}

static void say_hex(uint64_t number, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) put("0123456789abcdef"[(number >> shift) & 15]);
}

/* Bytes that are not ASCII stand for themselves as \u00XX: what a file holds need not be text. */
static void say_quoted(const char *text, size_t length) {
  put('"');
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = (uint8_t)text[i];
    if (byte == '"' || byte == '\\') put('\\'), put((char)byte);
    else if (byte < 32 || byte > 126) say("\\u00"), say_hex(byte, 2);
    else put((char)byte);
  }
  put('"');
}

static size_t length_of(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}

static void comma(void) {
  if (needs_comma) put(',');
  needs_comma = 1;
}

static void key(const char *name) {
  comma();
  say_quoted(name, length_of(name));
  put(':');
}

static void number(const char *name, int64_t value) { key(name), say_number(value); }
static void text(const char *name, const char *value) { key(name), say_quoted(value, length_of(value)); }
/* Sets of 64 members are hexadecimal texts: a JSON number would lose the upper ones. */
static void set(const char *name, uint64_t value) { key(name), put('"'), say_hex(value, 16), put('"'); }
static void open_list(const char *name) { key(name), put('['), needs_comma = 0; }
static void close_list(void) { put(']'), needs_comma = 1; }
static void open_item(void) { comma(), put('{'), needs_comma = 0; }
static void close_item(void) { put('}'), needs_comma = 1; }

/* Says the errno of a failed call. Returns whether it failed. */
static int failed(long result) {
  if (result >= 0 || result < -4095) return 0;
  number("errno", -result);
  return 1;
}

static void flush(void) {
  for (size_t done = 0; done < used;) {
    long written = CALL(SYS_write, 1, output + done, used - done);
    if (written == -4) continue;
    if (written <= 0) break;
    done += (size_t)written;
  }
  used = 0;
}

/* Compilers may call these for copies and clears even in freestanding programs. */
void *memset(void *to, int byte, size_t count) {
  for (size_t i = 0; i < count; i++) ((volatile char *)to)[i] = (char)byte;
  return to;
}
void *memcpy(void *to, const void *from, size_t count) {
  for (size_t i = 0; i < count; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
  return to;
}

/* ---- what a process is ------------------------------------------------------------------------------------------- */

static void caps(void) {
  struct { uint32_t version; int32_t pid; } header = {CAPABILITY_VERSION_3, 0};
  struct { uint32_t effective, permitted, inheritable; } data[2] = {{0, 0, 0}, {0, 0, 0}};
  if (failed(CALL(SYS_capget, &header, data))) return;
  uint64_t bounding = 0, ambient = 0;
  for (int capability = 0; capability < CAPABILITIES; capability++) {
    if (CALL(SYS_prctl, PR_CAPBSET_READ, capability) == 1) bounding |= 1ul << capability;
    if (CALL(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability) == 1) ambient |= 1ul << capability;
  }
  set("inheritable", data[0].inheritable | (uint64_t)data[1].inheritable << 32);
  set("permitted", data[0].permitted | (uint64_t)data[1].permitted << 32);
  set("effective", data[0].effective | (uint64_t)data[1].effective << 32);
  set("bounding", bounding);
  set("ambient", ambient);
  number("securebits", CALL(SYS_prctl, PR_GET_SECUREBITS));
}

static void ids(void) {
  uint32_t user[3], group[3], groups[256];
  CALL(SYS_getresuid, &user[0], &user[1], &user[2]);
  CALL(SYS_getresgid, &group[0], &group[1], &group[2]);
  number("uid", user[0]), number("euid", user[1]), number("suid", user[2]);
  number("gid", group[0]), number("egid", group[1]), number("sgid", group[2]);
  long count = CALL(SYS_getgroups, 256, groups);
  open_list("groups");
  for (long i = 0; i < count; i++) comma(), say_number(groups[i]);
  close_list();
}

static void process(void) {
  number("pid", CALL(SYS_getpid, 0)), number("ppid", CALL(SYS_getppid, 0)), number("sid", CALL(SYS_getsid, 0));
  long mask = CALL(SYS_umask, 022);
  CALL(SYS_umask, mask);
  number("umask", mask);
  number("noNewPrivileges", CALL(SYS_prctl, PR_GET_NO_NEW_PRIVS));
  number("dumpable", CALL(SYS_prctl, PR_GET_DUMPABLE));
  int signal = 0;
  CALL(SYS_prctl, PR_GET_PDEATHSIG, &signal);
  number("parentDeathSignal", signal);
  number("personality", CALL(SYS_personality, 0xffffffff));
  number("nice", 20 - CALL(SYS_getpriority, 0, 0));
  number("scheduler", CALL(SYS_sched_getscheduler, 0));
  number("ioPriority", CALL(SYS_ioprio_get, 1, 0));
  uint64_t cpus[16] = {0};
  CALL(SYS_sched_getaffinity, 0, sizeof cpus, cpus);
  set("cpus", cpus[0]);
}

/* 0: none, 2: a filter. Where the filter forbids the question, its errno. */
static void seccomp(void) {
  long mode = CALL(SYS_prctl, PR_GET_SECCOMP);
  if (!failed(mode)) number("mode", mode);
}

static void rlimits(void) {
  open_list("limits");
  for (int resource = 0; resource < RLIMITS; resource++) {
    uint64_t limit[2] = {0, 0};
    CALL(SYS_prlimit64, 0, resource, 0, limit);
    open_item(), number("resource", resource), set("soft", limit[0]), set("hard", limit[1]), close_item();
  }
  close_list();
}

static void host(void) {
  struct { char system[FIELD], node[FIELD], release[FIELD], version[FIELD], machine[FIELD], domain[FIELD]; } name;
  if (failed(CALL(SYS_uname, &name))) return;
  text("hostname", name.node), text("domainname", name.domain), text("machine", name.machine);
}

static void words(const char *name, char **list) {
  open_list(name);
  for (; *list; list++) comma(), say_quoted(*list, length_of(*list));
  close_list();
}

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

struct statx_time { int64_t seconds; uint32_t nanoseconds; int32_t reserved; };
struct statx {
  uint32_t mask, block_size;
  uint64_t attributes;
  uint32_t links, uid, gid;
  uint16_t mode, reserved;
  uint64_t inode, size, blocks, attributes_mask;
  struct statx_time access, birth, change, modify;
  uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
  uint64_t mount, more[13];
};

static char buffer[TEXT];

static void link_of(const char *name, int directory, const char *path) {
  long count = CALL(SYS_readlinkat, directory, path, buffer, sizeof buffer);
  if (!failed(count)) key(name), say_quoted(buffer, (size_t)count);
}

static void fds(void) {
  open_list("descriptors");
  for (long descriptor = 0; descriptor < DESCRIPTORS; descriptor++) {
    long flags = CALL(SYS_fcntl, descriptor, F_GETFD);
    if (flags < 0) continue;
    char path[32] = "/proc/self/fd/", digits[8];
    size_t at = length_of(path), count = 0;
    for (long rest = descriptor; count == 0 || rest; rest /= 10) digits[count++] = (char)('0' + rest % 10);
    while (count) path[at++] = digits[--count];
    path[at] = 0;
    open_item();
    number("fd", descriptor), number("closeOnExec", flags & 1), number("flags", CALL(SYS_fcntl, descriptor, F_GETFL));
    link_of("link", AT_FDCWD, path);
    close_item();
  }
  close_list();
}

static void terminal(void) {
  char settings[64];
  uint16_t size[4] = {0, 0, 0, 0};
  open_list("terminals");
  for (int descriptor = 0; descriptor < 3; descriptor++) comma(), say_number(CALL(SYS_ioctl, descriptor, TCGETS, settings) == 0);
  close_list();
  if (CALL(SYS_ioctl, 0, TIOCGWINSZ, size) == 0) number("rows", size[0]), number("columns", size[1]);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void cwd(void) {
  long count = CALL(SYS_getcwd, buffer, sizeof buffer);
  if (!failed(count)) text("path", buffer);
}

static void stat(const char *path, int flags) {
  struct statx found;
  static const char *types[16] = {[1] = "fifo", [2] = "char", [4] = "directory", [6] = "block", [8] = "file", [10] = "link", [12] = "socket"};
  if (failed(CALL(SYS_statx, AT_FDCWD, path, flags, STATX_BASIC, &found))) return;
  const char *type = types[found.mode >> 12];
  text("type", type ? type : "?");
  number("mode", found.mode & 07777), number("uid", found.uid), number("gid", found.gid), number("size", (int64_t)found.size);
  number("major", found.rdev_major), number("minor", found.rdev_minor), number("inode", (int64_t)found.inode);
}

static void statfs(const char *path) {
  uint64_t found[32];
  if (failed(CALL(SYS_statfs, path, found))) return;
  key("type"), put('"'), say_hex(found[0], 8), put('"');
  number("flags", (int64_t)found[10]);
}

static void read(const char *path) {
  long descriptor = CALL(SYS_openat, AT_FDCWD, path, O_CLOEXEC | O_NONBLOCK);
  if (failed(descriptor)) return;
  size_t total = 0;
  long count = 0;
  while (total < sizeof buffer && (count = CALL(SYS_read, descriptor, buffer + total, sizeof buffer - total)) > 0) total += (size_t)count;
  CALL(SYS_close, descriptor);
  if (count < 0 && failed(count)) return;
  key("text"), say_quoted(buffer, total);
}

static void list(const char *path) {
  long descriptor = CALL(SYS_openat, AT_FDCWD, path, O_CLOEXEC | O_DIRECTORY);
  if (failed(descriptor)) return;
  open_list("names");
  for (long count; (count = CALL(SYS_getdents64, descriptor, buffer, sizeof buffer)) > 0;)
    for (long at = 0; at < count; at += *(uint16_t *)(buffer + at + 16)) comma(), say_quoted(buffer + at + 19, length_of(buffer + at + 19));
  close_list();
  CALL(SYS_close, descriptor);
}

/* PATH=TEXT, into what is there; `create` makes a new file instead. */
static void write(char *words, int flags) {
  char *value = words;
  while (*value && *value != '=') value++;
  if (*value) *value++ = 0;
  long descriptor = CALL(SYS_openat, AT_FDCWD, words, O_WRONLY | O_CLOEXEC | flags, 0644);
  if (failed(descriptor)) return;
  long count = CALL(SYS_write, descriptor, value, length_of(value));
  CALL(SYS_close, descriptor);
  if (!failed(count)) number("written", count);
}

static int digit_of(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : 99;
}

/* NUMBER,ARGUMENT,… in decimal or 0x…; every argument is a number, so a filter is all that can be tested with it. */
static void calls(const char *words, int in_32_bits) {
  int64_t value[7] = {0};
  for (int i = 0; i < 7 && *words; i++) {
    int negative = *words == '-', base = 10;
    words += negative;
    if (words[0] == '0' && words[1] == 'x') base = 16, words += 2;
    for (; digit_of(*words) < base; words++) value[i] = value[i] * base + digit_of(*words);
    if (negative) value[i] = -value[i];
    if (*words == ',') words++;
  }
  long result = in_32_bits ? call_32(value[0], value[1], value[2], value[3], value[4], value[5])
                           : call6(value[0], value[1], value[2], value[3], value[4], value[5], value[6]);
  if (!failed(result)) number("result", result);
}

static int64_t decimal(const char *words) {
  int64_t value = 0;
  for (; *words >= '0' && *words <= '9'; words++) value = value * 10 + *words - '0';
  return value;
}

/* ---- deeds of an attacker ---------------------------------------------------------------------------------------- */

/* A=B: the two names change places for ever, with pauses in which the other side has to be quick, too: without them it gets no turn. */
static void race(char *words) {
  char *other = words;
  while (*other && *other != '=') other++;
  if (*other) *other++ = 0;
  int64_t pause[2] = {0, 20000};
  long result;
  while ((result = CALL(SYS_renameat2, AT_FDCWD, words, AT_FDCWD, other, RENAME_EXCHANGE)) == 0) CALL(SYS_nanosleep, pause, 0);
  failed(result);
}

/* Attacks go on until the test makes this file. */
static int is_over(void) {
  struct statx found;
  return CALL(SYS_statx, AT_FDCWD, "/stop", 0, STATX_BASIC, &found) == 0;
}

/* Calls `attack` with /proc/PID/ for every process but the first and this one. */
static void each_process(void (*attack)(char *path, size_t length, int64_t pid)) {
  static char entries[4096];
  long directory = CALL(SYS_openat, AT_FDCWD, "/proc", O_CLOEXEC | O_DIRECTORY);
  for (long count; (count = CALL(SYS_getdents64, directory, entries, sizeof entries)) > 0;)
    for (long at = 0; at < count; at += *(uint16_t *)(entries + at + 16)) {
      char path[64] = "/proc/", *name = entries + at + 19;
      int64_t pid = decimal(name);
      if (pid <= 1 || pid == CALL(SYS_getpid, 0)) continue;
      memcpy(path + 6, name, length_of(name));
      path[6 + length_of(name)] = '/';
      attack(path, 7 + length_of(name), pid);
    }
  CALL(SYS_close, directory);
}

static struct { long descriptor; uint64_t inode; int is_done; } prey[PREY];
static int preys, overwritten, refused;

static void hold_exe(char *path, size_t length, int64_t pid) {
  struct statx own, found;
  (void)pid;
  memcpy(path + length, "exe", 4);
  long descriptor = CALL(SYS_openat, AT_FDCWD, path, O_CLOEXEC);
  if (descriptor < 0) return;
  CALL(SYS_statx, AT_FDCWD, "/proc/self/exe", 0, STATX_BASIC, &own);
  CALL(SYS_statx, descriptor, "", 0x1000, STATX_BASIC, &found);
  int is_known = (own.inode == found.inode && own.dev_minor == found.dev_minor) || preys == PREY;
  for (int i = 0; i < preys; i++) is_known |= prey[i].inode == found.inode;
  if (is_known) CALL(SYS_close, descriptor);
  else prey[preys].descriptor = descriptor, prey[preys++].inode = found.inode;
}

/* 2019-5736: the program of a process that comes in from outside is opened while it runs, and overwritten once it has ended. */
static void seize_exe(const char *words) {
  while (!is_over()) {
    each_process(hold_exe);
    for (int i = 0; i < preys; i++) {
      if (prey[i].is_done) continue;
      char path[32] = "/proc/self/fd/", digits[8];
      size_t at = length_of(path), count = 0;
      for (long rest = prey[i].descriptor; count == 0 || rest; rest /= 10) digits[count++] = (char)('0' + rest % 10);
      while (count) path[at++] = digits[--count];
      long descriptor = CALL(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
      if (descriptor < 0) continue;
      prey[i].is_done = 1;
      if (CALL(SYS_write, descriptor, words, length_of(words)) > 0) overwritten++;
      else refused++;
      CALL(SYS_close, descriptor);
    }
  }
  number("seen", preys), number("overwritten", overwritten), number("refused", refused);
}

static int met, opened, traced;

/* A process with a foreign name has not become the container's own program yet; it is asked last, since it changes once. */
static void hold_process(char *path, size_t length, int64_t pid) {
  char own[16] = {0}, other[16] = {0};
  /* Reading its memory needs the right to trace it, but leaves it alone. What is at the address does not matter. */
  struct { void *base; size_t length; } here = {other, 1}, there = {(void *)0x400000, 1};
  long memory = CALL(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0);
  int is_traced = memory >= 0 || memory == -14;
  int is_opened = 0;
  for (char digit = '0'; digit <= '9'; digit++) {
    memcpy(path + length, "fd/0", 5);
    path[length + 3] = digit;
    long descriptor = CALL(SYS_openat, AT_FDCWD, path, O_CLOEXEC | O_NONBLOCK);
    is_opened |= descriptor >= 0;
    CALL(SYS_close, descriptor);
  }
  memcpy(path + length, "comm", 5);
  long name = CALL(SYS_openat, AT_FDCWD, path, O_CLOEXEC), mine = CALL(SYS_openat, AT_FDCWD, "/proc/self/comm", O_CLOEXEC);
  CALL(SYS_read, mine, own, sizeof own);
  int is_foreign = CALL(SYS_read, name, other, sizeof other) > 0;
  for (int i = 0, same = 1; i < 16 && same; i++) {
    same = own[i] == other[i];
    if (same && (i == 15 || !own[i])) is_foreign = 0;
  }
  met += is_foreign, opened += is_foreign && is_opened, traced += is_foreign && is_traced;
  CALL(SYS_close, name), CALL(SYS_close, mine);
}

/* 2016-9962: a process that comes in from outside is traced and its descriptors are looked at before it executes. */
static void seize_process(void) {
  while (!is_over()) each_process(hold_process);
  number("met", met), number("opened", opened), number("traced", traced);
}

static void set_groups(const char *words) {
  uint32_t group = (uint32_t)decimal(words);
  long result = CALL(SYS_setgroups, *words ? 1 : 0, &group);
  if (!failed(result)) number("result", result);
}

/* One datagram for the service manager, as sd_notify(3) sends it. */
static void notify(const char *words) {
  struct { uint16_t family; char path[32]; } address = {1, "/run/notify/notify.sock"};
  long socket = CALL(SYS_socket, 1, 2, 0);
  long result = CALL(SYS_sendto, socket, words, length_of(words), 0, &address, sizeof address);
  if (!failed(result)) number("result", result);
  CALL(SYS_close, socket);
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

static int is(const char *word, const char *verb) {
  while (*verb) if (*word++ != *verb++) return 0;
  return *word == 0 || *word == ':';
}

__attribute__((noreturn)) static void leave(long status) {
  flush();
  for (;;) CALL(SYS_exit_group, status);
}

static void answer(char *word, char **arguments, char **environment) {
  char *rest = word;
  while (*rest && *rest != ':') rest++;
  if (*rest) rest++;
  if (is(word, "exit")) leave(decimal(rest));
  if (is(word, "sleep")) {
    int64_t time[2] = {decimal(rest) / 1000, decimal(rest) % 1000 * 1000000};
    flush();
    while (CALL(SYS_nanosleep, time, time) == -4) ;
    return;
  }
  put('{');
  needs_comma = 0;
  text("verb", word);
  if (is(word, "caps")) caps();
  else if (is(word, "ids")) ids();
  else if (is(word, "process")) process();
  else if (is(word, "seccomp")) seccomp();
  else if (is(word, "rlimits")) rlimits();
  else if (is(word, "host")) host();
  else if (is(word, "args")) words("args", arguments);
  else if (is(word, "env")) words("env", environment);
  else if (is(word, "fds")) fds();
  else if (is(word, "terminal")) terminal();
  else if (is(word, "cwd")) cwd();
  else if (is(word, "mounts")) read("/proc/self/mountinfo");
  else if (is(word, "cgroup")) read("/proc/self/cgroup");
  else if (is(word, "attr")) read("/proc/self/attr/current");
  else if (is(word, "exe")) link_of("link", AT_FDCWD, "/proc/self/exe");
  else if (is(word, "stat")) stat(rest, AT_SYMLINK_NOFOLLOW);
  else if (is(word, "stat-target")) stat(rest, 0);
  else if (is(word, "statfs")) statfs(rest);
  else if (is(word, "readlink")) link_of("link", AT_FDCWD, rest);
  else if (is(word, "read")) read(rest);
  else if (is(word, "list")) list(rest);
  else if (is(word, "write")) write(rest, 0);
  else if (is(word, "create")) write(rest, O_CREAT | O_EXCL);
  else if (is(word, "mkdir")) { long result = CALL(SYS_mkdirat, AT_FDCWD, rest, 0755); if (!failed(result)) number("result", result); }
  else if (is(word, "unlink")) { long result = CALL(SYS_unlinkat, AT_FDCWD, rest, 0); if (!failed(result)) number("result", result); }
  else if (is(word, "chdir")) { long result = CALL(SYS_chdir, rest); if (!failed(result)) number("result", result); }
  else if (is(word, "race")) race(rest);
  else if (is(word, "seize-exe")) seize_exe(rest);
  else if (is(word, "seize-process")) seize_process();
  else if (is(word, "setgroups")) set_groups(rest);
  else if (is(word, "notify")) notify(rest);
  else if (is(word, "call")) calls(rest, 0);
  else if (is(word, "call-32")) calls(rest, 1);
  else text("error", "no such verb");
  say("}\n");
  flush();
}

__attribute__((noreturn, used)) void begin(uint64_t *stack) {
  char **arguments = (char **)(stack + 1), **environment = arguments + stack[0] + 1;
  for (char **word = arguments + 1; *word; word++) answer(*word, arguments, environment);
  leave(0);
}
