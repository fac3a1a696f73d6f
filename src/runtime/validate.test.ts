import { expect, test } from "bun:test";
import { Unsupported } from "../base/index.ts";
import {
  type Linux,
  type NamespaceType,
  type Process,
  parseRuntimeConfig,
  type RuntimeConfig,
  type Seccomp,
} from "../spec/index.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { InvalidConfig, validateConfig } from "./validate.ts";
import { sysctlPath } from "./validate-sysctl.ts";

const PROCESS: Process = { user: { uid: 0, gid: 0 }, args: ["sh"], cwd: "/", env: ["PATH=/bin"] };
const NAMESPACES = (["pid", "network", "mount", "ipc", "uts"] as const).map((type) => ({ type }));
const GOOD: RuntimeConfig = {
  ociVersion: "1.0.2-dev",
  root: { path: "rootfs" },
  process: PROCESS,
  hostname: "box",
  mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
  linux: { namespaces: NAMESPACES, maskedPaths: ["/proc/kcore"] },
};
const linux = (changes: Linux): Partial<RuntimeConfig> => ({ linux: { ...GOOD.linux, ...changes } });
const only = (...types: NamespaceType[]): Linux => ({ namespaces: types.map((type) => ({ type })) });
const process = (changes: Partial<Process>): Partial<RuntimeConfig> => ({
  process: { ...PROCESS, ...changes },
});
const MAP = [{ containerID: 0, hostID: 1000, size: 10 }];

function issuesOf(config: RuntimeConfig): string[] {
  try {
    validateConfig(config);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidConfig)) throw error;
    return error.context.issues.map(({ field, says }) => `${field}: ${says}`);
  }
}

test("validateConfig() takes a common config", () => {
  expect(issuesOf(GOOD)).toEqual([]);
});

test("validateConfig() takes what runc spec writes", async () => {
  const runc = Bun.which("runc");
  if (runc === null) return console.log("skip: runc is not installed");
  const directory = await Bun.$`mktemp -d`.text();
  try {
    await Bun.$`${runc} spec`.cwd(directory.trim()).quiet();
    const config = parseRuntimeConfig(await Bun.file(`${directory.trim()}/config.json`).text());
    expect(issuesOf(config)).toEqual([]);
    expect(() => refuseUnsupported(config)).not.toThrow();
  } finally {
    await Bun.$`rm -r ${directory.trim()}`;
  }
});

