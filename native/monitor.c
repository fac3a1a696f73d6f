/*
 * monitor.c: one per container, and all that outlives the teu that made it. It is the parent of the container's first
 * process, of what exec leaves alone in it, and the reaper of what its runtime leaves behind; it keeps the standard streams or the
 * terminal, writes the log, serves whoever attaches, tells how what exec left alone has ended, and when the container has ended puts
 * the exit record on disk before it tells anyone, then starts teu for what follows. Freestanding and static: no libc, and no
 * allocation but a client's backlog and what there is to tell.
 *
 * Descriptor 3 is the control socket to the teu that starts the container (SOCK_SEQPACKET); every other descriptor comes over it. While
 * nobody has named the container's process, the end of that socket is the end of the monitor and of all that it started; afterwards
 * the monitor needs nobody. A later teu that has a program started in the container sends a socket like it. src/engine/monitor/protocol.ts is the other side of both protocols; VERSION belongs to both.
 */
#include "spawn.h"

#if defined(__x86_64__)
enum {
  SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_lseek = 8, SYS_mmap = 9, SYS_munmap = 11, SYS_ioctl = 16, SYS_pread64 = 17, SYS_getpid = 39, SYS_sendmsg = 46, SYS_recvmsg = 47, SYS_wait4 = 61,
  SYS_kill = 62, SYS_fsync = 74, SYS_fdatasync = 75, SYS_setsid = 112, SYS_prctl = 157, SYS_clock_gettime = 228, SYS_exit_group = 231, SYS_openat = 257, SYS_ppoll = 271,
  SYS_signalfd4 = 289, SYS_accept4 = 288, SYS_renameat2 = 316,
};
#if !defined(TEU_STUB)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall teu_monitor\n\thlt");
#endif
#else
enum {
  SYS_read = 63, SYS_write = 64, SYS_close = 57, SYS_lseek = 62, SYS_mmap = 222, SYS_munmap = 215, SYS_ioctl = 29, SYS_pread64 = 67, SYS_getpid = 172, SYS_sendmsg = 211, SYS_recvmsg = 212, SYS_wait4 = 260,
  SYS_kill = 129, SYS_fsync = 82, SYS_fdatasync = 83, SYS_setsid = 157, SYS_prctl = 167, SYS_clock_gettime = 113, SYS_exit_group = 94, SYS_openat = 56, SYS_ppoll = 73,
  SYS_signalfd4 = 74, SYS_accept4 = 242, SYS_renameat2 = 276,
};
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tbl teu_monitor\n\tbrk 1");
#endif
#define CALL(nr, ...) CALL_(nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(nr, a, b, c, d, e, f, ...) call6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

enum { VERSION = 1, CONTROL = 3 };
enum { CLIENTS = 32, CHUNK = 32 << 10, LINE = 16 << 10, OUTBOX = 64 << 10, BACKLOG = 64 << 10, MESSAGE = 64 << 10, WORDS = 128, LAST_READS = 64, LAST_WORDS = 256, LAST_SECONDS = 10, SINK_TEXTS = 5, MEMBERS = 8 << 10, TAIL = 64 };
enum {
  EINTR = 4, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EINVAL = 22, ENOTTY = 25, EMSGSIZE = 90, AT_FDCWD = -100, O_WRONLY = 1, O_CREAT = 0100, O_TRUNC = 01000, O_APPEND = 02000, O_NONBLOCK = 04000, O_RDWR = 2,
  F_GETFL = 3, F_SETFL = 4, SEEK_END = 2, POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16, SOL_SOCKET = 1, SCM_RIGHTS = 1, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000,
  MSG_CMSG_CLOEXEC = 0x40000000, MSG_TRUNC = 0x20, MSG_CTRUNC = 8, SOCK_NONBLOCK = 04000, SIG_BLOCK = 0, SIGPIPE = 13, SIGCHLD = 17, WNOHANG = 1, WALL = 0x40000000, CLOCK_REALTIME = 0,
  PR_SET_NAME = 15, PR_SET_CHILD_SUBREAPER = 36, PROT_RW = 3, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32, TIOCSWINSZ = 0x5414, SFD_NONBLOCK = 04000,
};

struct vector { void *base; uint64_t length; };
struct message_header { void *name; uint32_t name_length; struct vector *vector; uint64_t vectors; void *control; uint64_t control_length; int flags; };
struct poll { int32_t fd; int16_t events, revents; };
struct time { int64_t seconds, nanoseconds; };

/* ---- the protocols ----------------------------------------------------------------------------------------------- */

/* On the control socket, a message each. Numbers are little endian, texts end with NUL and follow the fixed part. */
enum request { REQUEST_CONFIGURE = 1, REQUEST_SPAWN = 2, REQUEST_TERMINAL = 3, REQUEST_CONTAINER = 4, REQUEST_TELL = 5 };
enum reply { REPLY_DONE = 1, REPLY_SPAWNED = 2, REPLY_ENDED = 3 };
struct control_reply { uint32_t kind, version; int64_t value, error; };

/* Where things are: each descriptor that is given has its bit, and they come in the order of the bits. */
enum given { GIVEN_DIRECTORY = 1, GIVEN_LISTENER = 2, GIVEN_STDIN = 4, GIVEN_STDOUT = 8, GIVEN_STDERR = 16, GIVEN_SINK = 32, GIVEN_ALL = 63 };
/* FORMAT_SINK: no file; each line is a datagram, for syslog and journald. FORMAT_BOTH: that, and a file as of FORMAT_CRI. */
enum format { FORMAT_NONE = 0, FORMAT_CRI = 1, FORMAT_JSON = 2, FORMAT_SINK = 3, FORMAT_BOTH = 4 };
struct configure {
  uint32_t kind, version, given, format;
  uint64_t log_bytes;   /* of one file of the log; 0: no limit */
  uint32_t log_files;   /* how many of them are kept */
  uint32_t once;        /* stdin ends with the last client that writes to it */
  uint32_t arguments, variables; /* of the program that is started when all is over; texts: its path, arguments, variables */
  uint32_t texts;                /* texts before those. A sink: the socket's path (empty: it is connected) and what goes before a line of each stream, after it, and after a part of one. JSON: none, or members for every line, with a comma at their end */
  uint32_t passing;              /* what is written may be lost with the machine's power */
};
struct spawn_request { uint32_t kind, arguments, variables, in_cgroup; uint64_t flags; }; /* descriptors: program, cgroup if so, 0, 1, 2 … */
/* CONTAINER: a descriptor, if any, is the file of its cgroup that counts kills for want of memory. TELL, of a program that exec has left alone:
   texts are a file, and what is written there before the exit status, the time and the end of its line of JSON. */
