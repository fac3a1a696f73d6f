/** Loading a device program and attaching it to a v2 cgroup. Source: bpf(2); bpf.h, union bpf_attr. */
import { addressOf, check, closeSync, cString, errno, O, openSync, syscall } from "../../sys/index.ts";
import { encodeDeviceProgram, INSTRUCTION_BYTES } from "./device-program.ts";
import type { CgroupPlan } from "./plan.ts";

const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_DETACH = 9;
const BPF_PROG_GET_FD_BY_ID = 13;
const BPF_PROG_QUERY = 16;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
/** Programs of a cgroup above still count. */
const BPF_F_ALLOW_MULTI = 2;
const BPF_F_REPLACE = 4;
const LOAD_BYTES = 64;
const LOAD_NAME = 48;
const ATTACH_BYTES = 20;
const QUERY_BYTES = 32;
const QUERY_COUNT = 24;
/** As many as the kernel lets one cgroup have. */
const MAX_PROGRAMS = 64;
/** The verifier can be interrupted by a signal, and says so. */
const ATTEMPTS = 30;

/**
 * Attaches the plan's device program, if it has one, in the place of those that the cgroup has: of a container that was
 * there before, or of systemd, which made the cgroup. At no moment is there none. The cgroup keeps it; nothing has to
 * be undone but the cgroup.
 * @throws {SystemCallFailed}
 */
export function attachDevices({ deviceProgram }: CgroupPlan): void {
  if (deviceProgram === undefined) return;
  const { directory, policy } = deviceProgram;
  const program = load(encodeDeviceProgram(policy));
  try {
    const cgroup = openSync(directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    try {
      exchange(cgroup, program, directory);
    } finally {
      closeSync(cgroup);
    }
  } finally {
    closeSync(program);
  }
}

/** One old program is replaced by the kernel in one step; of several, none goes before the new one is there. */
function exchange(cgroup: number, program: number, directory: string): void {
  const old = attachedTo(cgroup, directory).map((id) =>
    check(syscall("bpf", BPF_PROG_GET_FD_BY_ID, words(id, 0, 0), 12), "bpf BPF_PROG_GET_FD_BY_ID"),
  );
  const [only] = old;
  const replaces = old.length === 1 && only !== undefined;
  const flags = replaces ? BPF_F_ALLOW_MULTI | BPF_F_REPLACE : BPF_F_ALLOW_MULTI;
  try {
    const attributes = words(cgroup, program, BPF_CGROUP_DEVICE, flags, replaces ? only : 0);
    check(syscall("bpf", BPF_PROG_ATTACH, attributes, ATTACH_BYTES), "bpf BPF_PROG_ATTACH", directory);
    if (replaces) return;
    for (const descriptor of old)
      check(
        syscall("bpf", BPF_PROG_DETACH, words(cgroup, descriptor, BPF_CGROUP_DEVICE, 0, 0), ATTACH_BYTES),
        "bpf BPF_PROG_DETACH",
        directory,
      );
  } finally {
    for (const descriptor of old) closeSync(descriptor);
  }
}

/** The numbers of the programs attached to the cgroup itself. */
function attachedTo(cgroup: number, directory: string): number[] {
  const block = new Uint8Array(new ArrayBuffer(QUERY_BYTES + MAX_PROGRAMS * 4));
  const view = new DataView(block.buffer);
  view.setUint32(0, cgroup, true);
  view.setUint32(4, BPF_CGROUP_DEVICE, true);
  view.setBigUint64(16, BigInt(addressOf(block)) + BigInt(QUERY_BYTES), true);
  view.setUint32(QUERY_COUNT, MAX_PROGRAMS, true);
  check(syscall("bpf", BPF_PROG_QUERY, block, QUERY_BYTES), "bpf BPF_PROG_QUERY", directory);
  const count = view.getUint32(QUERY_COUNT, true);
  return Array.from({ length: count }, (_, index) => view.getUint32(QUERY_BYTES + index * 4, true));
}

function words(...values: number[]): DataView {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, index) => {
    view.setUint32(index * 4, value, true);
  });
  return view;
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
