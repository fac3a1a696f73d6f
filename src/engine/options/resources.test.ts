import { expect, test } from "bun:test";
import { mergeResources, parseResources, type ResourceWords } from "./resources.ts";

const rows: { words: ResourceWords; want: unknown }[] = [
  { words: {}, want: {} },
  { words: { memory: "0", "memory-swap": "0", cpus: "0", "cpu-shares": 0 }, want: {} },
  { words: { memory: "64m", "memory-swap": "-1" }, want: { memory: { limit: 67_108_864, swap: -1 } } },
  {
    words: { memory: "64m", "memory-reservation": "8m", "memory-swappiness": 0, "oom-kill-disable": true },
    want: { memory: { limit: 67_108_864, reservation: 8_388_608, swappiness: 0, disableOOMKiller: true } },
  },
  { words: { cpus: "1.5" }, want: { cpu: { quota: 150_000, period: 100_000 } } },
  {
    words: { "cpu-quota": 5000, "cpu-period": 10_000, "cpuset-cpus": "0-1,3", "cpuset-mems": "0" },
    want: { cpu: { quota: 5000, period: 10_000, cpus: "0-1,3", mems: "0" } },
  },
  { words: { "pids-limit": 5 }, want: { pids: { limit: 5 } } },
  { words: { "pids-limit": 0 }, want: { pids: { limit: -1 } } },
  { words: { "blkio-weight": 300 }, want: { blockIO: { weight: 300 } } },
  {
    words: {
      "device-read-bps": ["/dev/null:1m"],
      "device-write-iops": ["/dev/zero:7"],
      "blkio-weight-device": ["/dev/full:20"],
    },
    want: {
      blockIO: {
        throttleReadBpsDevice: [{ major: 1, minor: 3, rate: 1_048_576 }],
        throttleWriteIOPSDevice: [{ major: 1, minor: 5, rate: 7 }],
        weightDevice: [{ major: 1, minor: 7, weight: 20 }],
      },
    },
  },
];

test.each(rows)("parseResources($words)", ({ words, want }) => {
  expect(parseResources(words, 2)).toEqual(want as never);
});

test("mergeResources() changes what is named and keeps the rest", () => {
  const base = { devices: [], memory: { limit: 1, swap: 2 }, cpu: { shares: 3 } };
  expect(mergeResources(base, { memory: { swap: 4 }, pids: { limit: 5 } })).toEqual({
    devices: [],
    memory: { limit: 1, swap: 4 },
    cpu: { shares: 3 },
    pids: { limit: 5 },
  });
});