struct named_request { uint32_t kind, pid; };

/* On the socket of those who attach: a stream of frames. FRAME_COMMAND comes with a socket like the control socket, which takes the place of this one. */
enum frame { FRAME_SUBSCRIBE = 1, FRAME_INPUT = 2, FRAME_INPUT_END = 3, FRAME_RESIZE = 4, FRAME_REOPEN = 5, FRAME_COMMAND = 6 };
enum frame_out { FRAME_HELLO = 1, FRAME_OUTPUT = 2, FRAME_LOST = 3, FRAME_EXIT = 4, FRAME_DONE = 5 };
struct frame_header { uint8_t kind, stream; uint16_t reserved; uint32_t length; };
/* What a client wants: streams by number, to write, that the container waits rather than lose a byte for it, to do what follows the end itself, and to remove the container with all that is told of it. */
enum want { WANT_STDOUT = 2, WANT_STDERR = 4, WANT_STDIN = 1, WANT_ALL_BYTES = 8, WANT_SETTLE = 16, WANT_REMOVE = 32 };

/* ---- what the monitor knows -------------------------------------------------------------------------------------- */

/* STARTING until the container is named; ENDED while what it wrote is still read. */
enum state { STATE_STARTING, STATE_RUNNING, STATE_ENDED };

struct stream { int fd; uint8_t number; uint32_t used; uint8_t line[LINE]; };
struct client {
  int fd, commands;
  uint32_t wants;
  uint64_t filled;                      /* of the frame that is coming in: bytes of its header, of its payload */
  struct frame_header frame;
  uint8_t small[8];                     /* behind it: payload of the frames that have little */
  uint8_t *backlog;                     /* what the client has not taken yet; BACKLOG bytes, mapped while needed */
  uint32_t first, last;
  uint64_t lost;
};
/* Whose end is told in a file of others; in a mapping of its own. */
struct execution { struct execution *next; long pid; uint64_t length; uint8_t texts[MESSAGE + TAIL]; };

static struct {
  enum state state;
  int control, signals, directory, listener, events, log, sink, input, is_terminal;
  const char *log_texts[SINK_TEXTS + 1];
  struct configure wanted;              /* as it was asked for */
  uint64_t log_size, log_lost, sink_lost;
  int log_torn;
  long container;
  uint32_t status;                      /* as wait4 gives it */
  struct time ended;
  uint32_t last_reads;
  struct execution *executions;
  uint8_t handler[MESSAGE];             /* texts of the sink, and of the program that is started in the end */
  const uint8_t *handler_texts;         /* where those of the program begin */
  uint32_t handler_size;
} monitor;

static struct stream streams[2]; /* standard output, or the terminal; standard error */
static struct client clients[CLIENTS];
static uint8_t chunk[CHUNK], outbox[OUTBOX], pending_input[CHUNK], message[MESSAGE];
static uint32_t outbox_used, input_first, input_last;
static int input_ends;
static struct { uint64_t length; int level, type; int32_t descriptors[DESCRIPTORS]; } rights; /* what came with the last message; where it has been kept, -1 */
static uint32_t rights_count;
enum { RIGHTS_HEADER = 16 };

/* ---- small things ------------------------------------------------------------------------------------------------ */

__attribute__((noreturn)) static void leave(long status) {
  for (;;) CALL(SYS_exit_group, status);
}

#if !defined(TEU_STUB)
/* Called by gcc on aarch64 for a structure of zeroes. */
__attribute__((used)) void *memset(void *to, int byte, unsigned long length) {
  uint8_t *target = to;
  for (volatile unsigned long i = 0; i < length; i++) target[i] = (uint8_t)byte;
  return to;
}
#endif

static void copy(void *to, const void *from, uint64_t length) {
  uint8_t *target = to;
  const uint8_t *source = from;
  /* As one instruction: the compiler may not turn a loop into a call of the memcpy that we do not have. */
#if defined(__x86_64__) && !defined(TEU_STUB)
  __asm__ volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(length) : : "memory");
#else
  for (volatile uint64_t i = 0; i < length; i++) target[i] = source[i];
#endif
}

static uint8_t *put_text(uint8_t *to, const char *text) {
  while (*text) *to++ = (uint8_t)*text++;
  return to;
}

/* At least `width` digits. */
static uint8_t *put_number(uint8_t *to, uint64_t number, int width) {
  uint8_t digits[20];
  int count = 0;
  do digits[count++] = (uint8_t)('0' + number % 10);
  while ((number /= 10) || count < width);
  while (count) *to++ = digits[--count];
  return to;
}

static uint64_t text_length(const char *text) {
  uint64_t length = 0;
  while (text[length]) length++;
  return length;
}

static void close_fd(int *fd) {
  if (*fd >= 0) CALL(SYS_close, *fd);
  *fd = -1;
}

