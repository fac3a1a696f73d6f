/**
 * Failure everywhere: each record of a plan and each step of the parent's fails in turn, and each time the error names what
 * failed, and nothing is left: no process, cgroup, mount, directory or descriptor. Records are rewritten to FAIL before
 * init is given them; steps of the parent throw. Neither init nor the runtime knows of it.
 */
import { afterAll, beforeAll, describe, expect, mock } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isTeuError, TeuError } from "../../../src/base/index.ts";
import type { CreatePlan } from "../../../src/runtime/compile/compile.ts";
import { type PlanRecord, recordAt } from "../../../src/runtime/plan/decode.ts";
import {
  ARGS_AT,
  NO_REGISTER,
  OP_FAIL,
  RECORD_BYTES,
  RECORD_WORDS,
} from "../../../src/runtime/plan/format.ts";
import { type Plan, sectionOf } from "../../../src/runtime/plan/plan.ts";
import { architecture, errno, O, openSync, reap, syscall } from "../../../src/sys/index.ts";
import { needs, program, root } from "../../support/needs.ts";
import {
  type Bundle,
  baseConfig,
  type Change,
  changes,
  makeBundle,
  mount,
  withLinux,
  withMounts,
  withNewNamespace,
  withProcess,
  withUserNamespace,
} from "../support/bundle.ts";
import { findLeftovers } from "../support/leftovers.ts";

const test = needs(root, program("busybox"));
/** In an emulated machine not every record takes its turn. */
const STRIDE = process.env["VM_GUEST"] === undefined ? 1 : 61;

/** What fails at the next create: a record of a segment, or the nth call of the parent's steps. */
let failing: { segment: "first" | "rest"; record: number } | { call: number } | undefined;
/** The plan of the last create, as it was before. */
let compiled: { first: Plan; rest: Plan } | undefined;
/** The parent's steps that were called since `failing` was set. */
let called: string[] = [];

/** Thrown in the place of a step. */
class Injected extends TeuError<"injected"> {
  constructor(step: string) {
    super("injected", "internal", {}, `Injected into ${step}`);
  }
}

function rewrite<P extends Plan>(plan: P, segment: "first" | "rest"): P {
  if (failing === undefined || !("record" in failing) || failing.segment !== segment) return plan;
  const records = plan.records.slice();
  const at = failing.record * RECORD_BYTES;
  records.fill(0, at, at + RECORD_BYTES);
  const words = new Int32Array(records.buffer, records.byteOffset, records.byteLength / 4);
  words[failing.record * RECORD_WORDS] = OP_FAIL | (NO_REGISTER << 8);
  words[failing.record * RECORD_WORDS + ARGS_AT] = errno.EIO;
  return { ...plan, records };
}

/** Lets a function of a module be counted, and throw when it is its turn. */
function injectInto(path: string, module: Record<string, unknown>, names: readonly string[]): void {
  const changed: Record<string, unknown> = { ...module };
  for (const name of names) {
    const original = module[name] as (...words: unknown[]) => unknown;
    changed[name] = (...words: unknown[]) => {
      const [, step] = words as [unknown, { kind?: string } | undefined];
      const label = name === "perform" ? `perform ${step?.kind}` : name;
      called.push(label);
      if (failing !== undefined && "call" in failing && failing.call === called.length - 1)
        throw new Injected(label);
      return original(...words);
    };
  }
  mock.module(path, () => changed);
}

const RUNTIME = join(import.meta.dir, "../../../src/runtime");
const compile = { ...(await import("../../../src/runtime/compile/compile.ts")) };
mock.module(`${RUNTIME}/compile/compile.ts`, () => ({
  ...compile,
  compileCreate: (...words: Parameters<typeof compile.compileCreate>): CreatePlan => {
    const plan = compile.compileCreate(...words);
    const rest = plan.rest?.();
    if (rest === undefined) throw new Error("a plan has no second half");
    compiled = { first: plan, rest };
    return { ...rewrite(plan, "first"), rest: () => rewrite(rest, "rest") };
  },
}));
for (const [path, names] of [
  ["machine/circumstances.ts", ["lookUp"]],
  ["machine/rootless.ts", ["createCgroupOrNone", "attachDevicesIfAllowed"]],
  ["cgroup/delegate.ts", ["delegateCgroup"]],
  ["cgroup/file.ts", ["writeAllToCgroup"]],
  ["machine/launch.ts", ["launch"]],
  ["machine/host-steps.ts", ["perform"]],
  ["state.ts", ["claimState", "saveState"]],
] as const)
  injectInto(`${RUNTIME}/${path}`, { ...(await import(`${RUNTIME}/${path}`)) }, names);
