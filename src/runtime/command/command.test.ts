import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseRuntimeConfig } from "../../spec/index.ts";
import { closeSync, listenUnix } from "../../sys/index.ts";
import { parseSignal } from "../kill.ts";
import { refuseUnsupported } from "../unsupported.ts";
import { validateConfig } from "../validate.ts";
import { parseInterval } from "./events.ts";
import { parseUser } from "./exec.ts";
import { describeFeatures } from "./features.ts";
import { encodeTable } from "./list.ts";
import { encodeLogLine, parseLogFormat } from "./log.ts";
import { filterTable } from "./ps.ts";
import { sendPidfd, writePidFile } from "./sockets.ts";
import { encodeConfig, exampleConfig } from "./spec.ts";
import { parseSize, resourcesOf } from "./update.ts";

test.each([
  ["TERM", 15],
  ["SIGTERM", 15],
  ["sigkill", 9],
  ["hup", 1],
  ["10", 10],
  ["0", 0],
  ["64", 64],
])("parseSignal() takes %s", (text, number) => {
  expect(parseSignal(text)).toBe(number);
});

test.each(["", "FLY", "65", "-1", "9x", "1.5", "SIGSIGTERM", "constructor", "__proto__"])(
  "parseSignal() refuses %j",
  (text) => {
    expect(() => parseSignal(text)).toThrow(`unknown signal ${JSON.stringify(text)}`);
  },
);

test.each([
  ["1000", [1000]],
  ["0:0", [0, 0]],
  ["1000:100", [1000, 100]],
  ["4294967294", [4294967294]],
] as const)("parseUser() takes %s", (text, want) => {
  expect(parseUser(text)).toEqual(want);
});

// CVE-2026-30892: a user that was not all digits became user 0, or another one.
test.each([
  "",
  ":",
  "1x",
  "x",
  "1:",
  ":1",
  "1:x",
  "-1",
  "+1",
  " 1",
  "0x10",
  "4294967295",
  "4294967296",
  "99999999999",
  "1:2:3",
])("parseUser() refuses %j", (text) => {
  expect(() => parseUser(text)).toThrow(/^bad [ug]id: /);
});

test.each([
  ["512", 512n],
  ["1k", 1024n],
  ["1K", 1024n],
  ["64m", 64n << 20n],
  ["64MB", 64n << 20n],
  ["2 GiB", 2n << 30n],
  ["1.5g", 1610612736],
  ["-1", -1],
])("parseSize() takes %s", (text, want) => {
  expect(parseSize("memory", text)).toBe(want);
});

test.each(["much", "-2", "1q", "1 2", "0x10", "1e9"])("parseSize() refuses %s", (text) => {
  expect(() => parseSize("memory", text)).toThrow(`invalid value for memory: ${JSON.stringify(text)}`);
});

test("resourcesOf() leaves out what no flag asks for", () => {
  expect(resourcesOf({ "cpu-share": "512", "pids-limit": 0 })).toEqual({
    memory: {},
    cpu: { shares: 512n },
    pids: { limit: 0 },
    blockIO: {},
  });
  expect(() => resourcesOf({ "cpu-quota": "1.5" })).toThrow('invalid value for cpu-quota: "1.5"');
});

const TIME = new Date("2026-01-02T03:04:05.678Z");
test.each([
  ["text", "it failed", 'time="2026-01-02T03:04:05Z" level=error msg="it failed"\n'],
  ["text", "failed", 'time="2026-01-02T03:04:05Z" level=error msg=failed\n'],
  ["text", 'a "b"\nc', 'time="2026-01-02T03:04:05Z" level=error msg="a \\"b\\"\\nc"\n'],
  ["json", 'a "b"\nc', '{"level":"error","msg":"a \\"b\\"\\nc","time":"2026-01-02T03:04:05Z"}\n'],
] as const)("encodeLogLine() writes logrus's %s format for %j", (format, message, want) => {
  expect(encodeLogLine(format, "error", message, TIME)).toBe(want);
});

