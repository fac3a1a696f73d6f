/*
 * monitor-fuzz.c: native/monitor.c as a hosted program under sanitizers. Its one system call instruction is the stub below: the
 * kernel, the starter, the clients and the container say what they like, in any order and any pieces. A case ends when the monitor
 * leaves, or after so many calls. Beside what the sanitizers see: the monitor uses and closes only descriptors that it has.
 *
 *   monitor-fuzz FIRST COUNT     runs the cases FIRST … FIRST + COUNT - 1 and prints how they ended
 *
 * With -DTEU_LIBFUZZER the input of libFuzzer takes the place of the seed.
 */
#define _GNU_SOURCE
#define TEU_STUB
#include "../../native/monitor.c" /* first: it has words of its own for what the headers below define */

#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "chance.h"

enum { CALLS = 4000, FDS = 4096, FIRST_FD = 4 };

static jmp_buf left;
static unsigned long calls, ended, told, frames, spawns, tells;
static uint8_t is_open[FDS];
static int next_fd;
static void *mapped[CLIENTS + 64];

static int new_fd(void) {
  if (next_fd == FDS) longjmp(left, 2);
  is_open[next_fd] = 1;
  return next_fd++;
}

static void check_fd(long fd, const char *call) {
  if (fd >= 0 && fd < FDS && is_open[fd]) return;
  fprintf(stderr, "%s of descriptor %ld, which the monitor does not have\n", call, fd);
  abort();
}

static void check_memory(const void *start, size_t length) {
  if (!length || !__asan_region_is_poisoned((void *)start, length)) return;
  fprintf(stderr, "the monitor hands the kernel memory that is not its own\n");
  abort();
}

/* Bytes as a client, a container or a kernel may send them: frames that are nearly right, lines, anything. */
static long fill(uint8_t *to, long most) {
  /* Mostly little: the ends of buffers are met often enough. */
  long length = most <= 64 ? (one_in(3) ? (long)below((uint64_t)most + 1) : most) : (long)below(one_in(10) ? (uint64_t)most + 1 : 300);
  if (one_in(40)) return -EINTR;
  if (one_in(10)) return -EAGAIN;
  if (one_in(60)) return 0;
  check_memory(to, (size_t)most);
  switch (below(3)) {
    case 0:
      for (long i = 0; i + 8 <= length; i += 8) memcpy(to + i, &(uint64_t){draw()}, 8);
      break;
    case 1: memset(to, (int)below(256), (size_t)length); break;
    default:
      for (long i = 0; i < length; i++) to[i] = one_in(20) ? '\n' : (uint8_t)('a' + i % 26);
  }
  if (most <= (long)sizeof(struct frame_header) && length == most && !one_in(8)) {
    struct frame_header header = {(uint8_t)(1 + below(6)), 0, 0, 0};
    header.length = header.kind == FRAME_INPUT ? (uint32_t)below(2 * CHUNK) : header.kind == FRAME_SUBSCRIBE || header.kind == FRAME_RESIZE ? 8 : 0;
    if (one_in(20)) header.length = (uint32_t)draw();
    memcpy(to, &header, sizeof header < (size_t)most ? sizeof header : (size_t)most);
    frames++;
  }
  return length;
}

static void pass(struct message_header *header, uint32_t count) {
  struct { uint64_t length; int level, type; int32_t descriptors[DESCRIPTORS]; } *passed = header->control;
  passed->length = RIGHTS_HEADER + 4UL * count;
  passed->level = SOL_SOCKET;
  passed->type = SCM_RIGHTS;
  for (uint32_t i = 0; i < count; i++) passed->descriptors[i] = new_fd();
  header->control_length = count ? passed->length : 0;
}

/* From a client: a piece of its stream, sometimes with descriptors. */
static long receive_piece(struct message_header *header) {
  check_memory(header->control, header->control_length);
  long length = fill(header->vector->base, (long)header->vector->length);
  if (length >= 0) pass(header, one_in(3) ? 1 : one_in(10) ? (uint32_t)below(DESCRIPTORS + 1) : 0);
  return length;
}

static int is_client(long fd) {
  for (int i = 0; i < CLIENTS; i++)
    if (clients[i].fd == fd) return !clients[i].commands;
  return 0;
}