const wrong: { clause: string; says: string; input: Partial<RuntimeConfig>; want: string[] }[] = [
  {
    clause: "config-linux.md#network-devices",
    says: "names are those of devices",
    input: linux({
      netDevices: {
        eth0: { name: "a/b" },
        "sixteen-letters-": {},
        "..": { name: "x" },
        "e%d": {},
        v0: { name: "" },
      },
    }),
    want: [
      'linux.netDevices["eth0"].name: invalid network device name "a/b"',
      'linux.netDevices["sixteen-letters-"]: invalid network device name "sixteen-letters-"',
      'linux.netDevices["sixteen-letters-"].name: invalid network device name "sixteen-letters-"',
      'linux.netDevices[".."]: invalid network device name ".."',
      'linux.netDevices["e%d"]: invalid network device name "e%d"',
      'linux.netDevices["e%d"].name: invalid network device name "e%d"',
    ],
  },
  {
    clause: "config.md#root",
    says: "a read-only root is a mount",
    input: { root: { path: "rootfs", readonly: true }, mounts: [], linux: {}, hostname: "" },
    want: ["root.readonly: unable to mount without a private MNT namespace"],
  },
  {
    clause: "config.md#version",
    says: "another major version is not ours",
    input: { ociVersion: "2.0.0" },
    want: ["ociVersion: unsupported spec version 2.0.0"],
  },
  {
    clause: "config.md#hostname",
    says: "a hostname needs a UTS namespace",
    input: { linux: only("mount") },
    want: ["hostname: unable to set hostname without a private UTS namespace"],
  },
  {
    clause: "config.md#hostname",
    says: "the kernel takes 64 bytes",
    input: { hostname: "x".repeat(65) },
    want: ["hostname: longer than 64 bytes"],
  },
  {
    clause: "config.md#domainname",
    says: "a domainname needs a UTS namespace",
    input: { ...linux(only("mount")), hostname: "", domainname: "d" },
    want: ["domainname: unable to set domainname without a private UTS namespace"],
  },
  {
    clause: "config.md#process",
    says: "args are not empty",
    input: process({ args: [] }),
    want: ["process.args: args must not be empty"],
  },
  {
    clause: "config.md#process",
    says: "cwd is not empty",
    input: process({ cwd: "" }),
    want: ["process.cwd: Cwd property must not be empty"],
  },
  {
    clause: "config.md#process",
    says: "cwd is absolute",
    input: process({ cwd: "tmp" }),
    want: ["process.cwd: Cwd must be an absolute path"],
  },
  {
    clause: "config.md#process",
    says: "a NUL byte would end an argument early",
    input: process({ args: ["sh", "a\0b"] }),
    want: ["process.args[1]: must not contain a NUL byte"],
  },
  {
    clause: "config.md#process",
    says: "env is NAME=value",
    input: process({ env: ["A=", "=b", "c"] }),
    want: [
      'process.env[1]: invalid environment variable: "=b" is not NAME=value',
      'process.env[2]: invalid environment variable: "c" is not NAME=value',
    ],
  },
  {
    clause: "config.md#process",
    says: "no rlimit twice",
    input: process({
      rlimits: [
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
        { type: "RLIMIT_CORE", soft: 1, hard: 1 },
      ],
    }),
    want: ["process.rlimits[1]: duplicated rlimit RLIMIT_CORE"],
  },
  {
    clause: "config.md#process",
    says: "rlimits have names",
    input: process({ rlimits: [{ type: "RLIMIT_X", soft: 2, hard: 1 }] }),
    want: [
      "process.rlimits[0].type: invalid rlimit type: RLIMIT_X",
      "process.rlimits[0]: soft limit is above the hard limit",
    ],
  },
  {
    clause: "config.md#mounts",
    says: "mounts need a mount namespace",
    input: linux({ ...only("uts"), maskedPaths: [] }),
    want: ["mounts: unable to mount without a private MNT namespace"],
  },
  {
    clause: "config.md#mounts",
    says: "a bind has a source",
    input: { mounts: [{ destination: "/a", options: ["rbind"] }] },
    want: ["mounts[0].source: a bind mount needs a source"],
  },
  ...(
    [
      [
        "the root cannot be covered",
        "/",
        "must not be the root: nothing that is mounted before would be seen",
      ],
      [
        "nor by another name",
        "./x/../",
        "must not be the root: nothing that is mounted before would be seen",
      ],
      ["only a procfs covers /proc", "/proc/", '"/proc" cannot be mounted because it is not of type proc'],
      [
        "nothing is mounted below /proc",
        "//proc/./self",
        '"/proc/self" cannot be mounted because it is inside /proc',
      ],
      [
        "nor by a relative destination",
        "proc/sys/kernel",
        '"/proc/sys/kernel" cannot be mounted because it is inside /proc',
      ],
      ["but for what lxcfs emulates", "/proc/meminfo", undefined],
      ["and /sys is free", "/sys/fs/bpf", undefined],
    ] as const
  ).map(([says, destination, want]) => ({
    clause: "config.md#mounts",
    says,
    input: { mounts: [{ destination, type: "tmpfs" }] },
    want: want === undefined ? [] : [`mounts[0].destination: ${want}`],
  })),
  {
    clause: "config.md#mounts",
    says: "a bind has no words for its file system, a mount has a type",
    input: {
      mounts: [
        { destination: "/a", source: "/b", options: ["bind", "sync", "size=1", "foo"] },
        { destination: "/c" },
        { destination: "/d", options: ["remount", "ro"] },
        { destination: "/e", type: "ramfs", options: ["tmpcopyup"] },
      ],
    },
    want: [
      "mounts[0].options: bind mounts cannot have any filesystem-specific options applied: size, foo",
      "mounts[1].type: neither a type nor a bind",
      "mounts[3].options: tmpcopyup is only supported for tmpfs",
    ],
  },
  {
    clause: "config-linux.md#idmap",
    says: "a map comes from somewhere",
    input: { mounts: [{ destination: "/a", source: "/b", options: ["rbind", "ridmap"] }] },
    want: ["mounts[0]: id-mapped mounts need mappings: their own, or those of a user namespace"],
  },
  {
    clause: "config-linux.md#idmap",
    says: "that may be a namespace which is joined",
    input: {
      mounts: [{ destination: "/a", source: "/b", options: ["rbind", "ridmap"] }],
      linux: { namespaces: [{ type: "mount" }, { type: "uts" }, { type: "user", path: "/proc/1/ns/user" }] },
    },
    want: [],
  },
  {
    clause: "config.md#mounts",
    says: "id maps are for binds and come in pairs",
    input: { mounts: [{ destination: "/a", type: "tmpfs", uidMappings: MAP }] },
    want: [
      "mounts[0]: id-mapped mounts are only supported for bind-mounts",
      "mounts[0]: id-mapped mounts must have both uid and gid mappings specified",
    ],
  },
  {
    clause: "config.md#hooks",
    says: "a path is absolute, a timeout positive",
    input: { hooks: { poststop: [{ path: "x", timeout: 0 }] } },
    want: [
      "hooks.poststop[0].path: must be an absolute path",
      "hooks.poststop[0].timeout: must be greater than zero",
    ],
  },
  {
    clause: "config.md#annotations",
    says: "keys are not empty",
    input: { annotations: { "": "x" } },
    want: ["annotations: keys must not be empty"],
  },
  {
    clause: "config-linux.md#namespaces",
    says: "no type twice",
    input: linux({ namespaces: [...NAMESPACES, { type: "pid" }] }),
    want: ['linux.namespaces[5]: malformed spec file: duplicated ns "pid"'],
  },
  {
    clause: "config-linux.md#namespaces",
    says: "a path is absolute",
    input: linux({ namespaces: [...NAMESPACES, { type: "cgroup", path: "x" }] }),
    want: ["linux.namespaces[5].path: must be an absolute path"],
  },
  {
    clause: "config-linux.md#user-mappings",
    says: "maps need a user namespace",
    input: linux({ uidMappings: MAP }),
    want: [
      "linux.uidMappings: user namespace mappings specified, but user namespace isn't enabled in the config",
    ],
  },
  {
    clause: "config-linux.md#user-mappings",
    says: "a new user namespace needs maps",
    input: linux({ namespaces: [...NAMESPACES, { type: "user" }], uidMappings: MAP }),
    want: [
      "linux.gidMappings: user namespaces enabled, but no namespace path to join nor mappings to apply specified",
    ],
  },
  {
    clause: "config-linux.md#user-mappings",
    says: "the process's ids are mapped",
    input: {
      ...process({ user: { uid: 10, gid: 9, additionalGids: [11] } }),
      ...linux({ namespaces: [...NAMESPACES, { type: "user" }], uidMappings: MAP, gidMappings: MAP }),
    },
    want: [
      "process.user.uid: cannot set uid to unmapped user in user namespace",
      "process.user.additionalGids[0]: cannot set gid 11 in user namespace: unmapped",
    ],
  },
  {
    clause: "config-linux.md#user-mappings",
    says: "a map has a size",
    input: linux({
      namespaces: [...NAMESPACES, { type: "user" }],
      uidMappings: [...MAP, { containerID: 20, hostID: 20, size: 0 }],
      gidMappings: MAP,
    }),
    want: ["linux.uidMappings[1].size: must not be 0"],
  },
  {
    clause: "config-linux.md#time-offsets",
    says: "offsets need a time namespace",
    input: linux({ timeOffsets: { monotonic: { secs: 1 } } }),
    want: [
      "linux.timeOffsets: time namespace offsets specified, but time namespace isn't enabled in the config",
    ],
  },
  {
    clause: "config-linux.md#devices",
    says: "a character device has numbers and an absolute path",
    input: linux({ devices: [{ path: "null", type: "c" }] }),
    want: [
      "linux.devices[0].path: must be an absolute path",
      "linux.devices[0]: a device of type c needs major and minor",
    ],
  },
  {
    clause: "config-linux.md#allowed-device-list",
    says: "access is said",
    input: linux({ resources: { devices: [{ allow: true }, { allow: true, access: "x" }] } }),
    want: [
      "linux.resources.devices[0].access: device access at 0 field cannot be empty",
      'linux.resources.devices[1].access: unknown device access "x"',
    ],
  },
  {
    clause: "config-linux.md#masked-paths",
    says: "paths are absolute",
    input: linux({ maskedPaths: ["proc"] }),
    want: ["linux.maskedPaths[0]: must be an absolute path"],
  },
  {
    clause: "config-linux.md#rootfs-propagation",
    says: "a closed set",
    input: linux({ rootfsPropagation: "loud" }),
    want: ["linux.rootfsPropagation: rootfsPropagation=loud is not supported"],
  },
];

