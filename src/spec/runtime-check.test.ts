import { expect, test } from "bun:test";
import { InvalidDocument } from "./check.ts";
import { parseProcess, parseResources, parseRuntimeConfig } from "./runtime-check.ts";

const PROCESS = { user: { uid: 0, gid: 0 }, args: ["sh"], cwd: "/" };
const config = (changes: object): string =>
  JSON.stringify({ ociVersion: "1.3.0", root: { path: "rootfs" }, process: PROCESS, ...changes });

const wrong = [
  {
    clause: "config.md#version",
    says: "ociVersion is required",
    input: { ociVersion: undefined },
    want: "ociVersion: found nothing, wants string",
  },
  {
    clause: "config.md#version",
    says: "ociVersion is SemVer 2.0.0",
    input: { ociVersion: "1.0" },
    want: 'ociVersion: found "1.0", wants a semantic version, as 1.3.0',
  },
  {
    clause: "config.md#root",
    says: "path is required",
    input: { root: {} },
    want: "root.path: found nothing, wants string",
  },
  {
    clause: "config.md#mounts",
    says: "an array",
    input: { mounts: {} },
    want: "mounts: found object, wants array",
  },
  {
    clause: "config.md#mounts",
    says: "destination is required",
    input: { mounts: [{ destination: "/a" }, {}] },
    want: "mounts[1].destination: found nothing, wants string",
  },
  {
    clause: "config.md#process",
    says: "args are strings",
    input: { process: { ...PROCESS, args: ["a", 1] } },
    want: "process.args[1]: found number, wants string",
  },
  {
    clause: "config.md#process",
    says: "cwd is required",
    input: { process: { user: PROCESS.user } },
    want: "process.cwd: found nothing, wants string",
  },
  {
    clause: "config.md#user",
    says: "uid fits 32 bits",
    input: { process: { ...PROCESS, user: { uid: 4294967296, gid: 0 } } },
    want: "process.user.uid: found 4294967296, wants a whole number from 0 to 4294967295",
  },
  {
    clause: "config.md#user",
    says: "gid is not negative",
    input: { process: { ...PROCESS, user: { uid: 0, gid: -1 } } },
    want: "process.user.gid: found -1, wants a whole number from 0 to 4294967295",
  },
  {
    clause: "config.md#process",
    says: "rlimits have both limits",
    input: { process: { ...PROCESS, rlimits: [{ type: "RLIMIT_CORE", hard: 1 }] } },
    want: "process.rlimits[0].soft: found nothing, wants number",
  },
  {
    clause: "config.md#process",
    says: "oomScoreAdj is -1000 to 1000",
    input: { process: { ...PROCESS, oomScoreAdj: 1001 } },
    want: "process.oomScoreAdj: found 1001, wants a whole number from -1000 to 1000",
  },
  {
    clause: "config.md#hooks",
    says: "path is required",
    input: { hooks: { poststop: [{ args: [] }] } },
    want: "hooks.poststop[0].path: found nothing, wants string",
  },
  {
    clause: "config.md#annotations",
    says: "values are strings",
    input: { annotations: { "a.b": 1 } },
    want: 'annotations["a.b"]: found number, wants string',
  },
  {
    clause: "config-linux.md#namespaces",
    says: "types are a closed set",
    input: { linux: { namespaces: [{ type: "net" }] } },
    want: 'linux.namespaces[0].type: found "net", wants one of pid, network, mount, ipc, uts, user, cgroup, time',
  },
  {
    clause: "config-linux.md#mappings",
    says: "all three numbers are required",
    input: { linux: { uidMappings: [{ containerID: 0, size: 1 }] } },
    want: "linux.uidMappings[0].hostID: found nothing, wants number",
  },
  {
    clause: "config-linux.md#devices",
    says: "types are a closed set",
    input: { linux: { devices: [{ path: "/dev/x", type: "x" }] } },
    want: 'linux.devices[0].type: found "x", wants one of c, u, b, p',
  },
  {
    clause: "config-linux.md#memory",
    says: "limit is a whole number",
    input: { linux: { resources: { memory: { limit: 0.5 } } } },
    want: "linux.resources.memory.limit: found 0.5, wants a whole number from -9223372036854775808 to 9223372036854775807",
  },
  {
    clause: "config-linux.md#seccomp",
    says: "index is 0 to 5",
    input: {
      linux: {
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [
            { names: ["x"], action: "SCMP_ACT_KILL", args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] },
          ],
        },
      },
    },
    want: "linux.seccomp.syscalls[0].args[0].index: found 6, wants a whole number from 0 to 5",
  },
  {
    clause: "config.md",
    says: "the document is an object",
    input: undefined,
    want: "found array, wants object",
  },
];

