/*
 * init-fuzz.c: native/init.c as a hosted program under sanitizers. Its one system call instruction is the stub below:
 * no plan, however hostile, reaches a kernel. Plans and the parent's answers are drawn from a seed; a case ends when
 * init leaves, and a read or write outside of what init was given ends the program.
 *
 *   init-fuzz FIRST COUNT     runs the cases FIRST … FIRST + COUNT - 1 and prints how they ended
 *
 * With -DTEU_LIBFUZZER the input of libFuzzer takes the place of the seed.
 */
#define _GNU_SOURCE
#define TEU_STUB
#include "../../native/init.c" /* first: it has words of its own for what the headers below define */

#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"

enum { ENOMEM_STUB = 12, FUEL = 64, BUFFERS = 2 * SEGMENTS + 2, CALLS = 20000 };

/* Numbers that checks get wrong: ends, borders, and what wraps around. */
static uint64_t odd_number(uint64_t size) {
  static const uint64_t ends[] = {0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0UL, ~0UL - 7};
  switch (below(4)) {
    case 0: return ends[below(sizeof ends / sizeof *ends)];
    case 1: return size - 16 + below(32);
    default: return below(size + 1);
  }
}

/* ---- hostile plans ----------------------------------------------------------------------------------------------- */

/* Mostly a place that a check lets pass: a plan with one wrong number is refused, and then nothing of it runs. */
static uint64_t place(uint64_t size, uint64_t length) {
  if (one_in(100) || size < length) return odd_number(size);
  return below(size - length + 1);
}

static struct record make_record(uint32_t records, uint32_t data) {
  struct record record = {0};
  record.op = (uint8_t)(one_in(200) ? below(256) : one_in(3) ? OP_SYNC : below(OP_FAIL + (one_in(10) ? 2 : 0)));
  record.result = (uint8_t)(one_in(200) ? below(256) : below(REGISTERS - 12));
  if (record.op == OP_CALL && one_in(2)) record.result = NO_REGISTER;
  record.number = (uint32_t)below(500);
  for (int argument = 0; argument < 6; argument++) {
    unsigned kind = (unsigned)(one_in(200) ? 3 : data ? below(KINDS) : 2 * below(2));
    record.kinds |= (uint16_t)(kind << (2 * argument));
    record.args[argument] = kind == KIND_REGISTER ? below(one_in(100) ? 300 : REGISTERS) : kind == KIND_DATA ? place(data, 1) : odd_number(data);
  }
  if (record.op == OP_LOAD || record.op == OP_STORE) {
    record.number = 1u << below(4);
    record.kinds &= (uint16_t)~3;
    record.args[0] = place(data, record.number);
  }
  if (record.op == OP_JMP) {
    record.kinds = (uint16_t)((record.kinds & ~3) | KIND_REGISTER);
    record.args[0] = below(REGISTERS);
    record.args[3] = below(one_in(100) ? 5 : 2);
    record.args[4] = place(records, 0);
  }
  for (int rule = 0; rule < RULES && !one_in(4); rule++) {
    record.rules[rule].error = (uint16_t)(one_in(2) ? ANY_ERRNO : 1 + below(40));
    record.rules[rule].target = (uint16_t)(one_in(8) ? TARGET_FAIL : one_in(2) ? TARGET_NEXT : place(records, 0));
  }
  record.capacity = (uint32_t)below(data + 1);
  record.slot = (uint32_t)place(data, record.capacity);
  return record;
}