test.each(wrong)("$clause: $says", ({ input, want }) => {
  expect(issuesOf({ ...GOOD, ...input })).toEqual(want);
});

test("validateConfig() wants root and process", () => {
  expect(issuesOf({ ociVersion: "1.3.0" })).toEqual([
    "root: root must be specified",
    "process: process property must not be empty",
  ]);
});

const sysctls: { key: string; without: NamespaceType; want: string }[] = [
  {
    key: "kernel.shmmax",
    without: "ipc",
    want: 'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace',
  },
  {
    key: "fs.mqueue.msg_max",
    without: "ipc",
    want: 'sysctl "fs.mqueue.msg_max" is not allowed in the hosts ipc namespace',
  },
  {
    key: "net.ipv4.ip_forward",
    without: "network",
    want: 'sysctl "net.ipv4.ip_forward" not allowed in host network namespace',
  },
  {
    key: "net/ipv4/conf/eth0.1/forwarding",
    without: "network",
    want: 'sysctl "net.ipv4.conf.eth0/1.forwarding" not allowed in host network namespace',
  },
  {
    key: "kernel.domainname",
    without: "uts",
    want: 'sysctl "kernel.domainname" is not in a separate kernel namespace',
  },
  {
    key: "user.max_user_namespaces",
    without: "user",
    want: "setting ucounts without a user namespace not allowed: user.max_user_namespaces",
  },
];