test("parseLogFormat() has two values", () => {
  expect(["", "text", "json"].map(parseLogFormat)).toEqual(["text", "text", "json"]);
  expect(() => parseLogFormat("yaml")).toThrow("invalid log-format: yaml");
});

test("encodeTable() makes columns as Go's tabwriter does", () => {
  const row = {
    ociVersion: "",
    rootfs: "",
    pid: 7,
    status: "running",
    bundle: "/a/longer/bundle",
    created: "now",
    owner: "root",
  } as const;
  expect(encodeTable([{ ...row, id: "box" }])).toBe(
    "ID          PID         STATUS      BUNDLE             CREATED     OWNER\n" +
      "box         7           running     /a/longer/bundle   now         root\n",
  );
});

test("filterTable() finds the column of PIDs by its heading", () => {
  const table = "USER  PID COMMAND\nroot   12 x\nroot  112 y\n";
  expect(filterTable(table, new Set([12]))).toBe("USER  PID COMMAND\nroot   12 x\n");
  expect(() => filterTable("USER COMMAND\n", new Set())).toThrow("couldn't find PID field in ps output");
});

test("writePidFile() writes digits and nothing else, and leaves no temporary file", () => {
  const folder = mkdtempSync(join(tmpdir(), "teu-pid-"));
  try {
    writePidFile(join(folder, "pid"), 123);
    expect(readFileSync(join(folder, "pid"), "utf8")).toBe("123");
    writePidFile(join(folder, "pid"), 45);
    expect(readFileSync(join(folder, "pid"), "utf8")).toBe("45");
    expect(readdirSync(folder)).toEqual(["pid"]);
    writePidFile(undefined, 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([true, false])(
  "spec writes a document that create takes (cgroup namespace: %p)",
  (hasCgroupNamespace) => {
    const config = parseRuntimeConfig(encodeConfig(exampleConfig(hasCgroupNamespace)));
    expect(() => validateConfig(config)).not.toThrow();
    expect(() => refuseUnsupported(config)).not.toThrow();
    expect(config.linux?.namespaces?.some(({ type }) => type === "cgroup")).toBe(hasCgroupNamespace);
  },
);

test("features lists what is built and nothing that is refused", () => {
  const features = describeFeatures();
  for (const type of features.linux?.namespaces ?? [])
    expect(() =>
      refuseUnsupported(
        parseRuntimeConfig(`{"ociVersion":"1.3.0","linux":{"namespaces":[{"type":"${type}"}]}}`),
      ),
    ).not.toThrow();
  expect(features.linux?.namespaces).toContain("pid");
  expect(features.linux?.seccomp?.archs).toContain("SCMP_ARCH_X86_64");
  expect(features.mountOptions).toContain("rro");
});

test.each([
  ["5s", 5000],
  ["1m30s", 90_000],
  ["100ms", 100],
  ["1.5h", 5_400_000],
  [".5s", 500],
])("parseInterval() takes %s", (text, want) => {
  expect(parseInterval(text)).toBe(want);
});

test.each(["0", "0s", "-1s"])("parseInterval() wants time to pass: %s", (text) => {
  expect(() => parseInterval(text)).toThrow("duration interval must be greater than 0");
});

test.each(["", "5", "s", "5 s", "5x", "1s2"])("parseInterval() refuses %p", (text) => {
  expect(() => parseInterval(text)).toThrow("invalid value");
});

// What broke: a descriptor that could not be sent was not told of, and who listened waited for it.
test("sendPidfd() tells when the descriptor cannot be sent", () => {
  const folder = mkdtempSync(join(tmpdir(), "teu-pidfd-"));
  const path = join(folder, "socket");
  const listener = listenUnix(path);
  try {
    expect(() => sendPidfd(path, -1, "standard")).toThrow("bad file descriptor");
    expect(() => sendPidfd(path, listener, "standard")).not.toThrow();
  } finally {
    closeSync(listener);
    rmSync(folder, { recursive: true });
  }
});
