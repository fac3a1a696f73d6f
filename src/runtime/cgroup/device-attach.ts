/** Loading a device program and attaching it to a v2 cgroup. Source: bpf(2); bpf.h, union bpf_attr. */
import { closeSync, constants, openSync } from "node:fs";
import { addressOf, check, cString, errno, syscall } from "../../sys/index.ts";
import { encodeDeviceProgram, INSTRUCTION_BYTES } from "./device-program.ts";
import type { CgroupPlan } from "./plan.ts";

const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
/** Programs of a cgroup above still count, and so would one that somebody else has attached here. */
const BPF_F_ALLOW_MULTI = 2;
const LOAD_BYTES = 64;
const LOAD_NAME = 48;
const ATTACH_BYTES = 20;
/** The verifier can be interrupted by a signal, and says so. */
const ATTEMPTS = 30;

/**
 * Attaches the plan's device program, if it has one. The cgroup keeps it; nothing has to be undone but the cgroup.
 * A cgroup that was there before keeps its own programs too: more of them only refuse more.
 * @throws {SystemCallFailed}
 */
export function attachDevices({ deviceProgram }: CgroupPlan): void {
  if (deviceProgram === undefined) return;
  const { directory, policy } = deviceProgram;
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const program = load(encodeDeviceProgram(policy));
  try {
    const cgroup = openSync(directory, flags);
    try {
      const attributes = new DataView(new ArrayBuffer(ATTACH_BYTES));
      [cgroup, program, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI].forEach((word, index) => {
        attributes.setUint32(index * 4, word, true);
      });
      check(syscall("bpf", BPF_PROG_ATTACH, attributes, ATTACH_BYTES), "bpf BPF_PROG_ATTACH", directory);
    } finally {
      closeSync(cgroup);
    }
  } finally {
    closeSync(program);
  }
}

/** Attributes, then what they point at: one allocation, so that one reference keeps it all alive during the call. */
function load(instructions: Uint8Array): number {
  const license = cString("Apache-2.0");
  const block = new Uint8Array(new ArrayBuffer(LOAD_BYTES + instructions.length + license.length));
  const base = BigInt(addressOf(block)) + BigInt(LOAD_BYTES);
  block.set(instructions, LOAD_BYTES);
  block.set(license, LOAD_BYTES + instructions.length);
  block.set(cString("teu_devices"), LOAD_NAME);
  const attributes = new DataView(block.buffer);
  attributes.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
  attributes.setUint32(4, instructions.length / INSTRUCTION_BYTES, true);
  attributes.setBigUint64(8, base, true);
  attributes.setBigUint64(16, base + BigInt(instructions.length), true);
  let result = -errno.EAGAIN;
  for (let attempt = 0; result === -errno.EAGAIN && attempt < ATTEMPTS; attempt++)
    result = syscall("bpf", BPF_PROG_LOAD, block, LOAD_BYTES);
  return check(result, "bpf BPF_PROG_LOAD");
}
