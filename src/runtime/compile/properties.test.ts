/**
 * What holds for every plan, whatever config.json says: no path is resolved inside the root but by openat2 below a descriptor
 * of it, and every descriptor that init opens closes at exec. The document is random; the table of calls is complete, so
 * that a new call in a plan has to say which of its arguments are paths.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { resolvePath } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import { architecture, type SystemCall } from "../../sys/index.ts";
import { recordAt } from "../plan/decode.ts";
import { DataRef, type Operand, type Plan, Register, sectionOf } from "../plan/plan.ts";
import { InvalidConfig, validateConfig } from "../validate.ts";
import { compileCreate } from "./compile.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_SYMLINKS,
  S_IFREG,
} from "./constants.ts";
import type { Circumstances } from "./context.ts";
import { type CopyEntry, compileCopies } from "./copy-up.ts";
import { compileMissing } from "./destination.ts";

type Call = Extract<ReturnType<typeof recordAt>, { op: "call" }>;

/** What is wrong with a call, or nothing. */
type Check = (call: Call, plan: Plan, host: ReadonlySet<string>) => string | undefined;

const textAt = (plan: Plan, operand: Operand | undefined): string => {
  if (!(operand instanceof DataRef)) return "";
  return Buffer.from(plan.data.subarray(operand.offset, plan.data.indexOf(0, operand.offset))).toString();
};
const wordAt = (plan: Plan, operand: Operand | undefined, index: number): number =>
  operand instanceof DataRef
    ? Number(
        new DataView(plan.data.buffer, plan.data.byteOffset + operand.offset).getBigUint64(8 * index, true),
      )
    : Number.NaN;

const free: Check = () => undefined;
const all =
  (...checks: Check[]): Check =>
  (...words) =>
    checks.map((check) => check(...words)).find((wrong) => wrong !== undefined);
/** Argument `at` has the bits of `flag`, or the descriptor would outlive exec. */
const closes =
  (at: number, flag: number): Check =>
  ({ args }) =>
    (Number(args[at]) & flag) === flag ? undefined : `argument ${at} lacks close-on-exec`;
/** A descriptor and a path: the descriptor itself (""), or a path of the host's. */
const hostPath =
  (descriptor: number, path: number): Check =>
  ({ args }, plan, host) => {
    const text = textAt(plan, args[path]);
    if (text === "") return args[descriptor] === AT_FDCWD ? "an empty path of nothing" : undefined;
    return args[descriptor] === AT_FDCWD && host.has(text) ? undefined : `${text} is no path of the host's`;
  };
/** One name in a directory that is held by a descriptor. */
const nameIn =
  (descriptor: number, name: number): Check =>
  ({ args }, plan) => {
    const text = textAt(plan, args[name]);
    if (args[name] === 0) return undefined; // utimensat on the descriptor itself
    if (args[descriptor] === AT_FDCWD) return `${text} is looked up from the working directory`;
    return text === "" || text === "." || text === ".." || text.includes("/")
      ? `${text} is not a name`
      : undefined;
  };
const noFollow =
  (at: number): Check =>
  ({ args }) =>
    args[1] === 0 || (Number(args[at]) & AT_SYMLINK_NOFOLLOW) !== 0 ? undefined : "follows a link";
const lookup: Check = ({ args: [base, path, how] }, plan, host) => {
  const [flags, resolve] = [wordAt(plan, how, 0), wordAt(plan, how, 2)];
  if ((flags & O_CLOEXEC) === 0) return "lacks close-on-exec";
  const text = textAt(plan, path);
  if (base === AT_FDCWD)
    return host.has(text) && (resolve & RESOLVE_NO_SYMLINKS) !== 0
      ? undefined
      : `${text} is no path of the host's`;
  return (resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH)) === 0
    ? `${text} may leave its directory`
    : undefined;
};
/** Of the process itself, after the change of root, or of a hook before it: whose names these are is its own affair. */
const own: Check = free;

