import { describe, expect, test } from "bun:test";
import type { ContainerPath, HostPath } from "../../base/index.ts";
import { parseRuntimeConfig, type RuntimeConfig } from "../../spec/index.ts";
import { parseTmpfs } from "../options/assignment.ts";
import { type BindMount, parseVolume } from "../options/volume.ts";
import { type ContainerOptions, type ImageProcess, makeConfig, type Surroundings } from "./config.ts";
import { CAPABILITIES } from "./defaults.ts";

/** The host's directory or file that `-v TEXT` shows. */
function bind(text: string): BindMount {
  const volume = parseVolume(text);
  if (volume.kind !== "bind") throw new Error(`${text} is a volume`);
  return volume;
}

const IMAGE: ImageProcess = {
  entrypoint: ["/entry"],
  command: ["serve"],
  environment: ["PATH=/bin", "LANG=C"],
  workingDirectory: "/srv",
};
const OPTIONS: ContainerOptions = {
  command: [],
  environment: [],
  volumes: [],
  isReadonly: false,
  network: "none",
  terminal: false,
};
const SURROUNDINGS: Surroundings = {
  hostname: "0123456789ab",
  cgroupsPath: "/teu/0123",
  rootfs: "rootfs",
  user: { uid: 0, gid: 0 },
  seccomp: undefined,
  hasSwapLimit: true,
  hasAllGroups: true,
  files: [{ source: "/bundle/hosts" as HostPath, destination: "/etc/hosts" as ContainerPath }],
};

function config(
  options: Partial<ContainerOptions>,
  image: Partial<ImageProcess> = {},
  surroundings: Partial<Surroundings> = {},
): RuntimeConfig {
  return makeConfig({ ...IMAGE, ...image }, { ...OPTIONS, ...options }, { ...SURROUNDINGS, ...surroundings });
}

interface Row {
  flag: string;
  options?: Partial<ContainerOptions>;
  image?: Partial<ImageProcess>;
  surroundings?: Partial<Surroundings>;
  pick: (config: RuntimeConfig) => unknown;
  want: unknown;
}

const args = ({ process }: RuntimeConfig) => process?.args;
const env = ({ process }: RuntimeConfig) => process?.env;
const cwd = ({ process }: RuntimeConfig) => process?.cwd;
const resources = ({ linux }: RuntimeConfig) => {
  const { devices: _, ...rest } = linux?.resources ?? {};
  return rest;
};
const kinds = ({ linux }: RuntimeConfig) => linux?.namespaces?.map(({ type }) => type).join(" ");
const destinations = ({ mounts }: RuntimeConfig) => mounts?.map(({ destination }) => destination);
const last = ({ mounts }: RuntimeConfig) => mounts?.at(-1);

const sysctls = ({ linux }: RuntimeConfig) =>
  Object.entries(linux?.sysctl ?? {})
    .flat()
    .join(" ");
const PORTS = "net.ipv4.ip_unprivileged_port_start 0";
const PINGS = "net.ipv4.ping_group_range 0 2147483647";

