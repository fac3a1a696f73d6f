/** What is said to systemd, without one: names, properties, and the bytes of the messages. */
import { expect, test } from "bun:test";
import type { Resources } from "../../../spec/index.ts";
import { devicePolicy } from "../device-rules.ts";
import { annotatedProperties } from "./annotations.ts";
import { userSockets } from "./bus.ts";
import { deviceProperties } from "./devices.ts";
import { bitsOf, limitPropertiesV1, limitPropertiesV2, startProperties, withRoundQuota } from "./limits.ts";
import { InvalidDbusMessage, readValues, splitSignature, type Value, Writer } from "./marshal.ts";
import { decodeMessage, encodeMessage, messageLength, messageTypes } from "./message.ts";
import { INFINITY, type Property } from "./property.ts";
import { expandSlice, unitOf } from "./unit.ts";
import { parseVariant } from "./variant-text.ts";

test.each([
  ["system.slice:docker:1234", "docker-1234.scope", "/system.slice/docker-1234.scope"],
  ["a-b-c.slice:p:x", "p-x.scope", "/a.slice/a-b.slice/a-b-c.slice/p-x.scope"],
  [":p:x", "p-x.scope", "/system.slice/p-x.scope"],
  ["-.slice:p:x", "p-x.scope", "/p-x.scope"],
  [undefined, "teu-box.scope", "/system.slice/teu-box.scope"],
])("unitOf() %s is %s", (cgroupsPath, name, path) => {
  expect(unitOf(cgroupsPath, "box")).toMatchObject({ name, path });
});

test.each([
  ["app.slice:p:x", "/user@7.service/app.slice/p-x.scope"],
  [":p:x", "/user@7.service/user.slice/p-x.scope"],
  [undefined, "/user@7.service/user.slice/teu-box.scope"],
  ["-.slice:p:x", "/user@7.service/p-x.scope"],
])("unitOf() %s of a user's own systemd is at %s", (cgroupsPath, path) => {
  expect(unitOf(cgroupsPath, "box", "/user@7.service").path).toBe(path);
});

test.each([
  [{}, ["/run/user/7/bus", "/run/user/7/systemd/private"]],
  [{ XDG_RUNTIME_DIR: "/x" }, ["/x/bus", "/x/systemd/private"]],
  [
    {
      DBUS_SESSION_BUS_ADDRESS: "unix:abstract=/tmp/a,guid=1;unix:guid=1,path=/a%20b,x=y",
      XDG_RUNTIME_DIR: "/x",
    },
    ["/a b", "/x/bus", "/x/systemd/private"],
  ],
])("userSockets() of %j", (environment, want) => {
  expect(userSockets(environment, 7)).toEqual(want);
});

test.each([
  ["/a/b", 'expected cgroupsPath to be of format "slice:prefix:name"'],
  ["a.slice:b", 'expected cgroupsPath to be of format "slice:prefix:name"'],
  ["a:p:x", "invalid slice name: a"],
  ["a--b.slice:p:x", "invalid slice name: a--b.slice"],
  ["-a.slice:p:x", "invalid slice name: -a.slice"],
  ["../a.slice:p:x", "invalid slice name: ../a.slice"],
  ["a.slice:p:x/../../y", "invalid unit name"],
  ["a.slice:p:x y", "invalid unit name"],
  ["a.slice:p:b.slice", "a slice holds no processes"],
])("unitOf() refuses %s", (cgroupsPath, words) => {
  expect(() => unitOf(cgroupsPath, "box")).toThrow(words);
});

test("expandSlice() of the root is nothing", () => {
  expect(expandSlice("-.slice")).toBe("");
});

const show = (properties: readonly Property[]): string[] =>
  properties.map(({ name, signature, value }) => `${name} ${signature} ${value}`);

