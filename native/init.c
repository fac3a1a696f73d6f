/*
 * init.c: the plan interpreter. It is spawned from a sealed memfd with its plan as descriptor 3 and the socket to
 * its parent as descriptor 4, checks the whole plan, then makes the system calls that it lists, and nothing else:
 * no policy, no prose, no libc, no allocation. TypeScript (src/runtime/plan) writes plans and knows what each record
 * was for; a failure is reported as (segment, record, errno).
 *
 * The plan is treated as hostile: every length, offset, register, jump and relocation is checked before the first
 * call. Records are mapped read-only; the data is the only writable mapping, between guard pages.
 */
#include "system.h"

enum { PLAN_FD = 3, SYNC_FD = 4, REGISTERS = 64, SEGMENTS = 64, RULES = 4, MAX_RECORDS = 16384, MAX_DATA = 16 << 20, PAGE = 4096 };
enum { MAGIC = 0x31554554, VERSION = 1 };

/* What a record does; the complete list. */
enum op { OP_CALL, OP_MOV, OP_LOAD, OP_STORE, OP_JMP, OP_SYNC, OP_FAIL, OP_EXIT, OPS };
/* What an argument is. */
enum kind { KIND_NUMBER, KIND_DATA, KIND_REGISTER, KINDS };
/* Where a rule leads, when it is not a record. */
enum target { TARGET_FAIL = 0xffff, TARGET_NEXT = 0xfffe };
enum { ANY_ERRNO = 0xffff, NO_REGISTER = 0xff };

struct rule { uint16_t error, target; };

struct record {
  uint8_t op, result;     /* result: a register, or NO_REGISTER */
  uint16_t kinds;         /* two bits for each argument */
  uint32_t number;        /* of the system call; size of LOAD and STORE; code of SYNC */
  uint64_t args[6];
  struct rule rules[RULES]; /* the first that matches; error 0 ends the list */
  uint32_t slot, capacity;  /* SYNC: where in the data the answer's bytes go */
};

struct header { uint32_t magic, version, records, relocations, data, fuel, reserved[2]; };

struct plan {
  const struct record *records;
  uint8_t *data;
  uint32_t count, size, fuel, segment;
  uint64_t file; /* how many bytes are mapped, from the header on */
};

/* Messages on the socket, and what a failure looks like on the fifo that `start` reads. */
enum message_kind { MESSAGE_SYNC = 1, MESSAGE_FAIL = 2 };
struct message { uint32_t kind, segment, record, code; uint64_t values[4]; };
/* The parent's answer to MESSAGE_SYNC: with a segment, it is the first descriptor. After the last one, nothing goes on. */
enum { ANSWER_SEGMENT = 1, ANSWER_LAST = 2, ANSWER_DESCRIPTORS = 8, ANSWER_BYTES = 4096 };
struct answer { uint32_t flags, descriptors, length, reserved; uint64_t values[4]; uint8_t bytes[ANSWER_BYTES]; };

struct vector { void *base; uint64_t length; };
struct message_header { void *name; uint32_t name_length; struct vector *vector; uint64_t vectors; void *control; uint64_t control_length; int flags; };
struct control { uint64_t length; int level, type; int32_t descriptors[ANSWER_DESCRIPTORS]; };
enum { CONTROL_HEADER = 16, SOL_SOCKET = 1, SCM_RIGHTS = 1, MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000, MSG_TRUNCATED = 0x20 | 0x08 };
enum { PROT_NONE = 0, PROT_READ = 1, PROT_RW = 3, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32, SEEK_END = 2, F_GET_SEALS = 1034, SEALS = 2 | 4 | 8 };
enum { EINTR = 4, EIO = 5, ENOEXEC = 8, EINVAL = 22, EPROTO = 71, ELOOP = 40 };

#if defined(__x86_64__)
enum { SYS_write = 1, SYS_mmap = 9, SYS_mprotect = 10, SYS_munmap = 11, SYS_lseek = 8, SYS_fcntl = 72, SYS_sendmsg = 46, SYS_recvmsg = 47, SYS_close = 3, SYS_exit_group = 231 };
#if !defined(TEU_STUB)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall teu_init\n\thlt");
#endif
#else
enum { SYS_write = 64, SYS_mmap = 222, SYS_mprotect = 226, SYS_munmap = 215, SYS_lseek = 62, SYS_fcntl = 25, SYS_sendmsg = 211, SYS_recvmsg = 212, SYS_close = 57, SYS_exit_group = 94 };
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tbl teu_init\n\tbrk 1");
#endif