const { createContainer, deleteContainer, startContainer } = await import("../../../src/runtime/index.ts");

/** A document with much in it, in namespaces of root's and in a user namespace. */
const much: Change = changes(
  withMounts(
    mount("/copied", "tmpfs", "tmpfs", "tmpcopyup", "ro"),
    mount("/etc/resolv.conf", "bind", "rootfs/etc/passwd", "bind", "ro"),
    mount("/deep/er/down", "tmpfs", "tmpfs", "size=4k", "rprivate"),
  ),
  withNewNamespace("cgroup"),
  withProcess({
    args: ["true"],
    cwd: "/made/here",
    user: { uid: 5, gid: 6, additionalGids: [7] },
    oomScoreAdj: 10,
  }),
  withLinux({
    sysctl: { "net.ipv4.ip_forward": "1" },
    devices: [{ path: "/dev/fuse", type: "c", major: 10, minor: 229 }],
    seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }] },
  }),
);
const documents: { says: string; change: Change }[] = [
  { says: "a plain container", change: much },
  { says: "a container in a user namespace", change: changes(much, withUserNamespace(100_000)) },
];

let folder = "";
let stdio: readonly [number, number, number];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "teu-failure-"));
  mkdirSync(stateRoot());
  const nothing = openSync("/dev/null", O.RDWR);
  stdio = [nothing, nothing, nothing];
});
afterAll(() => {
  failing = undefined;
  syscall("close", stdio[0]);
  rmSync(folder, { recursive: true, force: true });
});

function prepare(change: Change): Bundle {
  const bundle = makeBundle();
  const { rootfs } = bundle;
  Bun.spawnSync(
    [
      "sh",
      "-c",
      "mkdir -p copied/sub; echo x >copied/sub/file; ln -s ../run/made/resolv.conf etc/resolv.conf",
    ],
    {
      cwd: rootfs,
    },
  );
  Bun.spawnSync(["chown", "-R", "100000:100000", rootfs]);
  // On Linux 6.1 Bun leaves what it has waited for a zombie for a while; afterwards we look for children of our own.
  while (reap(-1) !== undefined);
  bundle.writeConfig(change(baseConfig("true")));
  return bundle;
}

const stateRoot = (): string => join(folder, "state");