const limits: { says: string; resources: Resources; v1: string[]; v2: string[]; version?: number }[] = [
  {
    says: "memory",
    resources: { memory: { limit: 10, swap: 30, reservation: 5 } },
    v1: ["MemoryLimit t 10"],
    v2: ["MemoryMax t 10", "MemoryLow t 5", "MemorySwapMax t 20"],
  },
  {
    says: "no limit of memory",
    resources: { memory: { limit: -1 } },
    v1: [`MemoryLimit t ${INFINITY}`],
    v2: [`MemoryMax t ${INFINITY}`, `MemorySwapMax t ${INFINITY}`],
  },
  {
    says: "CPU",
    resources: { cpu: { shares: 512, quota: 50_000, period: 200_000, cpus: "0,9", mems: "1" } },
    v1: [
      "CPUShares t 512",
      "CPUQuotaPeriodUSec t 200000",
      "CPUQuotaPerSecUSec t 250000",
      "AllowedCPUs ay 1,2",
      "AllowedMemoryNodes ay 2",
    ],
    v2: [
      "CPUWeight t 59",
      "CPUQuotaPeriodUSec t 200000",
      "CPUQuotaPerSecUSec t 250000",
      "AllowedCPUs ay 1,2",
      "AllowedMemoryNodes ay 2",
    ],
  },
  {
    says: "a period without a quota",
    resources: { cpu: { period: 200_000 } },
    v1: ["CPUQuotaPeriodUSec t 200000", `CPUQuotaPerSecUSec t ${INFINITY}`],
    v2: ["CPUQuotaPeriodUSec t 200000", `CPUQuotaPerSecUSec t ${INFINITY}`],
  },
  {
    says: "what an older systemd does not know is left out",
    resources: { cpu: { quota: 50_000, period: 200_000, cpus: "0", idle: 1, shares: 1024 } },
    version: 239,
    v1: ["CPUShares t 1024", "CPUQuotaPerSecUSec t 250000"],
    v2: ["CPUWeight t 100", "CPUQuotaPerSecUSec t 250000"],
  },
  {
    says: "idle is the weight 0, and no other",
    resources: { cpu: { idle: 1, shares: 1024 } },
    v1: ["CPUShares t 1024"],
    v2: ["CPUWeight t 0"],
  },
  { says: "pids", resources: { pids: { limit: 7 } }, v1: ["TasksMax t 7"], v2: ["TasksMax t 7"] },
  { says: "no pids but one", resources: { pids: { limit: 0 } }, v1: ["TasksMax t 1"], v2: ["TasksMax t 1"] },
  {
    says: "any number of pids",
    resources: { pids: { limit: -1 } },
    v1: [`TasksMax t ${INFINITY}`],
    v2: [`TasksMax t ${INFINITY}`],
  },
  {
    says: "weight of block IO",
    resources: { blockIO: { weight: 300 } },
    v1: ["BlockIOWeight t 300"],
    v2: [],
  },
  {
    says: "unified",
    resources: {
      unified: {
        "memory.high": "max",
        "memory.min": "5",
        "pids.max": "0",
        "cpu.max": "50000",
        "cpu.weight": "42",
        "cpuset.cpus": "0-2",
        "misc.max": "x 1",
      },
    },
    v1: [],
    v2: [
      `MemoryHigh t ${INFINITY}`,
      "MemoryMin t 5",
      "TasksMax t 1",
      "CPUQuotaPeriodUSec t 100000",
      "CPUQuotaPerSecUSec t 500000",
      "CPUWeight t 42",
      "AllowedCPUs ay 7",
    ],
  },
];

test.each(limits)("limits as properties: $says", ({ resources, v1, v2, version = 252 }) => {
  expect(show(limitPropertiesV1(resources, version))).toEqual(v1);
  expect(show(limitPropertiesV2(resources, version))).toEqual(v2);
});

test("withRoundQuota() rounds up to a percent of a CPU", () => {
  expect(withRoundQuota({ cpu: { quota: 12_345, period: 100_000 } }).cpu?.quota).toBe(13_000n);
  expect(withRoundQuota({ cpu: { quota: 50_000 } }).cpu?.quota).toBe(50_000n);
  expect(withRoundQuota({ cpu: { quota: -1 } }).cpu?.quota).toBe(-1);
});

test("startProperties() says what to do without memory since systemd 253", () => {
  const unified = { "memory.oom.group": "1" };
  expect(show(startProperties({ unified }, 253))).toEqual(["OOMPolicy s kill"]);
  expect(startProperties({ unified }, 252)).toEqual([]);
});

test.each([
  ["1,3-5", [0b111010]],
  ["8", [0, 1]],
  [" 0-1, 9,,", [3, 2]],
  ["8191", [...Array.from({ length: 1023 }, () => 0), 128]],
])("bitsOf() of %p", (list, want) => {
  expect(bitsOf(list, "linux.resources.cpu.cpus")).toEqual(want);
});

test.each(["3-1", "a", "1-", "", ",", "8192", "99999"])("bitsOf() refuses %p", (list) => {
  expect(() => bitsOf(list, "linux.resources.cpu.cpus")).toThrow("Invalid linux.resources.cpu.cpus");
});

test("deviceProperties() lists what is allowed, or leaves it to the program", () => {
  const strict = deviceProperties(devicePolicy([{ allow: true, type: "b", major: 8, access: "r" }]));
  expect(strict.map(({ name }) => name)).toEqual(["DeviceAllow", "DevicePolicy", "DeviceAllow"]);
  expect(strict[2]?.value).toContainEqual(["block-8", "r"]);
  expect(strict[2]?.value).toContainEqual(["char-*", "m"]);
  expect(strict[2]?.value).toContainEqual(["/dev/char/1:3", "rwm"]);
  for (const rules of [[{ allow: true }], [{ allow: true, type: "c", minor: 3 } as const]])
    expect(show(deviceProperties(devicePolicy(rules)))).toEqual([
      "DevicePolicy s auto",
      "DeviceAllow a(ss) ",
    ]);
});

