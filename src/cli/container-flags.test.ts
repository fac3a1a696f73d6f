import { expect, test } from "bun:test";
import { command as create } from "./commands/create.ts";
import { command as run } from "./commands/run.ts";
import { refuseConflicts, refuseForeign, warningsOf } from "./flag-checks.ts";

/** What `docker run --help` of 20.10 lists. */
const DOCKERS =
  "add-host attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems detach detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops disable-content-trust dns dns-option dns-search domainname entrypoint env env-file expose gpus group-add health-cmd health-interval health-retries health-start-period health-timeout help hostname init interactive ip ip6 ipc isolation kernel-memory label label-file link link-local-ip log-driver log-opt mac-address memory memory-reservation memory-swap memory-swappiness mount name network network-alias no-healthcheck oom-kill-disable oom-score-adj pid pids-limit platform privileged publish publish-all pull read-only restart rm runtime security-opt shm-size sig-proxy stop-signal stop-timeout storage-opt sysctl tmpfs tty ulimit user userns uts volume volume-driver volumes-from workdir".split(
    " ",
  );
/** Those of them that teu does not know, and why. */
const UNKNOWN: Readonly<Record<string, string>> = {
  help: "every command has it",
  ip6: "IPv6 is not built yet",
  "link-local-ip": "docker gives a device these addresses beside its own; nobody asked",
  "storage-opt": "sizes of writable layers are not kept yet",
};

test.each(DOCKERS)("--%s of docker run is known, or has a reason why not", (name) => {
  const reason = UNKNOWN[name];
  if (reason === undefined) expect(Object.keys(run.shape.flags)).toContain(name);
  if (!/^(attach|detach|detach-keys|sig-proxy)$/.test(name) && reason === undefined)
    expect(Object.keys(create.shape.flags)).toContain(name);
});

test.each([
  [{ uts: "host", hostname: "x" }, "conflicting options: hostname and the UTS mode"],
  [{ uts: "host", domainname: "x" }, "conflicting options: domainname and the UTS mode"],
  [{ "oom-score-adj": -1001 }, "Invalid value -1001, range for oom score adj is [-1000, 1000]"],
])("refuseConflicts(%j)", (flags, says) => expect(() => refuseConflicts(flags)).toThrow(says));

test("refuseConflicts() lets the ends of ranges be, and a name with a namespace of its own", () => {
  for (const score of [-1000, 0, 1000]) refuseConflicts({ "oom-score-adj": score, hostname: "x" });
});

const PLAIN = { isolation: undefined, "volume-driver": undefined };
test.each([
  [{ isolation: "hyperv" }, "Unsupported --isolation hyperv"],
  [{ "volume-driver": "nfs" }, "Unsupported --volume-driver nfs"],
])("refuseForeign(%j)", (flags, says) => {
  expect(() => refuseForeign({ ...PLAIN, ...flags })).toThrow(says);
  refuseForeign({ ...PLAIN, isolation: "default", "volume-driver": "local" });
});

test.each([
  [{}, 0, 0],
  [{ "kernel-memory": "0" }, 0, 0],
  [{ "kernel-memory": "64m" }, 1, 1],
  [{ "oom-kill-disable": true, memory: "64m" }, 0, 1],
  [{ "oom-kill-disable": true }, 1, 1],
  [{ "oom-kill-disable": false, "memory-swappiness": -1, "cpu-rt-runtime": 0 }, 0, 0],
  [{ "memory-swappiness": 0, "cpu-rt-runtime": 950 }, 0, 2],
  [{ network: ["none"], "mac-address": "02:00:00:00:00:0a" }, 1, 1],
])("warningsOf(%j) are %d with cgroup v1, %d with v2", (flags, first, second) => {
  expect(warningsOf(flags, false)).toHaveLength(first);
  expect(warningsOf(flags, true)).toHaveLength(second);
});