/** Creates and starts the container and lets it end. Returns the error, if there is one; the container is gone then. */
function attempt(id: string, bundle: string): { error: unknown; wasCreated: boolean } {
  called = [];
  // What is made in the root stays there; each attempt begins without.
  for (const name of ["deep", "made", "run"])
    rmSync(join(bundle, "rootfs", name), { recursive: true, force: true });
  let created: ReturnType<typeof createContainer> | undefined;
  try {
    created = createContainer({ root: stateRoot(), containerID: id, bundle, stdio });
    startContainer(stateRoot(), id);
    return { error: undefined, wasCreated: true };
  } catch (error) {
    return { error, wasCreated: created !== undefined };
  } finally {
    if (created !== undefined) {
      const keep = failing;
      failing = undefined;
      deleteContainer(stateRoot(), id, { force: true });
      reap(created.pid, { wait: true });
      syscall("close", created.pidfd);
      failing = keep;
    }
  }
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;
const mounts = (): string[] => readFileSync("/proc/self/mountinfo", "utf8").split("\n");

/**
 * What a create that failed has left, looked for where it would be.
 * @param orphan  The first stage failed after it had cloned PID 1 and before it had told its pid: PID 1 ends by itself, at
 * its first word to a parent who is not listening any more, and there is nobody but us to reap it.
 */
function leftBy(id: string, orphan = false): string[] {
  const cgroups = readdirSync("/sys/fs/cgroup").flatMap((name) => [
    `/sys/fs/cgroup/${name}/${id}`,
    `/sys/fs/cgroup/${id}`,
  ]);
  const left = [join(stateRoot(), id), ...cgroups].filter((path) => existsSync(path));
  if (orphan) reap(-1, { wait: true });
  const child = reap(-1);
  return child === undefined ? left : [...left, `a child: ${JSON.stringify(child)}`];
}

describe("when a record fails", () => {
  for (const segment of ["first", "rest"] as const)
    test.each(documents)(`of $says, in the ${segment} half`, ({ change }) => {
      using bundle = prepare(change);
      const id = `teu-failure-${process.pid}-${segment}`;
      failing = undefined;
      expect(attempt(id, bundle.path)).toEqual({ error: undefined, wasCreated: true });
      const plan = compiled?.[segment];
      if (plan === undefined) throw new Error("nothing was compiled");
      const before = {
        descriptors: descriptors(),
        mounts: mounts().filter((line) => line.includes(bundle.path)),
      };
      let failures = 0;
      for (let record = 0; record < plan.count; record += STRIDE) {
        failing = { segment, record };
        const { error, wasCreated } = attempt(id, bundle.path);
        const about = `record ${record}, ${sectionOf(plan, record)?.field}`;
        expect({ about, left: leftBy(id, isOrphaning(plan, record)) }).toEqual({ about, left: [] });
        if (error === undefined) continue; // Not on the way of this document.
        failures++;
        expect({ about, names: namesStep(error, sectionOf(plan, record)?.field ?? "", wasCreated) }).toEqual({
          about,
          names: true,
        });
      }
      failing = undefined;
      expect(failures).toBeGreaterThan(STRIDE === 1 ? plan.count * 0.5 : 0);
      expect({
        descriptors: descriptors(),
        mounts: mounts().filter((line) => line.includes(bundle.path)),
      }).toEqual(before);
      expect(findLeftovers([id, bundle.path])).toEqual([]);
    });

  /** Between the clone of the first stage and its exit. */
  function isOrphaning(plan: Plan, record: number): boolean {
    const calls = [record, record - 1, record - 2, record - 3].map((at) =>
      at < 0 ? undefined : recordAt(plan, at, architecture),
    );
    const isClone = (one: PlanRecord | undefined): boolean => one?.op === "call" && one.call === "clone3";
    return calls.slice(1).some(isClone) && calls[0]?.op !== "exit";
  }

  /** By the field of config.json, or by words of its own for it. */
  function namesStep(error: unknown, field: string, wasCreated: boolean): boolean {
    if (!isTeuError(error)) return false;
    if (["program-not-runnable", "outside-root"].includes(error.code)) return true;
    // At the gate and after it nobody has the plan any more: the filter and exec are all that is left.
    if (wasCreated) return ["start-failed", "cannot-start"].includes(error.code);
    return error.context["field"] === field && error.message.includes(field);
  }
});

describe("when a step of the parent's fails", () => {
  test.each(documents)("for $says", ({ change }) => {
    using bundle = prepare(change);
    const id = `teu-failure-${process.pid}-host`;
    failing = undefined;
    expect(attempt(id, bundle.path).error).toBeUndefined();
    const steps = called;
    expect(steps).toEqual(
      expect.arrayContaining(["lookUp", "launch", "perform rest", "perform copy-up", "perform state"]),
    );
    const before = descriptors();
    for (let call = 0; call < steps.length; call++) {
      failing = { call };
      const { error } = attempt(id, bundle.path);
      const about = `call ${call}, ${steps[call]}`;
      expect({ about, says: String(error) }).toEqual({
        about,
        says: expect.stringContaining(`Injected into ${steps[call]}`),
      });
      expect({ about, left: leftBy(id), descriptors: descriptors() }).toEqual({
        about,
        left: [],
        descriptors: before,
      });
    }
    failing = undefined;
    expect(findLeftovers([id, bundle.path])).toEqual([]);
  });
});
