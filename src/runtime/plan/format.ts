/** The binary form of a plan, as native/init.c reads it. The two files are one format: a change here is a change there, and of VERSION. */

export const MAGIC = 0x31554554;
export const VERSION = 1;
export const HEADER_BYTES = 32;
/** `struct record`: op, result, kinds · number · six arguments · four rules · slot, capacity. */
export const RECORD_BYTES = 80;
export const RECORD_WORDS: number = RECORD_BYTES / 4;
/** In 32-bit words from the record's begin. */
export const NUMBER_AT = 1;
export const ARGS_AT = 2;
export const RULES_AT = 14;
export const SLOT_AT = 18;
export const MAX_RULES = 4;

/** `enum op`. */
export const OP_CALL = 0;
export const OP_MOV = 1;
export const OP_LOAD = 2;
export const OP_STORE = 3;
export const OP_JMP = 4;
export const OP_SYNC = 5;
export const OP_FAIL = 6;
export const OP_EXIT = 7;

/** `enum kind`, two bits for each argument. */
export const KIND_DATA = 1;
export const KIND_REGISTER = 2;

export const NO_REGISTER = 0xff;
export const ANY_ERRNO = 0xffff;
export const TARGET_NEXT = 0xfffe;