test.each(sysctls)(
  "config-linux.md#sysctl: $key belongs to the $without namespace",
  ({ key, without, want }) => {
    const all: NamespaceType[] = ["mount", "ipc", "network", "uts", "user"];
    const check = (types: NamespaceType[]): string[] =>
      issuesOf({
        ...GOOD,
        hostname: "",
        linux: {
          ...only(...types),
          sysctl: { [key]: "1" },
          ...(types.includes("user") && { uidMappings: MAP, gidMappings: MAP }),
        },
      });
    expect(check(all)).toEqual([]);
    expect(check(all.filter((type) => type !== without))).toEqual([
      `linux.sysctl[${JSON.stringify(key)}]: ${want}`,
    ]);
  },
);

test.each([
  [
    "kernel.hostname",
    'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field',
  ],
  ["vm.swappiness", 'sysctl "vm.swappiness" is not in a separate kernel namespace'],
  ["kernel/../vm/swappiness", "not a name below /proc/sys"],
  ["net/../kernel/core_pattern", "not a name below /proc/sys"],
  ["net.//.kernel.core_pattern", "not a name below /proc/sys"],
  ["net..kernel", undefined],
])("config-linux.md#sysctl: %s", (key, want) => {
  expect(issuesOf({ ...GOOD, ...linux({ sysctl: { [key]: "1" } }) })).toEqual(
    want === undefined ? [] : [`linux.sysctl[${JSON.stringify(key)}]: ${want}`],
  );
});

test("sysctlPath() keeps a dot that belongs to a device's name", () => {
  expect(sysctlPath("net.ipv4.conf.eth0/1.forwarding")).toBe("net/ipv4/conf/eth0.1/forwarding");
  expect(sysctlPath("net/ipv4/conf/eth0.1/forwarding")).toBe("net/ipv4/conf/eth0.1/forwarding");
});

const NOTIFY = { names: ["mkdir"], action: "SCMP_ACT_NOTIFY" as const };
const seccompCases: readonly { says: string; seccomp: Partial<Seccomp>; want: string[] }[] = [
  {
    says: "an agent and somebody to ask it",
    seccomp: { syscalls: [NOTIFY], listenerPath: "/agent" },
    want: [],
  },
  {
    says: "an agent and nothing to ask it",
    seccomp: { listenerPath: "/agent", listenerMetadata: "x" },
    want: [],
  },
  {
    says: "a rule that notifies nobody",
    seccomp: { syscalls: [{ ...NOTIFY, action: "SCMP_ACT_ALLOW" }, NOTIFY] },
    want: ["linux.seccomp.syscalls[1]: seccomp listenerPath is not set"],
  },
  {
    says: "metadata for nobody",
    seccomp: { listenerMetadata: "x" },
    want: ["linux.seccomp.listenerMetadata: must not be set without listenerPath"],
  },
];

test.each([...seccompCases])("config-linux.md#seccomp: $says", ({ seccomp, want }) => {
  const whole = { defaultAction: "SCMP_ACT_ALLOW" as const, ...seccomp };
  expect(issuesOf({ ...GOOD, ...linux({ seccomp: whole }) })).toEqual(want);
});

const missing: { field: string; input: Partial<RuntimeConfig> }[] = [];

test.each(missing)("refuseUnsupported() names $field", ({ field, input }) => {
  const refuse = (): void => refuseUnsupported({ ...GOOD, ...input });
  expect(refuse).toThrow(Unsupported);
  expect(refuse).toThrow(`Unsupported ${field}: `);
});

test("refuseUnsupported() takes empty fields for absent", () => {
  const empty = {
    hooks: { prestart: [] },
    ...linux({ mountLabel: "", seccomp: { defaultAction: "SCMP_ACT_ALLOW" as const } }),
    ...process({ apparmorProfile: "" }),
  };
  expect(() => refuseUnsupported({ ...GOOD, ...empty })).not.toThrow();
});