test.each(wrong)("$clause: $says", ({ input, want }) => {
  const text = input === undefined ? "[]" : config(input);
  expect(() => parseRuntimeConfig(text)).toThrow(`Cannot read config.json: ${want}`);
});

test("parseRuntimeConfig() returns every issue, not the first", () => {
  const text = config({
    root: { path: 1, readonly: "no" },
    hostname: 7,
    linux: { maskedPaths: [1, "/a", null] },
  });
  try {
    parseRuntimeConfig(text);
    throw new Error("accepted");
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidDocument);
    const { issues } = (error as InvalidDocument).context;
    expect(issues.map((issue) => issue.path.join("."))).toEqual([
      "root.path",
      "root.readonly",
      "hostname",
      "linux.maskedPaths.0",
      "linux.maskedPaths.2",
    ]);
  }
});

test("parseRuntimeConfig() tolerates fields it does not know, at every level", () => {
  const parsed = parseRuntimeConfig(
    config({ vm: {}, x: 1, process: { ...PROCESS, y: [] }, linux: { z: null, resources: { q: 1 } } }),
  );
  expect(parsed.process?.args).toEqual(["sh"]);
});

test("parseRuntimeConfig() takes null for absent, and removes it", () => {
  const parsed = parseRuntimeConfig(config({ hooks: null, linux: { seccomp: null, devices: [] } }));
  expect("hooks" in parsed).toBe(false);
  expect(parsed.linux).toEqual({ devices: [] });
});

test("parseRuntimeConfig() keeps RLIM_INFINITY exact", () => {
  const text = config({}).replace(
    '"cwd"',
    '"rlimits":[{"type":"RLIMIT_CORE","soft":0,"hard":18446744073709551615}],"cwd"',
  );
  expect(parseRuntimeConfig(text).process?.rlimits?.[0]?.hard).toBe(18446744073709551615n);
  expect(() => parseRuntimeConfig(text.replace("551615", "551616"))).toThrow(
    "found 18446744073709551616, wants",
  );
});

test("parseRuntimeConfig() and parseProcess() take a user, a group and a priority that are not there for 0, as runc does", () => {
  const ioPriority = { class: "IOPRIO_CLASS_IDLE" };
  const parsed = parseRuntimeConfig(config({ process: { cwd: "/", user: { uid: 7 }, ioPriority } }));
  expect(parsed.process).toEqual({
    cwd: "/",
    user: { uid: 7, gid: 0 },
    ioPriority: { ...ioPriority, priority: 0 },
  });
  expect(parseProcess('{"cwd":"/","user":null}', "process.json").user).toEqual({ uid: 0, gid: 0 });
});

test("parseProcess() and parseResources() read their part alone", () => {
  expect(parseProcess(JSON.stringify(PROCESS), "process.json").cwd).toBe("/");
  expect(() => parseProcess("{}", "process.json")).toThrow(
    "Cannot read process.json: cwd: found nothing, wants string",
  );
  expect(parseResources('{"pids":{"limit":7}}', "resources").pids?.limit).toBe(7);
});