static long receive_message(struct message_header *header) {
  uint8_t *to = header->vector->base;
  check_memory(to, header->vector->length);
  check_memory(header->control, header->control_length);
  if (one_in(40)) return -EINTR;
  if (one_in(30)) { header->control_length = 0; return 0; }
  long length = (long)below(one_in(10) ? MESSAGE + 1 : 512);
  for (long i = 0; i < length; i++) to[i] = one_in(4) ? 0 : (uint8_t)draw();
  uint32_t count = (uint32_t)below(one_in(10) ? DESCRIPTORS + 1 : 10), kind = (uint32_t)(one_in(20) ? draw() : 1 + below(5));
  if (length >= 4) memcpy(to, &kind, 4);
  if (kind == REQUEST_CONFIGURE && length >= (long)sizeof(struct configure) && !one_in(8)) {
    struct configure request = {kind, VERSION, (uint32_t)below(2 * (GIVEN_ALL + 1)), (uint32_t)below(4), below(4096), (uint32_t)(1 + below(4)), (uint32_t)below(2), (uint32_t)below(4), (uint32_t)below(4), 0, 0};
    if (request.format >= FORMAT_SINK) { request.texts = SINK_TEXTS; request.given |= GIVEN_SINK | GIVEN_DIRECTORY; }
    else if (request.format == FORMAT_JSON && one_in(2)) request.texts = 1;
    if (request.format < FORMAT_SINK && !one_in(8)) request.given &= ~(uint32_t)GIVEN_SINK;
    memcpy(to, &request, sizeof request);
  }
  if (kind == REQUEST_SPAWN && length >= (long)sizeof(struct spawn_request) && !one_in(8)) {
    struct spawn_request request = {kind, (uint32_t)below(4), (uint32_t)below(4), (uint32_t)below(2), draw()};
    memcpy(to, &request, sizeof request);
  }
  if (kind == REQUEST_TELL && length >= 16 && !one_in(8)) {
    for (long i = 8; i < length; i++) to[i] = to[i] ? to[i] : 'a';
    to[8 + below((uint64_t)length - 9)] = 0;
    to[length - 1] = 0;
  }
  if ((kind == REQUEST_CONTAINER || kind == REQUEST_TELL) && length >= 8) memcpy(to + 4, &(uint32_t){(uint32_t)(1 + below(20))}, 4);
  pass(header, count);
  header->flags = one_in(30) ? MSG_TRUNC : 0;
  return length;
}

static long clone_child(struct clone_args *args, struct spawn *spawn) {
  spawns++;
  for (uint64_t i = 0; i < spawn->count; i++)
    if (spawn->descriptors[i] >= 0) check_fd((long)spawn->descriptors[i], "spawn");
  if (!spawn->path) check_fd((long)spawn->executable, "spawn");
  if (one_in(10)) return -EAGAIN;
  *(int *)args->pidfd = new_fd();
  spawn->error = one_in(10) ? -2 : 0;
  return (long)(2 + below(20));
}

static long poll_all(struct poll *polls, long count) {
  long ready = 0;
  for (long i = 0; i < count; i++) {
    polls[i].revents = 0;
    if (polls[i].fd < 0) continue;
    check_fd(polls[i].fd, "ppoll");
    if (one_in(3)) polls[i].revents = (int16_t)(polls[i].events | (one_in(20) ? POLLHUP : 0));
    ready += polls[i].revents != 0;
  }
  return ready;
}