test.each([
  ["true", "b", true],
  ["'a b'", "s", "a b"],
  ['"it\'s"', "s", "it's"],
  ["'a\\'b\\u0041'", "s", "a'bA"],
  ["5", "i", 5n],
  ["-5", "i", -5n],
  ["uint64 18446744073709551615", "t", 18446744073709551615n],
  ["0x10", "i", 16n],
  ["1.5", "d", 1.5],
  ["byte 255", "y", 255n],
  ["['a', 'b']", "as", ["a", "b"]],
  ["[uint32 1,2]", "au", [1n, 2n]],
  ["@as []", "as", []],
  ["@t 5", "t", 5n],
])("parseVariant() of %s", (text, signature, value) => {
  expect(parseVariant(text, "x")).toEqual({ signature, value } as never);
});

test.each([
  "",
  "a",
  "'a",
  "[1, 'a']",
  "[]",
  "5 5",
  "byte 256",
  "@s 5",
  "[1 2]",
  "uint32 -1",
  "1.5.5",
  "'\\U00999999'",
])("parseVariant() refuses %p", (text) => {
  expect(() => parseVariant(text, "x")).toThrow("value parse error");
});

test("annotatedProperties() reads runc's annotations, seconds as microseconds", () => {
  const annotations = {
    "org.systemd.property.TimeoutStopSec": "1.5",
    "org.systemd.property.CollectMode": "'inactive-or-failed'",
    "org.systemd.property.CPUWeight": "uint64 10",
    "org.example.other": "x",
  };
  expect(show(annotatedProperties(annotations))).toEqual([
    "TimeoutStopUSec t 1500000",
    "CollectMode s inactive-or-failed",
    "CPUWeight t 10",
  ]);
});

// CVE-2024-3154: an annotation of a pod rebooted the host.
test.each([
  ["SuccessAction", "'poweroff-force'"],
  ["FailureAction", "'reboot'"],
  ["JobTimeoutAction", "'reboot'"],
  ["Wants", "['reboot.target']"],
  ["Conflicts", "['dbus.service']"],
  ["OnFailure", "['x.service']"],
  ["Slice", "'-.slice'"],
  ["PIDs", "[uint32 1]"],
  ["DevicePolicy", "'auto'"],
  ["DeviceAllow", "@as []"],
  ["Delegate", "false"],
  ["IPIngressFilterPath", "['/x']"],
  ["BPFProgram", "['x']"],
  ["SuccessAction\nCPUWeight", "uint64 5"],
])("annotatedProperties() refuses %s", (name, value) => {
  expect(() => annotatedProperties({ [`org.systemd.property.${name}`]: value })).toThrow(
    "not one of those that concern the unit alone",
  );
});

test("Writer aligns as the specification has it", () => {
  const writer = new Writer();
  writer.write("ysau(t)", [1, "ab", [5, 6], [7n]]);
  expect([...writer.bytes]).toEqual([
    ...[1, 0, 0, 0, 2, 0, 0, 0, 97, 98, 0, 0],
    ...[8, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0],
    ...[7, 0, 0, 0, 0, 0, 0, 0],
  ]);
});

test("the length of an array does not count what aligns its first element", () => {
  const writer = new Writer();
  writer.write("a(t)", [[]]);
  expect([...writer.bytes]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
});

test("splitSignature() finds complete types", () => {
  expect(splitSignature("ssa(sv)a(sa(sv))a{sv}aau")).toEqual([
    "s",
    "s",
    "a(sv)",
    "a(sa(sv))",
    "a{sv}",
    "aau",
  ]);
  expect(() => splitSignature("a(s")).toThrow(InvalidDbusMessage);
  expect(() => splitSignature("a")).toThrow(InvalidDbusMessage);
});

test("messages come back as they went", () => {
  const body: Value[] = [
    "unit",
    "replace",
    [
      ["PIDs", { signature: "au", value: [7] }],
      ["DeviceAllow", { signature: "a(ss)", value: [["/dev/null", "rw"]] }],
      ["Delegate", { signature: "b", value: true }],
      ["MemoryMax", { signature: "t", value: INFINITY }],
    ],
    [],
  ];
  const fields = {
    path: "/org",
    member: "StartTransientUnit",
    destination: "a.b",
    signature: "ssa(sv)a(sa(sv))",
  };
  const message = { type: messageTypes.call, serial: 3, fields, body };
  const bytes = encodeMessage(message);
  expect(messageLength(bytes)).toBe(bytes.length);
  expect(decodeMessage(bytes)).toEqual(message);
});

test("what ends too early or says nonsense is refused", () => {
  expect(() => readValues(Uint8Array.of(9, 0, 0, 0, 97), "s")).toThrow("it ends within a value");
  expect(() => readValues(Uint8Array.of(255, 0, 0, 0), "ay")).toThrow("an array is longer");
  expect(() => readValues(Uint8Array.of(1), "k")).toThrow("type k");
  expect(() => messageLength(new Uint8Array(16).fill(66))).toThrow("not little-endian");
});