const rows: Row[] = [
  { flag: "nothing", pick: sysctls, want: `${PORTS} ${PINGS}` },
  { flag: "nothing, of a plain user", surroundings: { hasAllGroups: false }, pick: sysctls, want: PORTS },
  {
    flag: "--pid host, of a plain user",
    options: { shared: ["pid"] },
    surroundings: { hasAllGroups: false },
    pick: sysctls,
    want: "",
  },
  { flag: "--network host", options: { network: "host" }, pick: sysctls, want: "" },
  {
    flag: "--network container:x",
    surroundings: { joined: { network: "/proc/1/ns/net" } },
    pick: sysctls,
    want: "",
  },
  {
    flag: "--sysctl",
    options: { sysctl: { "net.ipv4.ip_unprivileged_port_start": "80", "kernel.shmmax": "9" } },
    pick: sysctls,
    want: `net.ipv4.ip_unprivileged_port_start 80 ${PINGS} kernel.shmmax 9`,
  },
  { flag: "nothing", pick: args, want: ["/entry", "serve"] },
  { flag: "CMD", options: { command: ["a", "b"] }, pick: args, want: ["/entry", "a", "b"] },
  { flag: "--entrypoint", options: { entrypoint: "/e" }, pick: args, want: ["/e"] },
  { flag: "--entrypoint CMD", options: { entrypoint: "/e", command: ["a"] }, pick: args, want: ["/e", "a"] },
  { flag: "--entrypoint='' CMD", options: { entrypoint: "", command: ["a"] }, pick: args, want: ["a"] },
  { flag: "nothing", pick: env, want: ["PATH=/bin", "HOSTNAME=0123456789ab", "LANG=C"] },
  {
    flag: "-e",
    options: { environment: ["LANG=en", "A=1", "HOSTNAME"] },
    pick: env,
    want: ["PATH=/bin", "LANG=en", "A=1"],
  },
  {
    flag: "-t",
    options: { terminal: true },
    image: { environment: [] },
    pick: (made) => [made.process?.terminal, made.process?.env],
    want: [
      true,
      [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOSTNAME=0123456789ab",
        "TERM=xterm",
      ],
    ],
  },
  { flag: "nothing", pick: cwd, want: "/srv" },
  { flag: "nothing", image: { workingDirectory: "" }, pick: cwd, want: "/" },
  { flag: "-w", options: { workingDirectory: "/w" }, pick: cwd, want: "/w" },
  { flag: "nothing", pick: ({ hostname }) => hostname, want: "0123456789ab" },
  {
    flag: "--hostname",
    options: { hostname: "box" },
    pick: (made) => [made.hostname, made.process?.env?.includes("HOSTNAME=box")],
    want: ["box", true],
  },
  { flag: "nothing", pick: resources, want: {} },
  {
    flag: "--memory",
    options: { resources: { memory: { limit: 100 } } },
    pick: resources,
    want: { memory: { limit: 100, swap: 200 } },
  },
  {
    flag: "--memory, no swap accounting",
    options: { resources: { memory: { limit: 100 } } },
    surroundings: { hasSwapLimit: false },
    pick: resources,
    want: { memory: { limit: 100 } },
  },
  {
    flag: "--cpus",
    options: { resources: { cpu: { quota: 5, period: 10 } } },
    pick: resources,
    want: { cpu: { quota: 5, period: 10 } },
  },
  {
    flag: "--memory and --memory-swap",
    options: { resources: { memory: { limit: 100, swap: 150 } } },
    pick: resources,
    want: { memory: { limit: 100, swap: 150 } },
  },
  {
    flag: "--privileged",
    options: { isPrivileged: true },
    pick: ({ linux, mounts = [] }) => [
      linux?.maskedPaths,
      linux?.readonlyPaths,
      linux?.resources?.devices,
      mounts.filter(({ destination, options }) => destination.startsWith("/sys") && options?.includes("ro")),
    ],
    want: [[], [], [{ allow: true, access: "rwm" }], []],
  },
  {
    flag: "--ipc none",
    options: { hasNoSharedMemory: true },
    pick: (made) => destinations(made)?.includes("/dev/shm" as ContainerPath),
    want: false,
  },
  { flag: "nothing", pick: kinds, want: "pid mount uts ipc cgroup network" },
  { flag: "--network host", options: { network: "host" }, pick: kinds, want: "pid mount uts ipc cgroup" },
  { flag: "nothing", pick: ({ root }) => root, want: { path: "rootfs" } },
  {
    flag: "--read-only",
    options: { isReadonly: true },
    pick: (made) => [made.root, last(made)?.options],
    want: [{ path: "rootfs", readonly: true }, ["rbind", "ro", "rprivate"]],
  },
  {
    flag: "-v, deep before shallow",
    options: { volumes: [bind("/a:/d/e/f"), bind("/b:/d")] },
    pick: (made) => destinations(made)?.slice(-3),
    want: ["/etc/hosts", "/d", "/d/e/f"],
  },
  {
    flag: "-v and --tmpfs, deep before shallow",
    options: {
      volumes: [bind("/a:/d")],
      tmpfs: [parseTmpfs("/d/e/"), parseTmpfs("/t/u"), parseTmpfs("/t")],
    },
    pick: (made) => destinations(made)?.slice(-4),
    want: ["/t", "/d", "/d/e", "/t/u"],
  },
  {
    flag: "--tmpfs over a default",
    options: { tmpfs: [parseTmpfs("/dev/shm/")] },
    pick: (made) => destinations(made)?.filter((path) => path.startsWith("/dev/shm")),
    want: ["/dev/shm"],
  },
  {
    flag: "-v :ro",
    options: { volumes: [bind("/a:/d:ro")] },
    pick: last,
    want: { destination: "/d", type: "bind", source: "/a", options: ["rbind", "rro", "rprivate"] },
  },
  {
    flag: "-v over a default",
    options: { volumes: [bind("/a:/dev/shm"), bind("/b:/etc/hosts")] },
    pick: (made) => destinations(made)?.filter((path) => path === "/dev/shm" || path === "/etc/hosts"),
    want: ["/dev/shm", "/etc/hosts"],
  },
  {
    flag: "root",
    pick: ({ process }) => process?.capabilities,
    want: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
  },
  {
    flag: "--user",
    surroundings: { user: { uid: 1000, gid: 1000, additionalGids: [27] } },
    pick: ({ process }) => [process?.user, process?.capabilities],
    want: [{ uid: 1000, gid: 1000, additionalGids: [27] }, { bounding: CAPABILITIES }],
  },
];

describe("makeConfig()", () => {
  test.each(rows)("$flag", ({ options = {}, image = {}, surroundings = {}, pick, want }) => {
    expect(pick(config(options, image, surroundings))).toEqual(want);
  });

  test("makes a valid document", () => {
    const text = JSON.stringify(
      config({ volumes: [bind("/a:/b")], resources: { memory: { limit: 1 << 26 } } }),
    );
    expect(parseRuntimeConfig(text).process?.cwd).toBe("/srv");
  });

  test("refuses a container without a command", () => {
    expect(() => config({}, { entrypoint: [], command: [] })).toThrow("No command specified");
    expect(() => config({ entrypoint: "" })).toThrow("No command specified");
  });

  test("refuses a relative working directory", () => {
    expect(() => config({ workingDirectory: "srv" })).toThrow("needs to be an absolute path");
  });

  test("never fills the inheritable capabilities (CVE-2022-24769)", () => {
    for (const uid of [0, 1000])
      expect(config({}, {}, { user: { uid, gid: 0 } }).process?.capabilities?.inheritable).toBeUndefined();
  });
});