long call6(long nr, long a, long b, long c, long d, long e, long f) {
  (void)d, (void)e, (void)f;
  if (++calls > CALLS) longjmp(left, 2);
  switch (nr) {
    case SYS_exit_group: longjmp(left, 1);
    case SYS_read: check_fd(a, "read"); return a == monitor.signals ? (one_in(2) ? 128 : -EAGAIN) : fill((uint8_t *)b, c);
    case SYS_pread64: check_fd(a, "pread"); return fill((uint8_t *)b, c);
    case SYS_write: {
      check_fd(a, "write");
      check_memory((void *)b, (size_t)c);
      if (one_in(10)) return one_in(2) ? -28 : -EAGAIN;
      if (one_in(20)) return -EINTR;
      return one_in(5) ? (long)below((uint64_t)c + 1) : c;
    }
    case SYS_sendmsg: {
      const struct message_header *header = (const struct message_header *)b;
      check_fd(a, "sendmsg");
      for (uint64_t i = 0; i < header->vectors; i++)
        if (header->vector[i].length) check_memory(header->vector[i].base, header->vector[i].length);
      if (header->control_length) check_memory(header->control, header->control_length);
      if (one_in(4)) return -EAGAIN;
      if (one_in(30)) return -32;
      told++;
      return one_in(4) ? (long)below(header->vector->length + 1) : (long)header->vector->length;
    }
    case SYS_recvmsg: check_fd(a, "recvmsg"); return is_client(a) ? receive_piece((struct message_header *)b) : receive_message((struct message_header *)b);
    case SYS_close: check_fd(a, "close"); is_open[a] = 0; return 0;
    case SYS_accept4: check_fd(a, "accept4"); return one_in(3) ? new_fd() : -EAGAIN;
    case SYS_openat: if (a != AT_FDCWD) check_fd(a, "openat"); return one_in(6) ? -28 : new_fd();
    case SYS_signalfd4: return new_fd();
    case SYS_ppoll: return poll_all((struct poll *)a, b);
    case SYS_mmap:
      if (one_in(20)) return -12;
      for (size_t i = 0; i < sizeof mapped / sizeof *mapped; i++)
        if (!mapped[i]) return (long)(mapped[i] = malloc((size_t)b));
      return -12;
    case SYS_munmap:
      for (size_t i = 0; i < sizeof mapped / sizeof *mapped; i++)
        if (mapped[i] == (void *)a) { free(mapped[i]); mapped[i] = NULL; return 0; }
      fprintf(stderr, "munmap of what was not mapped\n");
      abort();
    case SYS_wait4: {
      /* In the end it is waited for, until there are none. */
      if (one_in(a > 0 || !(c & WNOHANG) ? 10 : 20)) return -ECHILD;
      if (c & WNOHANG && one_in(2)) return 0;
      *(uint32_t *)b = (uint32_t)below(0x8000);
      long pid = a > 0 ? a : (long)(2 + below(20));
      for (const struct execution *one = monitor.executions; one; one = one->next) tells += one->pid == pid;
      return pid;
    }
    case SYS_clock_gettime: *(struct time *)b = (struct time){(int64_t)below(4102444800UL), (int64_t)below(1000000000)}; return 0;
    case SYS_lseek: check_fd(a, "lseek"); return (long)below(8192);
    case SYS_ioctl: check_fd(a, "ioctl"); return 0;
    case SYS_kill: if (a != 0 || monitor.state != STATE_STARTING) abort(); return 0; /* its own group, and so itself */
    case SYS_fsync: case SYS_fdatasync: check_fd(a, "fsync"); return one_in(10) ? -5 : 0;
    case SYS_fcntl: check_fd(a, "fcntl"); return 0;
    case SYS_renameat2: return one_in(5) ? -2 : 0;
    default: return 0;
  }
}

static void run_case(void) {
  memset(&monitor, 0, sizeof monitor);
  memset(streams, 0, sizeof streams);
  memset(clients, 0, sizeof clients);
  memset(is_open, 0, sizeof is_open);
  outbox_used = input_first = input_last = rights_count = 0;
  input_ends = 0;
  calls = 0;
  next_fd = FIRST_FD;
  is_open[CONTROL] = 1;
  int how = setjmp(left);
  if (how == 0) teu_monitor();
  ended += how == 1;
  for (size_t i = 0; i < sizeof mapped / sizeof *mapped; i++) {
    free(mapped[i]);
    mapped[i] = NULL;
  }
}

#if defined(TEU_LIBFUZZER)
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  input = bytes;
  input_left = length;
  run_case();
  return 0;
}
#else
int main(int argc, char **argv) {
  if (argc != 3) return 2;
  uint64_t first = strtoull(argv[1], NULL, 10), count = strtoull(argv[2], NULL, 10);
  for (uint64_t number = first; number < first + count; number++) {
    state = number * 0xd1342543de82ef95;
    run_case();
  }
  printf("{\"cases\":%lu,\"ended\":%lu,\"told\":%lu,\"frames\":%lu,\"spawns\":%lu,\"tells\":%lu}\n", count, ended, told, frames, spawns, tells);
  return 0;
}
#endif
