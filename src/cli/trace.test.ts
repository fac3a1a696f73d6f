import { expect, test } from "bun:test";
import type { Step } from "../engine/index.ts";
import type { ChainID, Digest } from "../spec/index.ts";
import { encodeStep } from "./trace.ts";

const digest = `sha256:${"3f1c".repeat(16)}` as Digest;
const id = "5b1e".repeat(16);

/** What a step says, and what it cost at the end of a line of 100 columns. */
const steps: [Step, [says: string, cost: string]][] = [
  [
    {
      kind: "resolve",
      reference: "127.0.0.1:5000/teu/hello:latest",
      digest,
      mediaType: "index",
      platform: "linux/amd64",
      platforms: 2,
      from: "registry",
      durationMs: 1.2,
    },
    ["resolve  127.0.0.1:5000/teu/hello:latest is sha256:3f1c3f1c3f1c… (index, linux/amd64 of 2)", "1.2 ms"],
  ],
  [
    { kind: "pull", layers: 1, fetchedBytes: 4096, presentBytes: 0, durationMs: 3 },
    ["pull     1 layer, 4.1 kB from the registry, 0 B here already", "3.0 ms"],
  ],
  [
    {
      kind: "unpack",
      chainID: digest as string as ChainID,
      unpacked: 1,
      present: 0,
      entries: 3,
      durationMs: 0.8,
    },
    ["unpack   chainID sha256:3f1c3f1c3f1c…, 3 entries", "0.8 ms"],
  ],
  [
    {
      kind: "bundle",
      path: `/run/teu/containers/${id}`,
      mounts: 10,
      capabilities: 14,
      seccompRules: 359,
      durationMs: 0.6,
    },
    ["bundle   /run/teu/containers/5b1e5b1e…: 10 mounts, 14 capabilities, 359 seccomp rules", "0.6 ms"],
  ],
  [
    {
      kind: "create",
      runtime: "teu",
      systemCalls: 74,
      namespaces: ["pid", "mount", "network"],
      cgroup: `/teu/${id}`,
      pid: 4711,
      durationMs: 3.9,
    },
    ["create   74 system calls; new pid mnt net; cgroup /teu/5b1e5b1e…; pid 4711", "3.9 ms"],
  ],
  [{ kind: "start", args: ["/hello"], durationMs: 0.4 }, ["start    exec /hello as PID 1", "0.4 ms"]],
];

test.each(steps)("encodeStep() puts each kind on a line of 100 columns", (step, [says, cost]) => {
  expect(encodeStep(step)).toBe(`${says}${cost.padStart(100 - says.length)}\n`);
});