/* A plan as the TypeScript encoder would lay it out, of records that are mostly sound; then bytes are broken. */
static uint8_t *make_plan(size_t *length) {
  uint32_t records = (uint32_t)below(12), data = (uint32_t)(one_in(4) ? below(3) * 4096 + below(9) : below(300)), relocations = (uint32_t)(data < 8 ? 0 : below(4));
  struct header header = {MAGIC, VERSION, records, relocations, data, (uint32_t)below(FUEL), {0}};
  size_t relocations_at = sizeof header + records * sizeof(struct record);
  size_t data_at = (relocations_at + relocations * 4 + 7) & ~7UL;
  *length = data_at + data;
  uint8_t *bytes = calloc(1, *length + 1);
  for (uint32_t i = 0; i < records; i++) {
    struct record record = make_record(records, data);
    memcpy(bytes + sizeof header + i * sizeof record, &record, sizeof record);
  }
  for (uint32_t at = 0; at + 8 <= data; at += 8) {
    uint64_t word = odd_number(data);
    memcpy(bytes + data_at + at, &word, 8);
  }
  for (uint32_t i = 0; i < relocations; i++) {
    uint32_t at = (uint32_t)(one_in(50) ? odd_number(data) : below(data / 8) * 8);
    uint64_t word = place(data, 1);
    memcpy(bytes + relocations_at + i * 4, &at, 4);
    if (at + 8UL <= data) memcpy(bytes + data_at + at, &word, 8);
  }
  if (one_in(50)) header.data = (uint32_t)odd_number(data);
  if (one_in(50)) header.records = (uint32_t)odd_number(records);
  if (one_in(50)) header.relocations = (uint32_t)odd_number(relocations);
  if (one_in(100)) header.magic ^= 1, header.version++;
  memcpy(bytes, &header, sizeof header);
  for (uint64_t n = one_in(8) ? below(4) : 0; n > 0; n--) {
    size_t at = below(*length);
    if (at < 20 || at >= 24) bytes[at] ^= (uint8_t)(1u << below(8)); /* the fuel stays small: a case shall end soon */
  }
  if (one_in(50)) *length = below(*length + 1);
  return bytes;
}

/* ---- the kernel that it meets ------------------------------------------------------------------------------------ */

static jmp_buf left;
static const char *case_frame;
static struct { uint8_t *start; size_t length; } buffers[BUFFERS];
static size_t buffer_count;
static uint8_t *area;
static size_t area_size, plan_length;
static uint8_t *plan_bytes;
static unsigned long calls, failed, exited, ran, answers, segments_read;

/* A stack that is not the real one would hide which structures are init's own. */
const char *__asan_default_options(void) { return "detect_stack_use_after_return=0:detect_leaks=0"; }

static int is_inits_own(const void *address) {
  return (const char *)address > (const char *)__builtin_frame_address(0) && (const char *)address < case_frame;
}

static void keep(uint8_t *start, size_t length) {
  if (buffer_count == BUFFERS) abort();
  buffers[buffer_count].start = start;
  buffers[buffer_count++].length = length;
}

static void check_readable(const void *from, size_t length) {
  if (length && __asan_region_is_poisoned((void *)from, length)) {
    fprintf(stderr, "init hands the kernel memory that is not its own\n");
    abort();
  }
}

static long receive(struct message_header *header) {
  static const long results[] = {-4, 0, -104, 1, 40, 48};
  if (one_in(8)) return results[below(sizeof results / sizeof *results)];
  struct answer sent;
  for (size_t i = 0; i < sizeof sent / 8; i++) ((uint64_t *)&sent)[i] = draw();
  uint64_t fixed = sizeof sent - ANSWER_BYTES;
  sent.flags = (uint32_t)below(one_in(20) ? 8 : 4);
  sent.descriptors = (uint32_t)(one_in(20) ? odd_number(8) : below(ANSWER_DESCRIPTORS + 2));
  sent.length = (uint32_t)(one_in(10) ? odd_number(ANSWER_BYTES) : below(one_in(10) ? ANSWER_BYTES + 1 : 16));
  uint64_t length = one_in(10) ? below(sizeof sent + 1) : fixed + sent.length;
  if (length > header->vector->length) length = header->vector->length;
  check_readable(header->vector->base, header->vector->length);
  memcpy(header->vector->base, &sent, length);
  struct control control = {CONTROL_HEADER + 4 * below(ANSWER_DESCRIPTORS + 1), SOL_SOCKET, one_in(20) ? 2 : SCM_RIGHTS, {0}};
  for (int i = 0; i < ANSWER_DESCRIPTORS; i++) control.descriptors[i] = (int32_t)(one_in(10) ? draw() : 3 + below(60));
  check_readable(header->control, header->control_length);
  memcpy(header->control, &control, sizeof control);
  header->control_length = control.length;
  header->flags = one_in(20) ? MSG_TRUNCATED : 0;
  answers++;
  return (long)length;
}

