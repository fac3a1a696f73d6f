/** A plan as one file for init: header, records, relocations, data. */
import { HEADER_BYTES, MAGIC, VERSION } from "./format.ts";
import type { Plan } from "./plan.ts";

/** The plan as bytes for a sealed memfd. */
export function encodePlan({ records, count, relocations, data, fuel }: Plan): Uint8Array {
  const relocationsAt = HEADER_BYTES + records.length;
  const dataAt = Math.ceil((relocationsAt + relocations.length * 4) / 8) * 8;
  const bytes = new Uint8Array(new ArrayBuffer(dataAt + data.length));
  new Uint32Array(bytes.buffer, 0, 6).set([MAGIC, VERSION, count, relocations.length, data.length, fuel]);
  bytes.set(records, HEADER_BYTES);
  new Uint32Array(bytes.buffer, relocationsAt, relocations.length).set(relocations);
  bytes.set(data, dataAt);
  return bytes;
}
