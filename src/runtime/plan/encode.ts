/** Encodes a plan as native/init.c reads it. The two files are one format: a change here is a change there, and of VERSION. */
import { type Architecture, errno, systemCallNumber } from "../../sys/index.ts";
import {
  DataRef,
  type Label,
  type Operand,
  type Plan,
  type PlanRecord,
  Register,
  type Rules,
} from "./plan.ts";

const MAGIC = 0x31554554;
const VERSION = 1;
const HEADER_BYTES = 32;
const RECORD_BYTES = 80;
const ARGS_AT = 8;
const RULES_AT = 56;
const SLOT_AT = 72;
const OPS = { call: 0, move: 1, load: 2, store: 3, jump: 4, sync: 5, fail: 6, exit: 7 } as const;
const KIND_DATA = 1;
const KIND_REGISTER = 2;
const NO_REGISTER = 0xff;
const ANY_ERRNO = 0xffff;
const TARGET_NEXT = 0xfffe;
const MAX_RULES = 4;

/** The plan as bytes for a sealed memfd. */
export function encodePlan(plan: Plan, architecture: Architecture): Uint8Array {
  const relocationsAt = HEADER_BYTES + plan.records.length * RECORD_BYTES;
  const dataAt = Math.ceil((relocationsAt + plan.relocations.length * 4) / 8) * 8;
  const bytes = new Uint8Array(dataAt + plan.data.length);
  const view = new DataView(bytes.buffer);
  const header = [MAGIC, VERSION, plan.records.length, plan.relocations.length, plan.data.length, plan.fuel];
  header.forEach((value, index) => {
    view.setUint32(index * 4, value, true);
  });
  plan.records.forEach((record, index) => {
    encodeRecord(view, HEADER_BYTES + index * RECORD_BYTES, record, architecture);
  });
  plan.relocations.forEach((offset, index) => {
    view.setUint32(relocationsAt + index * 4, offset, true);
  });
  bytes.set(plan.data, dataAt);
  return bytes;
}

function encodeRecord(view: DataView, at: number, record: PlanRecord, architecture: Architecture): void {
  const put = (number: number, result: Register | undefined, args: readonly Operand[]): void => {
    view.setUint8(at, OPS[record.kind]);
    view.setUint8(at + 1, result?.number ?? NO_REGISTER);
    view.setUint32(at + 4, number, true);
    let kinds = 0;
    args.forEach((operand, index) => {
      const place = at + ARGS_AT + index * 8;
      if (operand instanceof Register) {
        kinds |= KIND_REGISTER << (2 * index);
        view.setUint32(place, operand.number, true);
      } else if (operand instanceof DataRef) {
        kinds |= KIND_DATA << (2 * index);
        view.setUint32(place, operand.offset, true);
      } else if (typeof operand === "number" && operand >>> 0 === operand)
        view.setUint32(place, operand, true);
      else view.setBigInt64(place, BigInt(operand), true);
    });
    view.setUint16(at + 2, kinds, true);
  };
  switch (record.kind) {
    case "call":
      put(systemCallNumber(record.call, architecture), record.result, record.args);
      if (record.on !== undefined) encodeRules(view, at + RULES_AT, record.on);
      break;
    case "move":
      put(0, record.result, [record.value]);
      break;
    case "load":
      put(record.size, record.result, [record.data.offset]);
      break;
    case "store":
      put(record.size, undefined, [record.data.offset, record.value]);
      break;
    case "jump":
      put(0, undefined, [
        record.register,
        record.mask,
        record.value,
        record.compare === "==" ? 0 : 1,
        target(record.to),
      ]);
      break;
    case "sync": {
      const [a = 0, b = 0, c = 0, d = 0] = record.values;
      const [first = -1, second = -1] = record.descriptors;
      put(record.code, record.answer, [a, b, c, d, first, second]);
      view.setUint32(at + SLOT_AT, record.slot?.data.offset ?? 0, true);
      view.setUint32(at + SLOT_AT + 4, record.slot?.capacity ?? 0, true);
      break;
    }
    case "fail":
      put(0, undefined, [record.errno]);
      break;
    case "exit":
      put(0, undefined, [record.status]);
      break;
    default:
      record satisfies never;
  }
}

function encodeRules(view: DataView, at: number, rules: Rules): void {
  const entries = Object.entries(rules);
  if (entries.length > MAX_RULES)
    throw new RangeError(`A record has ${entries.length} rules, at most ${MAX_RULES} fit`);
  entries.forEach(([name, to], index) => {
    const number = name === "*" ? ANY_ERRNO : errno[name as keyof typeof errno];
    view.setUint16(at + index * 4, number, true);
    view.setUint16(at + index * 4 + 2, to === "next" ? TARGET_NEXT : target(to), true);
  });
}

function target(label: Label): number {
  if (label.at < 0) throw new RangeError("A record leads to a label that was never placed");
  return label.at;
}