const CHECKS: Partial<Record<SystemCall, Check>> = {
  // Paths.
  openat2: lookup,
  openat: all(hostPath(0, 1), closes(2, O_CLOEXEC)),
  open_tree: all(hostPath(0, 1), closes(2, O_CLOEXEC)),
  move_mount: all(hostPath(0, 1), hostPath(2, 3)),
  mount_setattr: hostPath(0, 1),
  fspick: all(hostPath(0, 1), closes(2, 1)),
  statx: ({ args }, plan) =>
    textAt(plan, args[1]) === "" || args[0] === AT_FDCWD ? undefined : "a path below a descriptor",
  mkdirat: nameIn(0, 1),
  mknodat: nameIn(0, 1),
  symlinkat: nameIn(1, 2),
  unlinkat: nameIn(0, 1),
  fchownat: all(nameIn(0, 1), noFollow(4)),
  utimensat: all(nameIn(0, 1), noFollow(3)),
  umount2: ({ args }, plan, host) =>
    [".", ...host].includes(textAt(plan, args[0])) ? undefined : "unmounts what is not the host's",
  mount: ({ args }, plan) =>
    textAt(plan, args[0]) === "." && textAt(plan, args[1]) === "/" ? undefined : "mounts by name",
  pivot_root: ({ args }, plan) =>
    args.slice(0, 2).every((arg) => textAt(plan, arg) === ".") ? undefined : "by name",
  chroot: ({ args }, plan) => (textAt(plan, args[0]) === "." ? undefined : "by name"),
  chdir: own,
  faccessat2: own,
  faccessat: own,
  newfstatat: own,
  execve: own,
  // Descriptors.
  fsopen: closes(1, 1),
  fsmount: closes(1, 1),
  socket: closes(1, 0x80000),
  memfd_create: closes(1, 1),
  dup3: ({ args }) => (Number(args[1]) < 64 ? undefined : "to a number that nobody asked for"),
};
/** Neither a path nor a new descriptor that stays. */
const OTHERS: readonly SystemCall[] = [
  ...([
    "close",
    "close_range",
    "read",
    "write",
    "writev",
    "pread64",
    "lseek",
    "sendfile",
    "ioctl",
    "fsconfig",
  ] as const),
  ...([
    "fchmod",
    "fchown",
    "fsetxattr",
    "fstatfs",
    "fchdir",
    "getcwd",
    "setsid",
    "umask",
    "prctl",
    "keyctl",
  ] as const),
  ...([
    "setgroups",
    "setresgid",
    "setresuid",
    "capset",
    "seccomp",
    "unshare",
    "setns",
    "clone",
    "clone3",
  ] as const),
  ...([
    "sethostname",
    "setdomainname",
    "ppoll",
    "kill",
    "wait4",
    "personality",
    "ioprio_set",
    "getpid",
  ] as const),
  ...(["sched_setattr", "sched_setaffinity", "set_mempolicy", "prlimit64", "exit_group"] as const),
];
for (const call of OTHERS) CHECKS[call] = free;

/** Every record of `plan` that does what no plan may do. */
function violations(plan: Plan, host: ReadonlySet<string>): string[] {
  const found: string[] = [];
  for (let index = 0; index < plan.count; index++) {
    const record = recordAt(plan, index, architecture);
    if (record.op !== "call") continue;
    const check = CHECKS[record.call];
    const wrong = check === undefined ? "is not in the table" : check(record, plan, host);
    if (wrong !== undefined) found.push(`${sectionOf(plan, index)?.field}: ${record.call} ${wrong}`);
  }
  return found;
}