/* Register 0 names the descriptor for SYNC and failures: the socket at first, later the fifo that `start` reads. */
static uint64_t registers[REGISTERS];
static uint32_t segments;
static struct answer answer;

static int run(struct plan *plan);

__attribute__((noreturn)) static void leave(long status) {
  for (;;) call6(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

/* The last words: which record failed and why. Whoever reads them has the plan and writes the sentence. */
__attribute__((noreturn)) static void fail(uint32_t segment, uint32_t record, long error) {
  struct message message = {MESSAGE_FAIL, segment, record, 0, {(uint64_t)error, 0, 0, 0}};
  call6(SYS_write, (long)registers[0], (long)&message, sizeof message, 0, 0, 0);
  leave(1);
}

static void copy(void *to, const void *from, uint64_t length) {
  uint8_t *target = to;
  const uint8_t *source = from;
  /* volatile: the compiler may not turn this loop into a call of the memcpy that we do not have. */
  for (volatile uint64_t i = 0; i < length; i++) target[i] = source[i];
}

static int is_failure(long result) { return result < 0 && result >= -4095; }

static enum kind kind_of(const struct record *record, int index) { return (record->kinds >> (2 * index)) & 3; }

/* An argument's value: pointers into the data become addresses here, so records never hold one. */
static uint64_t value_of(const struct plan *plan, const struct record *record, int index) {
  uint64_t word = record->args[index];
  switch (kind_of(record, index)) {
    case KIND_DATA: return (uint64_t)(plan->data + word);
    case KIND_REGISTER: return registers[word];
    default: return word;
  }
}

static int is_register(uint64_t number) { return number < REGISTERS; }

static int is_target(const struct plan *plan, uint64_t target) {
  return target <= plan->count || target == TARGET_FAIL || target == TARGET_NEXT;
}

static int is_range(const struct plan *plan, uint64_t offset, uint64_t length) {
  return offset <= plan->size && length <= plan->size - offset;
}

/* Everything about one record that can be known before it runs. Returns 0 when it is sound. */
static int check_record(const struct plan *plan, const struct record *record) {
  if (record->op >= OPS || (record->result != NO_REGISTER && !is_register(record->result))) return EINVAL;
  for (int i = 0; i < 6; i++) {
    enum kind kind = kind_of(record, i);
    if (kind >= KINDS) return EINVAL;
    if (kind == KIND_DATA && record->args[i] >= plan->size) return EINVAL;
    if (kind == KIND_REGISTER && !is_register(record->args[i])) return EINVAL;
  }
  for (int i = 0; i < RULES && record->rules[i].error; i++)
    if (!is_target(plan, record->rules[i].target)) return EINVAL;
  switch ((enum op)record->op) {
    case OP_CALL: case OP_FAIL: case OP_EXIT: return 0;
    case OP_MOV: return record->result == NO_REGISTER ? EINVAL : 0;
    case OP_LOAD: case OP_STORE:
      if (record->number != 1 && record->number != 2 && record->number != 4 && record->number != 8) return EINVAL;
      if (kind_of(record, 0) != KIND_NUMBER || !is_range(plan, record->args[0], record->number)) return EINVAL;
      return record->op == OP_LOAD && record->result == NO_REGISTER ? EINVAL : 0;
    case OP_JMP: /* args: register, mask, value, 0 for == or 1 for !=, target */
      return kind_of(record, 0) == KIND_REGISTER && record->args[3] <= 1 && record->args[4] <= plan->count ? 0 : EINVAL;
    case OP_SYNC: /* args: four values, two descriptors; the answer fills 4 + 8 registers from `result` on */
      if (record->result == NO_REGISTER || record->result > REGISTERS - 4 - ANSWER_DESCRIPTORS) return EINVAL;
      return is_range(plan, record->slot, record->capacity) ? 0 : EINVAL;
    case OPS: break;
  }
  return EINVAL;
}

/* Maps the plan in `descriptor` and checks all of it. Returns 0, or the errno that says what is wrong. */
static int map(struct plan *plan, long descriptor) {
  /* Sealed: it can neither change after the check nor shrink under the mapping. */
  long seals = call6(SYS_fcntl, descriptor, F_GET_SEALS, 0, 0, 0, 0);
  if (is_failure(seals) || (seals & SEALS) != SEALS) return EINVAL;
  long file = call6(SYS_lseek, descriptor, 0, SEEK_END, 0, 0, 0);
  if (file < (long)sizeof(struct header)) return ENOEXEC;
  long address = call6(SYS_mmap, 0, file, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (is_failure(address)) return (int)-address;
  call6(SYS_close, descriptor, 0, 0, 0, 0, 0);

  const struct header *header = (const struct header *)address;
  if (header->magic != MAGIC || header->version != VERSION) return ENOEXEC;
  if (header->records > MAX_RECORDS || header->data > MAX_DATA || header->relocations > MAX_DATA / 8) return EINVAL;
  uint64_t records = sizeof *header, relocations = records + (uint64_t)header->records * sizeof(struct record);
  uint64_t data = (relocations + (uint64_t)header->relocations * 4 + 7) & ~7UL;
  if (data + header->data != (uint64_t)file) return EINVAL;

  /* The data ends at a guard page; the pages around it are never accessible. */
  uint64_t room = (header->data + PAGE - 1) & ~(uint64_t)(PAGE - 1);
  long area = call6(SYS_mmap, 0, (long)(room + 2 * PAGE), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (is_failure(area)) return (int)-area;
  if (room && is_failure(call6(SYS_mprotect, area + PAGE, (long)room, PROT_RW, 0, 0, 0))) return EINVAL;
  plan->data = (uint8_t *)area + PAGE + (room - ((header->data + 7) & ~7UL));
  plan->size = header->data;
  plan->records = (const struct record *)(address + (long)records);
  plan->count = header->records;
  plan->fuel = header->fuel;
  plan->segment = segments++;
  plan->file = (uint64_t)file;
  copy(plan->data, (const uint8_t *)address + data, header->data);

  const uint32_t *relocation = (const uint32_t *)(address + (long)relocations);
  for (uint32_t i = 0; i < header->relocations; i++) {
    uint64_t offset;
    if (relocation[i] % 8 || !is_range(plan, relocation[i], 8)) return EINVAL;
    copy(&offset, plan->data + relocation[i], 8);
    if (offset >= plan->size) return EINVAL;
    offset += (uint64_t)plan->data;
    copy(plan->data + relocation[i], &offset, 8);
  }
  for (uint32_t i = 0; i < plan->count; i++)
    if (check_record(plan, &plan->records[i])) return EINVAL;
  return 0;
}

/* A container that waits at the gate keeps what it still needs: of a plan that is done, the data alone, which registers may point at. */
static void forget_records(const struct plan *plan) {
  call6(SYS_munmap, (long)plan->records - (long)sizeof(struct header), (long)plan->file, 0, 0, 0, 0);
}

/* Tells the parent where we are and waits for its answer. EOF means that it died, and then so do we. */
static void sync_with_parent(struct plan *plan, uint32_t index, const struct record *record) {
  struct message message = {MESSAGE_SYNC, plan->segment, index, record->number, {0}};
  struct control control = {CONTROL_HEADER, SOL_SOCKET, SCM_RIGHTS, {0}};
  struct vector vector = {&message, sizeof message};
  struct message_header header = {0, 0, &vector, 1, 0, 0, 0};
  for (int i = 0; i < 4; i++) message.values[i] = value_of(plan, record, i);
  for (int i = 4; i < 6; i++) {
    int32_t descriptor = (int32_t)value_of(plan, record, i);
    if (descriptor < 0) continue;
    control.descriptors[(control.length - CONTROL_HEADER) / 4] = descriptor;
    control.length += 4;
    header.control = &control;
    header.control_length = (control.length + 7) & ~7UL;
  }
  long result;
  while ((result = call6(SYS_sendmsg, (long)registers[0], (long)&header, MSG_NOSIGNAL, 0, 0, 0)) == -EINTR) ;
  if (is_failure(result)) leave(1);

  vector = (struct vector){&answer, sizeof answer};
  header = (struct message_header){0, 0, &vector, 1, &control, sizeof control, 0};
  while ((result = call6(SYS_recvmsg, (long)registers[0], (long)&header, MSG_CMSG_CLOEXEC, 0, 0, 0)) == -EINTR) ;
  if (result <= 0) leave(1);
  uint64_t fixed = sizeof answer - ANSWER_BYTES;
  if ((uint64_t)result < fixed || (header.flags & MSG_TRUNCATED) || answer.length != (uint64_t)result - fixed ||
      answer.length > record->capacity || answer.descriptors > ANSWER_DESCRIPTORS ||
      (answer.descriptors && (header.control_length < CONTROL_HEADER + 4UL * answer.descriptors || control.type != SCM_RIGHTS)))
    fail(plan->segment, index, EPROTO);

  for (uint32_t i = 0; i < 4; i++) registers[record->result + i] = answer.values[i];
  copy(plan->data + record->slot, answer.bytes, answer.length);
  uint32_t first = answer.flags & ANSWER_SEGMENT ? 1 : 0;
  for (uint32_t i = first; i < answer.descriptors; i++) registers[record->result + 4 + i - first] = (uint64_t)control.descriptors[i];
  if (!first) return;
  struct plan segment;
  int error = answer.descriptors == 0 || segments >= SEGMENTS ? EPROTO : map(&segment, control.descriptors[0]);
  if (error) fail(plan->segment, index, error);
  uint32_t is_last = answer.flags & ANSWER_LAST;
  if (is_last) forget_records(plan);
  run(&segment);
  if (is_last) fail(plan->segment, index, EPROTO);
  forget_records(&segment);
}

/* Where to go on. Going back costs fuel, so that every plan ends. */
static uint32_t jump(struct plan *plan, uint32_t from, uint32_t target) {
  if (target <= from && plan->fuel-- == 0) fail(plan->segment, from, ELOOP);
  return target;
}

/* A failed call goes where its rules say: on, to another record, or to the end. */
static uint32_t follow(struct plan *plan, uint32_t index, const struct record *record, long error) {
  for (int i = 0; i < RULES && record->rules[i].error; i++) {
    if (record->rules[i].error != ANY_ERRNO && record->rules[i].error != error) continue;
    if (record->rules[i].target == TARGET_NEXT) return index + 1;
    if (record->rules[i].target == TARGET_FAIL) break;
    return jump(plan, index, record->rules[i].target);
  }
  fail(plan->segment, index, error);
}

static int run(struct plan *plan) {
  for (uint32_t index = 0; index < plan->count;) {
    const struct record *record = &plan->records[index];
    uint64_t value[6], loaded = 0;
    for (int i = 0; i < 6; i++) value[i] = value_of(plan, record, i);
    switch ((enum op)record->op) {
      case OP_CALL: {
        long result = call6(record->number, (long)value[0], (long)value[1], (long)value[2], (long)value[3], (long)value[4], (long)value[5]);
        if (record->result != NO_REGISTER) registers[record->result] = (uint64_t)result;
        index = is_failure(result) ? follow(plan, index, record, -result) : index + 1;
        continue;
      }
      case OP_MOV: registers[record->result] = value[0]; break;
      case OP_LOAD:
        copy(&loaded, plan->data + record->args[0], record->number);
        registers[record->result] = loaded;
        break;
      case OP_STORE: copy(plan->data + record->args[0], &value[1], record->number); break;
      case OP_JMP:
        if (((value[0] & value[1]) == value[2]) != (record->args[3] != 0)) {
          index = jump(plan, index, (uint32_t)record->args[4]);
          continue;
        }
        break;
      case OP_SYNC: sync_with_parent(plan, index, record); break;
      case OP_FAIL: fail(plan->segment, index, (long)value[0]);
      case OP_EXIT: leave((long)value[0]);
      case OPS: break;
    }
    index++;
  }
  return 0;
}

__attribute__((used)) void teu_init(void) {
  struct plan plan;
  registers[0] = SYNC_FD;
  int error = map(&plan, PLAN_FD);
  if (error) fail(0, 0, error);
  run(&plan);
  leave(125);
}