/* Reads what has come over a socket, with its descriptors; `rights_count` of them. */
static long receive(int fd, void *to, uint64_t most) {
  struct vector vector = {to, most};
  struct message_header header = {0, 0, &vector, 1, &rights, sizeof rights, 0};
  long size = CALL(SYS_recvmsg, fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  rights_count = size >= 0 && header.control_length >= RIGHTS_HEADER && rights.type == SCM_RIGHTS ? (uint32_t)((rights.length - RIGHTS_HEADER) / 4) : 0;
  return size > 0 && header.flags & (MSG_TRUNC | MSG_CTRUNC) ? -EMSGSIZE : size;
}

static void answer(int to, enum reply kind, int64_t value, int64_t error, int descriptor) {
  struct control_reply reply = {kind, VERSION, value, error};
  struct vector vector = {&reply, sizeof reply};
  struct { uint64_t length; int level, type; int32_t descriptors[2]; } passed = {RIGHTS_HEADER + 4, SOL_SOCKET, SCM_RIGHTS, {descriptor, 0}};
  struct message_header header = {0, 0, &vector, 1, 0, 0, 0};
  if (descriptor >= 0) {
    header.control = &passed;
    header.control_length = RIGHTS_HEADER + 8;
  }
  CALL(SYS_sendmsg, to, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What nobody has kept. */
static void close_rights(void) {
  while (rights_count) close_fd(&rights.descriptors[--rights_count]);
}

static void *map(uint64_t length) {
  long area = CALL(SYS_mmap, 0, length, PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return area < 0 && area >= -4095 ? 0 : (void *)area;
}

static void make_nonblocking(int fd) { CALL(SYS_fcntl, fd, F_SETFL, CALL(SYS_fcntl, fd, F_GETFL) | O_NONBLOCK); }

static struct time now(void) {
  struct time time = {0, 0};
  CALL(SYS_clock_gettime, CLOCK_REALTIME, &time);
  return time;
}

/* RFC 3339 with nanoseconds, in UTC. The date is that of Gregory's calendar, counted in years that begin in March. */
static uint8_t *put_time(uint8_t *to, struct time time) {
  static int64_t known_day = -1;
  static uint8_t date[16];
  int64_t day = time.seconds / 86400, second = time.seconds % 86400;
  if (day != known_day) {
    int64_t shifted = day + 719468, era = shifted / 146097, of_era = shifted % 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100), month = (5 * of_year + 2) / 153;
    uint8_t *at = put_number(date, (uint64_t)(year_of_era + era * 400 + (month >= 10)), 4);
    *at++ = '-';
    at = put_number(at, (uint64_t)(month < 10 ? month + 3 : month - 9), 2);
    *at++ = '-';
    at = put_number(at, (uint64_t)(of_year - (153 * month + 2) / 5 + 1), 2);
    *at = 'T';
    known_day = day;
  }
  copy(to, date, 11);
  to += 11;
  for (int64_t unit = 3600; unit; unit /= 60) {
    to = put_number(to, (uint64_t)(second / unit % 60), 2);
    *to++ = unit > 1 ? ':' : '.';
  }
  to = put_number(to, (uint64_t)time.nanoseconds, 9);
  *to++ = 'Z';
  return to;
}

/* ---- the log ----------------------------------------------------------------------------------------------------- */

static void open_log(int flags) {
  close_fd(&monitor.log);
  long fd = CALL(SYS_openat, monitor.directory, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600);
  monitor.log = (int)fd;
  monitor.log_torn = 0;
  long size = fd < 0 ? 0 : CALL(SYS_lseek, fd, 0, SEEK_END);
  monitor.log_size = size > 0 ? (uint64_t)size : 0;
}

static void log_name(char *to, uint32_t number) {
  uint8_t *end = put_text((uint8_t *)to, number ? "log." : "log");
  if (number) end = put_number(end, number, 1);
  *end = 0;
}

/* log.1 is the one before the present one; the oldest is replaced. */
static void rotate_log(void) {
  char from[24], to[24];
  for (uint32_t number = monitor.wanted.log_files - 1; number > 0; number--) {
    log_name(from, number - 1);
    log_name(to, number);
    CALL(SYS_renameat2, monitor.directory, from, monitor.directory, to, 0);
  }
  open_log(O_TRUNC);
}

/* A full disk must not stop the container: what cannot be written is counted, and told when the disk takes more. */
static void write_log(const uint8_t *bytes, uint64_t length) {
  if (monitor.log < 0) { monitor.log_lost += length; return; }
  while (length) {
    long written = CALL(SYS_write, monitor.log, bytes, length);
    if (written == -EINTR) continue;
    if (written <= 0) { monitor.log_lost += length; monitor.log_torn = 1; return; }
    monitor.log_size += (uint64_t)written;
    bytes += written;
    length -= (uint64_t)written;
  }
}

static void tell_loss(void) {
  uint64_t lost = monitor.log_lost;
  uint8_t text[256], *at = text;
  if (monitor.log_torn) *at++ = '\n';
  if (monitor.wanted.format == FORMAT_JSON) at = put_text(at, "{\"log\":\"");
  else at = put_text(put_time(at, now()), " stderr F ");
  at = put_text(put_number(put_text(at, "teu: "), lost, 1), " bytes of the log were lost: it could not be written");
  if (monitor.wanted.format == FORMAT_JSON) at = put_text(put_time(put_text(at, "\\n\",\"stream\":\"stderr\",\"time\":\""), now()), "\"}");
  *at++ = '\n';
  monitor.log_lost = 0;
  write_log(text, (uint64_t)(at - text));
  if (monitor.log_lost) monitor.log_lost = lost; /* still full; the notice itself is no loss */
  else monitor.log_torn = 0;
}

/* A datagram for a line. Nobody waits for who does not take it: it is counted, and told with the next one. */
static void send_line(int number, const uint8_t *before, uint32_t before_length, const uint8_t *bytes, uint32_t length, int is_whole) {
  const char *after = monitor.log_texts[is_whole ? 3 : 4];
  static struct { uint16_t family; char path[108]; } address = {1, {0}};
  uint64_t path_length = text_length(monitor.log_texts[0]), prefix_length = text_length(monitor.log_texts[number]);
  struct vector parts[] = {{(void *)monitor.log_texts[number], prefix_length}, {(void *)before, before_length}, {(void *)bytes, length}, {(void *)after, text_length(after)}};
  struct message_header header = {0, 0, parts, 4, 0, 0, 0};
  if (path_length && path_length < sizeof address.path) {
    copy(address.path, monitor.log_texts[0], path_length);
    header.name = &address;
    header.name_length = (uint32_t)(2 + path_length + 1);
  }
  if (CALL(SYS_sendmsg, monitor.sink, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) monitor.sink_lost += before_length + length;
}

static void log_to_sink(const struct stream *stream, const uint8_t *before, uint32_t before_length, const uint8_t *bytes, uint32_t length, int is_whole) {
  uint64_t lost = monitor.sink_lost;
  if (lost) {
    uint8_t text[128], *end = put_text(put_number(put_text(text, "teu: "), lost, 1), " bytes of the log were lost: nobody took them");
    monitor.sink_lost = 0;
    send_line(2, text, (uint32_t)(end - text), 0, 0, 1);
    if (monitor.sink_lost) { monitor.sink_lost = lost + before_length + length; return; }
  }
  send_line(stream->number, before, before_length, bytes, length, is_whole);
}

static void flush_log(void) {
  if (!outbox_used) return;
  if (monitor.wanted.log_bytes && monitor.log_size && monitor.log_size + outbox_used > monitor.wanted.log_bytes) rotate_log();
  if (monitor.log_lost) tell_loss();
  if (monitor.log_lost) monitor.log_lost += outbox_used;
  else write_log(outbox, outbox_used);
  outbox_used = 0;
}

/* Of a JSON string. Bytes beyond ASCII are kept as they are: a reader decides what they mean. */
static uint8_t *put_json(uint8_t *to, const uint8_t *bytes, uint32_t length) {
  static const char hex[] = "0123456789abcdef";
  for (; length; length--, bytes++) {
    if (*bytes == '"' || *bytes == '\\') *to++ = '\\';
    if (*bytes >= 0x20) { *to++ = *bytes; continue; }
    to = put_text(to, *bytes == '\n' ? "\\n" : "\\u00");
    if (*bytes == '\n') continue;
    *to++ = (uint8_t)hex[*bytes >> 4];
    *to++ = (uint8_t)hex[*bytes & 15];
  }
  return to;
}

/* One entry: `before` and `bytes` together are at most LINE long, half of it in JSON, which needs six bytes for one at worst. */
static void log_line(const struct stream *stream, const uint8_t *before, uint32_t before_length, const uint8_t *bytes, uint32_t length, int is_whole, struct time time) {
  if (monitor.wanted.format >= FORMAT_SINK) log_to_sink(stream, before, before_length, bytes, length, is_whole);
  if (monitor.wanted.format == FORMAT_SINK) return;
  const char *members = monitor.wanted.format == FORMAT_JSON && monitor.log_texts[0] ? monitor.log_texts[0] : "";
  uint32_t most = (monitor.wanted.format == FORMAT_JSON ? 6 : 1) * (before_length + length) + 128 + (uint32_t)text_length(members);
  int is_full = monitor.wanted.log_bytes && monitor.log_size + outbox_used + before_length + length > monitor.wanted.log_bytes;
  if (most > OUTBOX - outbox_used || is_full) flush_log();
  uint8_t *at = outbox + outbox_used;
  const char *name = stream->number == 1 ? "stdout" : "stderr";
  if (monitor.wanted.format == FORMAT_JSON) {
    at = put_json(put_json(put_text(at, "{\"log\":\""), before, before_length), bytes, length);
    if (is_whole) at = put_text(at, "\\n");
    at = put_text(put_text(put_text(put_text(at, "\",\"stream\":\""), name), "\","), members);
    at = put_text(at, "\"time\":\"");
    at = put_text(put_time(at, time), "\"}\n");
  } else {
    at = put_text(put_time(at, time), stream->number == 1 ? " stdout " : " stderr ");
    at = put_text(at, is_whole ? "F " : "P ");
    copy(at, before, before_length);
    copy(at + before_length, bytes, length);
    at += before_length + length;
    *at++ = '\n';
  }
  outbox_used = (uint32_t)(at - outbox);
}

/* Cuts what was read into lines. A line longer than LINE becomes several entries, all but the last of them partial. */
static void log_chunk(struct stream *stream, const uint8_t *bytes, uint32_t length) {
  if (monitor.wanted.format == FORMAT_NONE) return;
  const uint32_t limit = monitor.wanted.format == FORMAT_JSON ? LINE / 2 : LINE;
  struct time time = now();
  while (length) {
    uint32_t room = limit - stream->used, end = 0, most = length < room ? length : room;
    while (end < most && bytes[end] != '\n') end++;
    int is_whole = end < most;
    if (!is_whole && end < room) { /* neither an end nor a full line yet */
      copy(stream->line + stream->used, bytes, end);
      stream->used += end;
      break;
    }
    log_line(stream, stream->line, stream->used, bytes, end, is_whole, time);
    stream->used = 0;
    bytes += end + (uint32_t)is_whole;
    length -= end + (uint32_t)is_whole;
  }
  flush_log();
}

/* What has no line end at the end of all is an entry that says so. */
static void log_rest(struct stream *stream) {
  if (stream->used) log_line(stream, stream->line, stream->used, 0, 0, 0, now());
  stream->used = 0;
  flush_log();
}

/* ---- children ---------------------------------------------------------------------------------------------------- */

/* As shells have it, of what wait4 gives. */
static uint32_t exit_status(uint32_t status) { return status & 0x7f ? 128 + (status & 0x7f) : (status >> 8) & 0xff; }

/* There is room behind the texts; the line goes in one write, between those of others. */
static void tell_end(struct execution *execution, uint32_t status) {
  const char *path = (const char *)execution->texts;
  uint8_t *line = execution->texts + text_length(path) + 1, *at = put_number(execution->texts + execution->length - 1, exit_status(status), 1);
  struct time time = now();
  at = put_number(put_text(at, "\"},\"time\":"), (uint64_t)(time.seconds * 1000 + time.nanoseconds / 1000000), 1);
  at = put_text(at, "}\n");
  int fd = (int)CALL(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd >= 0) CALL(SYS_write, fd, line, at - line);
  close_fd(&fd);
}

/* Whether a child, `pid` or any, has ended; -errno where there is none. */
static long on_child(long pid, int options) {
  uint32_t status = 0;
  pid = CALL(SYS_wait4, pid, &status, options | WALL, 0);
  if (pid <= 0) return pid;
  /* Of orphans that end later no starter is told: one that stays does not read. */
  if (monitor.state == STATE_STARTING) answer(monitor.control, REPLY_ENDED, pid, status, -1);
  for (int i = 0; i < CLIENTS; i++)
    if (clients[i].commands) answer(clients[i].fd, REPLY_ENDED, pid, status, -1);
  if (monitor.state == STATE_RUNNING && pid == monitor.container) {
    monitor.status = status;
    monitor.ended = now();
    monitor.state = STATE_ENDED;
  }
  for (struct execution **at = &monitor.executions, *execution = *at; execution; at = &execution->next, execution = *at) {
    if (execution->pid != pid) continue;
    tell_end(execution, status);
    *at = execution->next;
    CALL(SYS_munmap, execution, sizeof *execution);
    break;
  }
  return pid;
}

/* ---- the control socket ------------------------------------------------------------------------------------------ */

/* Splits `count` texts off; returns 0 when there are fewer. */
static int split(const uint8_t **at, const uint8_t *end, const char **table, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    table[i] = (const char *)*at;
    while (*at < end && **at) (*at)++;
    if (*at == end) return 0;
    (*at)++;
  }
  table[count] = 0;
  return 1;
}

static int configure(uint32_t size) {
  const struct configure *request = (const void *)message;
  if (size < sizeof *request || request->version != VERSION || request->given & ~(uint32_t)GIVEN_ALL) return -EINVAL;
  if (request->format > FORMAT_BOTH || request->arguments > WORDS || request->variables > WORDS || request->log_files == 0 || !(request->given & GIVEN_DIRECTORY) || monitor.directory >= 0) return -EINVAL;
  int is_sink = request->format >= FORMAT_SINK, is_json = request->format == FORMAT_JSON;
  if (request->texts != (is_sink ? SINK_TEXTS : 0) && (!is_json || request->texts != 1)) return -EINVAL;
  if (is_sink != !!(request->given & GIVEN_SINK)) return -EINVAL;
  int *places[] = {&monitor.directory, &monitor.listener, &monitor.input, &streams[0].fd, &streams[1].fd, &monitor.sink};
  uint32_t next = 0;
  for (uint32_t i = 0; i < 6; i++) {
    if (!(request->given & (1U << i))) continue;
    if (next == rights_count) return -EINVAL;
    close_fd(places[i]);
    *places[i] = rights.descriptors[next];
    rights.descriptors[next++] = -1;
    if (i >= 1) make_nonblocking(*places[i]);
  }
  /* What else was given are files by which one enters a cgroup: the monitor's own, not that of the session it was started from. */
  for (; next < rights_count; next++) CALL(SYS_write, rights.descriptors[next], "0", 1);
  monitor.wanted = *request;
  monitor.handler_size = size - sizeof *request;
  copy(monitor.handler, message + sizeof *request, monitor.handler_size);
  monitor.handler_texts = monitor.handler;
  if (!split(&monitor.handler_texts, monitor.handler + monitor.handler_size, monitor.log_texts, request->texts) || (is_json && request->texts && text_length(monitor.log_texts[0]) > MEMBERS)) {
    monitor.wanted.format = FORMAT_NONE;
    return -EINVAL;
  }
  int is_file = monitor.wanted.format != FORMAT_NONE && monitor.wanted.format != FORMAT_SINK;
  if (is_file) open_log(0);
  return is_file && monitor.log < 0 ? monitor.log : 0;
}

static void spawn_child(int fd, uint32_t size) {
  static struct spawn spawn;
  static const char *arguments[WORDS + 1], *variables[WORDS + 1];
  const struct spawn_request *request = (const void *)message;
  const uint8_t *at = message + sizeof *request, *end = message + size;
  uint32_t fixed = 1 + (size >= sizeof *request && request->in_cgroup ? 1 : 0);
  if (size < sizeof *request || rights_count < fixed || request->arguments > WORDS || request->variables > WORDS ||
      !split(&at, end, arguments, request->arguments) || !split(&at, end, variables, request->variables)) {
    answer(fd, REPLY_SPAWNED, -EINVAL, 0, -1);
    return;
  }
  spawn = (struct spawn){.flags = request->flags, .exit_signal = SIGCHLD, .executable = (uint64_t)rights.descriptors[0], .argv = (uint64_t)arguments, .envp = (uint64_t)variables, .count = rights_count - fixed};
  if (request->in_cgroup) {
    spawn.flags |= 0x200000000UL; /* CLONE_INTO_CGROUP */
    spawn.cgroup = (uint64_t)rights.descriptors[1];
  }
  for (uint32_t i = fixed; i < rights_count; i++) spawn.descriptors[i - fixed] = rights.descriptors[i];
  long pid = spawn_program(&spawn);
  answer(fd, REPLY_SPAWNED, pid, spawn.error, pid > 0 ? (int)spawn.pidfd : -1);
  if (pid > 0) CALL(SYS_close, spawn.pidfd);
}

/* From here on the monitor needs nobody. */
static int name_container(uint32_t size) {
  const struct named_request *request = (const void *)message;
  if (size < sizeof *request || monitor.directory < 0 || monitor.state != STATE_STARTING) return -EINVAL;
  if (on_child(request->pid, WNOHANG)) return -ECHILD;
  monitor.container = request->pid;
  monitor.state = STATE_RUNNING;
  if (rights_count) {
    monitor.events = rights.descriptors[0];
    rights.descriptors[0] = -1;
  }
  return 0;
}

/* In the place of the pipes. */
static int take_terminal(void) {
  if (!rights_count || monitor.is_terminal || monitor.directory < 0 || monitor.state != STATE_STARTING) return -EINVAL;
  close_fd(&monitor.input);
  close_fd(&streams[0].fd);
  monitor.input = streams[0].fd = rights.descriptors[0];
  rights.descriptors[0] = -1;
  monitor.is_terminal = 1;
  make_nonblocking(monitor.input);
  return 0;
}

/* One that has ended already is no child of ours any more; whoever asks was told how. */
static int tell_of(uint32_t size) {
  const struct named_request *request = (const void *)message;
  const char *texts[3];
  const uint8_t *at = message + sizeof *request, *end = message + size;
  if (size < sizeof *request || size > MESSAGE - TAIL || !split(&at, end, texts, 2) || at != end) return -EINVAL;
  if (on_child(request->pid, WNOHANG)) return -ECHILD;
  struct execution *execution = map(sizeof *execution);
  if (!execution) return -ENOMEM;
  execution->pid = request->pid;
  execution->length = size - sizeof *request;
  copy(execution->texts, texts[0], execution->length);
  execution->next = monitor.executions;
  monitor.executions = execution;
  return 0;
}

/* One message, which is answered. Returns as recvmsg does. */
static long on_command(int fd) {
  long size = receive(fd, message, sizeof message);
  if (size <= 0 && size != -EMSGSIZE) return size;
  int64_t error = size < 0 ? size : -EINVAL;
  switch (size < 4 ? 0 : *(const uint32_t *)message) {
    case REQUEST_SPAWN: spawn_child(fd, (uint32_t)size); return size;
    case REQUEST_CONFIGURE: error = configure((uint32_t)size); break;
    case REQUEST_TERMINAL: error = take_terminal(); break;
    case REQUEST_CONTAINER: error = name_container((uint32_t)size); break;
    case REQUEST_TELL: error = tell_of((uint32_t)size); break;
  }
  answer(fd, REPLY_DONE, 0, error, -1);
  return 1;
}

static void on_control(void) {
  long size = on_command(monitor.control);
  close_rights();
  if (size > 0 || size == -EINTR || size == -EAGAIN) return;
  close_fd(&monitor.control);
  if (monitor.state != STATE_STARTING) return;
  CALL(SYS_kill, 0, SIGKILL); /* ourselves, and what we have started: it is all of our process group */
  leave(1);
}

/* ---- those who attach -------------------------------------------------------------------------------------------- */

static uint32_t backlog_of(const struct client *client) { return client->last - client->first; }

static void drop_client(struct client *client) {
  int wrote = client->wants & WANT_STDIN ? 1 : 0;
  close_fd(&client->fd);
  if (client->backlog) CALL(SYS_munmap, client->backlog, BACKLOG);
  *client = (struct client){.fd = -1};
  if (!wrote || !monitor.wanted.once) return;
  for (int i = 0; i < CLIENTS; i++)
    if (clients[i].fd >= 0 && clients[i].wants & WANT_STDIN) return;
  input_ends = 1;
}

/* Sends what can be sent now. */
static void push_backlog(struct client *client) {
  while (backlog_of(client)) {
    struct vector vector = {client->backlog + client->first, backlog_of(client)};
    struct message_header header = {0, 0, &vector, 1, 0, 0, 0};
    long sent = CALL(SYS_sendmsg, client->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == -EINTR) continue;
    if (sent == -EAGAIN) return;
    if (sent < 0) { drop_client(client); return; }
    client->first += (uint32_t)sent;
  }
  if (!client->backlog) return;
  CALL(SYS_munmap, client->backlog, BACKLOG);
  client->backlog = 0;
  client->first = client->last = 0;
}

static int append_backlog(struct client *client, const void *bytes, uint32_t length) {
  if (!client->backlog && !(client->backlog = map(BACKLOG))) return 0;
  if (BACKLOG - client->last < length && client->first) { /* to the front */
    for (uint32_t i = 0; i < backlog_of(client); i++) client->backlog[i] = client->backlog[client->first + i];
    client->last -= client->first;
    client->first = 0;
  }
  if (BACKLOG - client->last < length) return 0;
  copy(client->backlog + client->last, bytes, length);
  client->last += length;
  return 1;
}

/* A frame whole or not at all: a client that lags is told how many bytes it missed, and the container goes on. */
static void send_frame(struct client *client, enum frame_out kind, uint8_t stream, const void *payload, uint32_t length) {
  struct frame_header header = {(uint8_t)kind, stream, 0, length};
  if (client->fd < 0) return;
  /* Output leaves room for the last words. */
  if (BACKLOG - backlog_of(client) < length + (kind == FRAME_OUTPUT ? LAST_WORDS : 2 * sizeof header + 8)) {
    if (kind == FRAME_OUTPUT) client->lost += length;
    return;
  }
  if (client->lost) {
    struct { struct frame_header header; uint64_t lost; } loss = {{FRAME_LOST, 0, 0, 8}, client->lost};
    client->lost = 0;
    append_backlog(client, &loss, sizeof loss);
  }
  if (append_backlog(client, &header, sizeof header) && length) append_backlog(client, payload, length);
  push_backlog(client);
}

/* ---- the container's streams ------------------------------------------------------------------------------------- */

/* A client that wants all bytes makes the container wait for it: a person at a terminal, a pipe to another program. Its end does not wait for ever. */
static int must_wait(void) {
  if (monitor.state == STATE_ENDED && now().seconds - monitor.ended.seconds > LAST_SECONDS) return 0;
  for (int i = 0; i < CLIENTS; i++)
    if (clients[i].fd >= 0 && clients[i].wants & WANT_ALL_BYTES && backlog_of(&clients[i])) return 1;
  return 0;
}

static void close_stream(struct stream *stream) {
  close_fd(&stream->fd);
  if (monitor.is_terminal && stream == &streams[0]) monitor.input = -1; /* it was the same */
}

/* Returns whether there may be more. */
static int on_output(struct stream *stream) {
  long length = CALL(SYS_read, stream->fd, chunk, CHUNK);
  if (length == -EINTR) return 1;
  if (length == -EAGAIN) return 0;
  if (length <= 0) { /* EIO is how a terminal ends */
    close_stream(stream);
    log_rest(stream);
    return 0;
  }
  log_chunk(stream, chunk, (uint32_t)length);
  for (int i = 0; i < CLIENTS; i++)
    if (clients[i].fd >= 0 && clients[i].wants & (1U << stream->number)) send_frame(&clients[i], FRAME_OUTPUT, stream->number, chunk, (uint32_t)length);
  return 1;
}

/* Writes what clients typed; what the container does not take now waits, and so do they. */
static void push_input(void) {
  while (input_first < input_last && monitor.input >= 0) {
    long written = CALL(SYS_write, monitor.input, pending_input + input_first, input_last - input_first);
    if (written == -EINTR) continue;
    if (written == -EAGAIN) return;
    if (written < 0) { /* nobody reads it any more */
      if (!monitor.is_terminal) close_fd(&monitor.input);
      break;
    }
    input_first += (uint32_t)written;
  }
  input_first = input_last = 0;
  if (input_ends && !monitor.is_terminal) close_fd(&monitor.input);
  input_ends = 0;
}

/* A frame has come whole, but for FRAME_INPUT, whose bytes have gone where they go. */
static void on_frame(struct client *client) {
  int64_t done = 0;
  switch ((enum frame)client->frame.kind) {
    case FRAME_SUBSCRIBE:
      client->wants = client->small[0];
      if (client->wants & WANT_REMOVE) monitor.wanted.passing = 1; /* nobody waits for the disk to take what goes */
      break;
    case FRAME_INPUT: return;
    case FRAME_INPUT_END: input_ends = 1; push_input(); return;
    case FRAME_RESIZE: done = monitor.is_terminal && streams[0].fd >= 0 ? CALL(SYS_ioctl, streams[0].fd, TIOCSWINSZ, client->small) : -ENOTTY; break;
    case FRAME_REOPEN:
      if (monitor.directory >= 0) open_log(0);
      done = monitor.log < 0 ? monitor.log : 0;
      break;
    case FRAME_COMMAND:
      close_fd(&client->fd);
      *client = (struct client){.fd = rights.descriptors[0], .commands = 1};
      rights.descriptors[0] = -1;
      answer(client->fd, REPLY_DONE, 0, 0, -1);
      return;
  }
  send_frame(client, FRAME_DONE, 0, &done, sizeof done);
}

static int is_sound(const struct client *client) {
  switch ((enum frame)client->frame.kind) {
    case FRAME_SUBSCRIBE: case FRAME_RESIZE: return client->frame.length == sizeof client->small;
    case FRAME_REOPEN: return client->frame.length == 0;
    case FRAME_COMMAND: return client->frame.length == 0 && rights_count == 1 && !backlog_of(client) && !client->wants;
    case FRAME_INPUT: return (client->wants & WANT_STDIN) != 0;
    case FRAME_INPUT_END: return client->wants & WANT_STDIN && client->frame.length == 0;
  }
  return 0;
}

/* Reads one piece: of a frame's header, of its payload. Returns as recvmsg does; 0 where a client speaks another language. */
static long on_piece(struct client *client) {
  const uint64_t header = sizeof client->frame;
  int is_input = client->filled >= header && client->frame.kind == FRAME_INPUT;
  uint64_t most = header + (client->filled < header ? 0 : client->frame.length) - client->filled;
  if (is_input && most > CHUNK - input_last) most = CHUNK - input_last;
  if (!most) return -EAGAIN; /* another client's turn left no room */
  long length = receive(client->fd, is_input ? pending_input + input_last : (uint8_t *)&client->frame + client->filled, most);
  if (length <= 0) return length;
  client->filled += (uint64_t)length;
  if (client->filled == header && !is_sound(client)) return 0;
  if (is_input) {
    input_last += (uint32_t)length;
    push_input();
  }
  if (client->filled < header || client->filled < header + client->frame.length) return length;
  client->filled = 0;
  on_frame(client);
  return length;
}

/* Returns whether there may be more. */
static int on_client(struct client *client) {
  long length = client->commands ? on_command(client->fd) : on_piece(client);
  close_rights();
  if (length <= 0 && length != -EINTR && length != -EAGAIN) drop_client(client);
  return length > 0;
}

/* Returns whether somebody came. */
static int on_listener(void) {
  long fd = monitor.listener < 0 ? -1 : CALL(SYS_accept4, monitor.listener, 0, 0, SOCK_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return 0;
  uint64_t hello = VERSION;
  for (int i = 0; i < CLIENTS; i++) {
    if (clients[i].fd >= 0) continue;
    clients[i] = (struct client){.fd = (int)fd};
    send_frame(&clients[i], FRAME_HELLO, 0, &hello, sizeof hello);
    return 1;
  }
  CALL(SYS_close, fd);
  return 1;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* How often the kernel has killed a process of the cgroup for want of memory: the number after "oom_kill ", in v1's memory.oom_control as in v2's memory.events. */
static uint64_t oom_kills(void) {
  static const char word[] = "\noom_kill "; /* in neither file on the first line */
  long length = monitor.events < 0 ? 0 : CALL(SYS_pread64, monitor.events, chunk, CHUNK, 0);
  uint64_t number = 0;
  for (long at = 0, same = 0; at < length; at++) {
    if (word[same]) same = chunk[at] == word[same] ? same + 1 : chunk[at] == '\n';
    else if (chunk[at] >= '0' && chunk[at] <= '9') number = number * 10 + (chunk[at] - '0');
    else break;
  }
  return number;
}

/* On disk whole or not at all, before anyone is told. */
static void write_exit_record(void) {
  uint8_t text[256], *at = put_number(put_text(text, "{\"version\":"), VERSION, 1);
  at = put_number(put_text(at, ",\"monitor\":"), (uint64_t)CALL(SYS_getpid, 0), 1);
  at = put_number(put_text(at, ",\"pid\":"), (uint64_t)monitor.container, 1);
  at = put_number(put_text(at, ",\"status\":"), exit_status(monitor.status), 1);
  at = put_number(put_text(at, ",\"signal\":"), monitor.status & 0x7f, 1);
  at = put_number(put_text(at, ",\"oomKills\":"), oom_kills(), 1);
  at = put_text(put_time(put_text(at, ",\"finishedAt\":\""), monitor.ended), "\"}\n");
  long fd = CALL(SYS_openat, monitor.directory, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  long length = at - text, written = CALL(SYS_write, fd, text, length), synced = monitor.wanted.passing ? 0 : CALL(SYS_fsync, fd);
  CALL(SYS_close, fd);
  /* Without it the next teu finds that monitor and container are gone, and says that the status is not known. */
  if (written != length || synced < 0) return;
  CALL(SYS_renameat2, monitor.directory, "exit.new", monitor.directory, "exit", 0);
  if (!monitor.wanted.passing) CALL(SYS_fsync, monitor.directory);
}

/* teu, for what follows: it is told by the record, and we do not wait for it. */
static void start_handler(void) {
  static struct spawn spawn;
  static const char *path[2], *arguments[WORDS + 1], *variables[WORDS + 1];
  const uint8_t *at = monitor.handler_texts, *end = monitor.handler + monitor.handler_size;
  if (!monitor.handler_size || at == end || !split(&at, end, path, 1) || !split(&at, end, arguments, monitor.wanted.arguments) || !split(&at, end, variables, monitor.wanted.variables)) return;
  long null = CALL(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
  spawn = (struct spawn){.exit_signal = SIGCHLD, .path = (uint64_t)path[0], .directory = (uint64_t)"/", .argv = (uint64_t)arguments, .envp = (uint64_t)variables, .count = 3, .descriptors = {null, null, null}};
  spawn_program(&spawn);
}

/* All that was written has been read, logged and sent: the last words. They wait for a reader, but not for one that never comes. */
__attribute__((noreturn)) static void finish(void) {
  uint64_t status = monitor.status;
  int is_settled = 0;
  for (int i = 0; i < 2; i++) log_rest(&streams[i]);
  if (monitor.log >= 0 && !monitor.wanted.passing) CALL(SYS_fdatasync, monitor.log);
  write_exit_record();
  while (on_listener()) ;
  for (int i = 0; i < CLIENTS; i++) {
    while (clients[i].fd >= 0 && on_client(&clients[i])) ; /* what was asked too late is answered all the same */
    if (clients[i].commands) drop_client(&clients[i]);
    if (clients[i].fd >= 0 && clients[i].wants & WANT_SETTLE) is_settled = 1;
    send_frame(&clients[i], FRAME_EXIT, 0, &status, sizeof status);
    if (clients[i].fd >= 0 && !backlog_of(&clients[i])) drop_client(&clients[i]);
  }
  for (int i = 0; i < CLIENTS; i++) {
    struct poll poll = {clients[i].fd, POLLOUT, 0};
    struct time patience = {2, 0};
    while (clients[i].fd >= 0 && backlog_of(&clients[i]) && CALL(SYS_ppoll, &poll, 1, &patience, 0, 8) > 0) push_backlog(&clients[i]);
  }
  /* A starter that holds the control socket to the end does what follows itself. */
  if (monitor.control >= 0) on_control();
  if (!is_settled && monitor.control < 0) start_handler();
  close_fd(&monitor.control);
  close_fd(&monitor.listener);
  for (int i = 0; i < CLIENTS; i++) drop_client(&clients[i]);
  /* What shares the machine's process IDs outlives the first process, until whoever does what follows ends it. */
  while (monitor.executions && on_child(-1, 0) > 0) ;
  leave(0);
}

/* The container has ended. What is left in its pipes is read, but not what others, who hold their ends, go on to write. */
static void wind_up(void) {
  if (must_wait()) return;
  for (int i = 0; i < 2; i++)
    if (streams[i].fd >= 0 && (monitor.last_reads++ >= LAST_READS || !on_output(&streams[i]))) close_stream(&streams[i]);
  if (streams[0].fd < 0 && streams[1].fd < 0 && !must_wait()) finish();
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

enum { POLL_CONTROL, POLL_SIGNALS, POLL_LISTENER, POLL_STDOUT, POLL_STDERR, POLL_INPUT, POLL_CLIENTS, POLLS = POLL_CLIENTS + CLIENTS };

/* A descriptor of -1 is one that nobody asks about. */
static void wait_for_events(struct poll *polls) {
  int waits = must_wait(), has_input = input_first < input_last;
  polls[POLL_CONTROL] = (struct poll){monitor.control, POLLIN, 0};
  polls[POLL_SIGNALS] = (struct poll){monitor.signals, POLLIN, 0};
  polls[POLL_LISTENER] = (struct poll){monitor.listener, POLLIN, 0};
  for (int i = 0; i < 2; i++) polls[POLL_STDOUT + i] = (struct poll){waits ? -1 : streams[i].fd, POLLIN, 0};
  polls[POLL_INPUT] = (struct poll){has_input ? monitor.input : -1, POLLOUT, 0};
  uint32_t count = POLL_CLIENTS; /* more than the limit on open files is EINVAL, whatever they are: those after the last client are not asked about */
  for (uint32_t i = 0; i < CLIENTS; i++) {
    int is_full = clients[i].wants & WANT_STDIN && has_input;
    int events = (is_full ? 0 : POLLIN) | (backlog_of(&clients[i]) ? POLLOUT : 0);
    polls[POLL_CLIENTS + i] = (struct poll){clients[i].fd, (int16_t)events, 0};
    if (clients[i].fd >= 0) count = POLL_CLIENTS + i + 1;
  }
  struct time patience = {waits ? 1 : 0, 0};
  CALL(SYS_ppoll, polls, count, monitor.state == STATE_ENDED ? &patience : 0, 0, 8);
}

__attribute__((noreturn, used)) void teu_monitor(void) {
  static struct poll polls[POLLS];
  uint64_t child_signal = 1UL << (SIGCHLD - 1), blocked = child_signal | 1UL << (SIGPIPE - 1);
  monitor.control = CONTROL;
  monitor.directory = monitor.listener = monitor.events = monitor.log = monitor.sink = monitor.input = -1;
  for (int i = 0; i < 2; i++) {
    streams[i].fd = -1;
    streams[i].number = (uint8_t)(i + 1);
  }
  for (int i = 0; i < CLIENTS; i++) clients[i].fd = -1;
  CALL(SYS_prctl, PR_SET_NAME, "teu-monitor");
  CALL(SYS_setsid, 0);
  CALL(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
  /* SIGPIPE too: a container that has closed its input, or a starter that has left, is EPIPE and not our end. Children begin with no signal blocked. */
  CALL(SYS_rt_sigprocmask, SIG_BLOCK, &blocked, 0, 8);
  monitor.signals = (int)CALL(SYS_signalfd4, -1, &child_signal, 8, SFD_NONBLOCK | O_CLOEXEC);
  for (;;) {
    wait_for_events(polls);
    if (polls[POLL_CONTROL].revents) on_control();
    if (polls[POLL_SIGNALS].revents) {
      while (CALL(SYS_read, monitor.signals, chunk, CHUNK) > 0) ;
      while (on_child(-1, WNOHANG) > 0) ;
    }
    if (polls[POLL_LISTENER].revents) on_listener();
    for (int i = 0; i < 2; i++)
      if (polls[POLL_STDOUT + i].revents && streams[i].fd >= 0 && monitor.state != STATE_ENDED) on_output(&streams[i]);
    if (polls[POLL_INPUT].revents) push_input();
    for (int i = 0; i < CLIENTS; i++) {
      struct client *client = &clients[i];
      if (client->fd < 0 || client->fd != polls[POLL_CLIENTS + i].fd) continue;
      if (polls[POLL_CLIENTS + i].revents & POLLOUT) push_backlog(client);
      if (client->fd >= 0 && polls[POLL_CLIENTS + i].revents & (POLLIN | POLLHUP | POLLERR)) on_client(client);
    }
    if (input_ends && input_first == input_last) push_input();
    if (monitor.state == STATE_ENDED) wind_up();
  }
}
