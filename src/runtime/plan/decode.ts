/** One record of a plan as an object: for printing, for errors, and for tests that look at what was compiled. */
import { type Architecture, errnoName, type SystemCall, systemCallName } from "../../sys/index.ts";
import {
  ANY_ERRNO,
  ARGS_AT,
  KIND_DATA,
  KIND_REGISTER,
  MAX_RULES,
  NO_REGISTER,
  NUMBER_AT,
  OP_CALL,
  OP_EXIT,
  OP_FAIL,
  OP_JMP,
  OP_LOAD,
  OP_MOV,
  OP_STORE,
  OP_SYNC,
  RECORD_BYTES,
  RULES_AT,
  TARGET_NEXT,
} from "./format.ts";
import { DataRef, type Operand, type Plan, Register } from "./plan.ts";

/** Where a failed call leads: a record's number, or on. */
export interface DecodedRule {
  readonly errno: string;
  readonly to: number | "next";
}

export type PlanRecord =
  | {
      readonly op: "call";
      readonly call: SystemCall;
      readonly args: readonly Operand[];
      readonly result: number | undefined;
      readonly rules: readonly DecodedRule[];
    }
  | { readonly op: "move"; readonly result: number; readonly value: Operand }
  | { readonly op: "load"; readonly result: number; readonly offset: number; readonly size: number }
  | { readonly op: "store"; readonly offset: number; readonly size: number; readonly value: Operand }
  | {
      readonly op: "jump";
      readonly register: number;
      readonly mask: bigint;
      readonly compare: "==" | "!=";
      readonly value: bigint;
      readonly to: number;
    }
  | {
      readonly op: "sync";
      readonly code: number;
      readonly values: readonly Operand[];
      readonly descriptors: readonly Operand[];
    }
  | { readonly op: "fail"; readonly errno: Operand }
  | { readonly op: "exit"; readonly status: Operand };

/** Record `index` of `plan`. @throws {RangeError} There is no such record. */
export function recordAt(plan: Plan, index: number, architecture: Architecture): PlanRecord {
  if (index < 0 || index >= plan.count) throw new RangeError(`The plan has no record ${index}`);
  const view = new DataView(
    plan.records.buffer,
    plan.records.byteOffset + index * RECORD_BYTES,
    RECORD_BYTES,
  );
  const number = view.getUint32(NUMBER_AT * 4, true);
  const register = view.getUint8(1);
  const result = register === NO_REGISTER ? undefined : register;
  const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((arg) => operandAt(view, arg)) as [
    Operand,
    Operand,
    Operand,
    Operand,
    Operand,
    Operand,
  ];
  const op = view.getUint8(0);
  switch (op) {
    case OP_CALL:
      return {
        op: "call",
        call: nameOf(number, architecture),
        args: [a, b, c, d, e, f],
        result,
        rules: rulesOf(view),
      };
    case OP_MOV:
      return { op: "move", result: register, value: a };
    case OP_LOAD:
      return { op: "load", result: register, offset: Number(a), size: number };
    case OP_STORE:
      return { op: "store", offset: Number(a), size: number, value: b };
    case OP_JMP: {
      const wide = (arg: number): bigint => view.getBigUint64((ARGS_AT + 2 * arg) * 4, true);
      const compare = d === 0 ? "==" : "!=";
      return { op: "jump", register: Number(wide(0)), mask: wide(1), compare, value: wide(2), to: Number(e) };
    }
    case OP_SYNC:
      return { op: "sync", code: number, values: [a, b, c, d], descriptors: [e, f] };
    case OP_FAIL:
      return { op: "fail", errno: a };
    case OP_EXIT:
      return { op: "exit", status: a };
    default:
      throw new RangeError(`Record ${index} has the unknown operation ${op}`);
  }
}

function nameOf(number: number, architecture: Architecture): SystemCall {
  const name = systemCallName(number, architecture);
  if (name === undefined) throw new RangeError(`No system call of ${architecture} has the number ${number}`);
  return name;
}

function operandAt(view: DataView, index: number): Operand {
  const at = (ARGS_AT + 2 * index) * 4;
  const kind = (view.getUint16(2, true) >> (2 * index)) & 3;
  if (kind === KIND_REGISTER) return new Register(view.getUint32(at, true));
  if (kind === KIND_DATA) return new DataRef(view.getUint32(at, true));
  const wide = view.getBigInt64(at, true);
  return Number.isSafeInteger(Number(wide)) ? Number(wide) : wide;
}

function rulesOf(view: DataView): DecodedRule[] {
  const rules: DecodedRule[] = [];
  for (let rule = 0; rule < MAX_RULES; rule++) {
    const number = view.getUint16((RULES_AT + rule) * 4, true);
    const target = view.getUint16((RULES_AT + rule) * 4 + 2, true);
    if (number === 0) break;
    rules.push({
      errno: number === ANY_ERRNO ? "*" : errnoName(number),
      to: target === TARGET_NEXT ? "next" : target,
    });
  }
  return rules;
}