// Random documents: names that are hostile rather than likely.
const name = fc.constantFrom(
  "a",
  "proc",
  "dev",
  "sys",
  "etc",
  "..",
  ".",
  "x y",
  "ü",
  "-",
  "null",
  "pts",
  "console",
  "self",
);
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => `/${names.join("/")}`);
const option = fc.constantFrom(
  ...[
    "ro",
    "rw",
    "nosuid",
    "nodev",
    "noexec",
    "noatime",
    "strictatime",
    "rro",
    "rnosuid",
    "rnoatime",
    "nosymfollow",
  ],
  ...["private", "rshared", "rslave", "unbindable", "sync", "lazytime", "iversion", "remount", "defaults"],
);
const source = path.map((text) => `/host${text}`);
const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
const mount = fc.oneof(
  fc.record({
    destination: path,
    type: fc.constantFrom("tmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "ext4"),
    source,
    options: fc.array(fc.oneof(option, fc.constantFrom("size=1k", "mode=755", "tmpcopyup")), {
      maxLength: 5,
    }),
  }),
  fc.record(
    {
      destination: path,
      source,
      type: fc.constantFrom("bind", "none"),
      options: fc.array(option, { maxLength: 4 }).map((options) => ["rbind", ...options]),
      uidMappings: fc.constant(map),
      gidMappings: fc.constant(map),
    },
    { requiredKeys: ["destination", "source", "type", "options"] },
  ),
);
const device = fc.record({
  path: path.map((text) => `/dev${text}`),
  type: fc.constantFrom("c" as const, "u" as const, "b" as const, "p" as const),
  major: fc.nat(4095),
  minor: fc.nat(70_000),
  fileMode: fc.nat(0o7777),
  uid: fc.nat(70_000),
  gid: fc.nat(70_000),
});
const namespaces = fc
  .subarray(["pid", "network", "ipc", "uts", "user", "cgroup", "time"] as const)
  .map((types) => [{ type: "mount" as const }, ...types.map((type) => ({ type }))]);
const hasAll = (list: readonly { type: string }[], ...types: string[]): boolean =>
  types.every((type) => list.some((one) => one.type === type));
const config: fc.Arbitrary<RuntimeConfig> = fc
  .record({
    mounts: fc.array(mount, { maxLength: 6 }),
    devices: fc.array(device, { maxLength: 3 }),
    maskedPaths: fc.array(path, { maxLength: 3 }),
    readonlyPaths: fc.array(path, { maxLength: 3 }),
    namespaces,
    propagation: fc.constantFrom("", "private", "rshared", "slave", "unbindable"),
    readonly: fc.boolean(),
    terminal: fc.boolean(),
    cwd: path,
    args: fc.array(name, { minLength: 1, maxLength: 3 }),
    hooked: fc.boolean(),
    profile: fc.constantFrom("", "profile"),
    sysctl: fc.subarray(["net.ipv4.ip_forward", "kernel.msgmax"]),
  })
  .map((draw) => {
    const isUser = draw.namespaces.some(({ type }) => type === "user");
    return {
      ociVersion: "1.0.2",
      root: { path: "rootfs", readonly: draw.readonly },
      mounts: draw.mounts,
      process: {
        terminal: draw.terminal,
        cwd: draw.cwd,
        args: draw.args,
        env: ["PATH=/bin:/usr/bin"],
        user: { uid: 1, gid: 1 },
        apparmorProfile: draw.profile,
      },
      ...(draw.hooked && {
        hooks: { createContainer: [{ path: "/host/hook" }], startContainer: [{ path: "/hook", timeout: 1 }] },
      }),
      linux: {
        namespaces: draw.namespaces,
        devices: draw.devices,
        maskedPaths: draw.maskedPaths,
        readonlyPaths: draw.readonlyPaths,
        rootfsPropagation: draw.propagation,
        sysctl: hasAll(draw.namespaces, "network", "ipc")
          ? Object.fromEntries(draw.sysctl.map((key) => [key, "1"]))
          : {},
        ...(isUser && { uidMappings: map, gidMappings: map }),
      },
    };
  });
const world = fc.record({
  isV2: fc.boolean(),
  cgroupNamespace: fc.boolean(),
  noPivot: fc.boolean(),
  preserveFds: fc.nat(3),
  isRootless: fc.boolean(),
});

function circumstances(draw: typeof world extends fc.Arbitrary<infer T> ? T : never): Circumstances {
  const { isV2, ...rest } = draw;
  const mounts = isV2
    ? [{ controllers: [], name: "", path: "/sys/fs/cgroup/c" }]
    : [{ controllers: ["cpu", "cpuacct"], name: "cpu,cpuacct", path: "/sys/fs/cgroup/cpu,cpuacct/c" }];
  return {
    ...rest,
    containerID: "c",
    bundle: "/bundle",
    rootfs: "/bundle/rootfs",
    rootMount: "/bundle",
    hostProcs: ["/proc", "/sys"],
    hostProcParents: ["/"],
    stateDirectory: "/run/c",
    sources: new Map(),
    cgroup: { version: isV2 ? 2 : 1, joins: [], mounts, isOwn: true },
    lastCapability: 40,
    hasKcore: true,
    isInUserNamespace: false,
    noNewKeyring: false,
    nullStreams: [0, 2],
    dieWithParent: true,
  };
}

/** Every path of the host's that the document or the circumstances name. */
function hostPaths(
  { mounts = [], linux = {} }: RuntimeConfig,
  { cgroup, rootfs, hostProcs }: Circumstances,
): Set<string> {
  return new Set([
    ...["/", "/dev/null", "/proc", "/sys", "/bundle", rootfs, ...hostProcs],
    // In a user namespace devices are bound.
    ...["null", "zero", "full", "random", "urandom", "tty"].map((one) => `/dev/${one}`),
    ...(linux.devices ?? []).map((one) => resolvePath("/", one.path)),
    ...mounts.map(({ source = "" }) => resolvePath("/", source)),
    ...cgroup.mounts.map((one) => one.path),
  ]);
}

function isValid(document: RuntimeConfig): boolean {
  try {
    validateConfig(document);
    return true;
  } catch (error) {
    if (error instanceof InvalidConfig) return false;
    throw error;
  }
}

test("no plan looks a path up inside the root by itself, or leaves a descriptor open", () => {
  let compiled = 0;
  fc.assert(
    fc.property(config, world, (document, draw) => {
      const valid = {
        ...document,
        mounts: (document.mounts ?? []).filter((one) => isValid({ ...document, mounts: [one] })),
      };
      if (!isValid(valid)) return;
      compiled++;
      const about = circumstances(draw);
      const plan = compileCreate(valid, about);
      const host = hostPaths(valid, about);
      for (const half of [plan, plan.rest?.()])
        if (half !== undefined) expect(violations(half, host)).toEqual([]);
    }),
    { numRuns: 500 },
  );
  expect(compiled).toBeGreaterThan(100);
});

test("nor does a segment that makes what is missing, or copies", () => {
  const entry: fc.Arbitrary<CopyEntry> = fc.record({
    path: fc
      .array(
        name.filter((one) => one !== ".." && one !== "."),
        { minLength: 1, maxLength: 4 },
      )
      .map((names) => names.join("/")),
    kind: fc.constantFrom("directory" as const, "file" as const, "link" as const, "node" as const),
    mode: fc.nat(0o7777).map((mode) => S_IFREG | mode),
    uid: fc.option(fc.nat(70_000), { nil: undefined }),
    gid: fc.option(fc.nat(70_000), { nil: undefined }),
    modified: fc.bigInt(0n, 2_000_000_000_000_000_000n),
    target: path,
    device: fc.nat(1000),
    xattrs: fc.constant([["user.x", Uint8Array.of(1)]] as const),
  });
  fc.assert(
    fc.property(path, fc.boolean(), fc.array(entry, { maxLength: 10 }), (destination, strict, entries) => {
      const segments = [
        compileMissing(destination, "file", strict),
        compileMissing(destination, "directory", strict),
        compileCopies(
          destination,
          entries.flatMap((one) => [
            { entry: one, moment: "make" },
            ...(one.kind === "directory" ? [{ entry: one, moment: "finish" as const }] : []),
          ]),
        ),
      ];
      for (const segment of segments) expect(violations(segment, new Set())).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("the table bites: a path by name, a descriptor that stays, a call that nobody thought of", () => {
  const broken: Call[] = [
    { op: "call", call: "mkdirat", args: [AT_FDCWD, new DataRef(0), 0o755], result: undefined, rules: [] },
    {
      op: "call",
      call: "mkdirat",
      args: [new Register(1), new DataRef(0), 0o755],
      result: undefined,
      rules: [],
    },
    { op: "call", call: "openat", args: [AT_FDCWD, new DataRef(0), 0], result: 1, rules: [] },
  ];
  const plan = { data: new TextEncoder().encode("etc/passwd\0") } as unknown as Plan;
  for (const call of broken) expect(CHECKS[call.call]?.(call, plan, new Set())).toBeString();
  expect(CHECKS["linkat"]).toBeUndefined();
});