long call6(long nr, long a, long b, long c, long d, long e, long f) {
  (void)e, (void)f;
  /* A call of a plan comes here too, with any number: it may look like one of init's own. */
  if (++calls > CALLS) longjmp(left, 3);
  if (nr == SYS_exit_group) longjmp(left, 2);
  if (nr == SYS_write && c == (long)sizeof(struct message) && is_inits_own((void *)b)) longjmp(left, 1);
  switch (nr) {
    case SYS_fcntl: return one_in(30) ? (long)below(64) : one_in(50) ? -9 : SEALS;
    case SYS_lseek:
      if (b != 0 || c != SEEK_END) break;
      free(plan_bytes);
      plan_bytes = make_plan(&plan_length);
      return one_in(50) ? -29 : (long)plan_length;
    case SYS_mmap:
      if (one_in(50)) return -ENOMEM_STUB;
      if (d == MAP_PRIVATE && c == PROT_READ && plan_bytes && (size_t)b == plan_length) {
        /* Exactly as long as the file, so that one byte too far is seen. */
        uint8_t *mapped = malloc(plan_length);
        memcpy(mapped, plan_bytes, plan_length);
        keep(mapped, plan_length);
        segments_read += segments > 0;
        return (long)mapped;
      }
      if (a == 0 && c == PROT_NONE && d == (MAP_PRIVATE | MAP_ANONYMOUS) && b > 0 && b <= (MAX_DATA + 2 * PAGE)) {
        area_size = (size_t)b;
        if (posix_memalign((void **)&area, PAGE, area_size)) abort();
        memset(area, 0, area_size);
        __asan_poison_memory_region(area, area_size);
        keep(area, area_size);
        return (long)area;
      }
      break;
    case SYS_munmap:
      for (size_t i = 0; i < buffer_count; i++)
        if (buffers[i].start == (uint8_t *)a && buffers[i].length == (size_t)b && buffers[i].start != area) {
          /* Not given back: who reads it once more is seen. */
          __asan_poison_memory_region(buffers[i].start, buffers[i].length);
          return 0;
        }
      break;
    case SYS_mprotect:
      if (area && a >= (long)area && b > 0 && a + b <= (long)(area + area_size) && c == PROT_RW) {
        if (one_in(50)) return -ENOMEM_STUB;
        __asan_unpoison_memory_region((void *)a, (size_t)b);
        area = NULL;
        return 0;
      }
      break;
    case SYS_sendmsg:
      if (c == MSG_NOSIGNAL && is_inits_own((void *)b)) {
        const struct message_header *header = (const struct message_header *)b;
        check_readable(header->vector->base, header->vector->length);
        check_readable(header->control, header->control_length);
        return one_in(30) ? -EINTR : one_in(60) ? -32 : 40;
      }
      break;
    case SYS_recvmsg:
      /* Only init's own receive has this shape; a plan's pointers are for the kernel to judge. */
      if (c == MSG_CMSG_CLOEXEC && is_inits_own((void *)b)) return receive((struct message_header *)b);
      break;
  }
  return one_in(3) ? -(long)(1 + below(40)) : (long)below(100);
}

static void run_case(void) {
  memset(registers, 0, sizeof registers);
  memset(&answer, 0, sizeof answer);
  segments = 0;
  calls = 0;
  area = NULL;
  case_frame = __builtin_frame_address(0);
  int how = setjmp(left);
  if (how == 0) teu_init();
  else if (how == 1) failed++;
  else exited++;
  ran += calls > 6;
  for (size_t i = 0; i < buffer_count; i++) {
    __asan_unpoison_memory_region(buffers[i].start, buffers[i].length);
    free(buffers[i].start);
  }
  buffer_count = 0;
  free(plan_bytes);
  plan_bytes = NULL;
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
  printf("{\"cases\":%lu,\"failed\":%lu,\"exited\":%lu,\"ran\":%lu,\"answers\":%lu,\"segments\":%lu}\n",
         count, failed, exited, ran, answers, segments_read);
  return 0;
}
#endif
