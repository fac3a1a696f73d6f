/** `facts`, and the keys of docker's info that have a meaning here. Source: Docker Engine API, SystemInfo. */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, hostname, totalmem } from "node:os";
import { NIL_LIST } from "../base/index.ts";
import { listContainers, listImages, type Store } from "../engine/index.ts";
import { DOCKER_VERSION } from "./docker-version.ts";

export function dockerInfo(
  store: Store,
  facts: {
    readonly kernel: string;
    readonly architecture: string;
    readonly cgroups: string;
    readonly root: string;
  },
): object {
  const containers = listContainers(store);
  const running = containers.filter(({ phase }) => phase === "running");
  const paused = running.filter(({ isPaused }) => isPaused).length;
  const { PRETTY_NAME = "Linux", VERSION_ID = "" } = systemRelease();
  const isV2 = facts.cgroups === "v2";
  return {
    ...facts,
    Containers: containers.length,
    ContainersRunning: running.length - paused,
    ContainersPaused: paused,
    ContainersStopped: containers.length - running.length,
    Images: listImages(store).length,
    Driver: "overlay2",
    LoggingDriver: "local",
    CgroupDriver: "cgroupfs",
    CgroupVersion: isV2 ? "2" : "1",
    ...limits(isV2 ? "/sys/fs/cgroup/cgroup.controllers" : "/proc/cgroups", isV2),
    IPv4Forwarding: isOn("/proc/sys/net/ipv4/ip_forward"),
    KernelVersion: facts.kernel,
    OperatingSystem: PRETTY_NAME,
    OSVersion: VERSION_ID,
    OSType: "linux",
    Architecture: facts.architecture === "arm64" ? "aarch64" : "x86_64",
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    DockerRootDir: facts.root,
    Name: hostname(),
    Labels: [],
    SystemTime: new Date().toISOString(),
    ServerVersion: DOCKER_VERSION,
    DefaultRuntime: "teu",
    Runtimes: { teu: { path: "teu" } },
    InitBinary: "teu",
    Isolation: "",
    // No daemon is needed for what runs.
    LiveRestoreEnabled: true,
    Debug: false,
    ExperimentalBuild: false,
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "ipvlan", "macvlan", "null"],
      Authorization: NIL_LIST,
      Log: ["journald", "json-file", "local", "none", "syslog"],
    },
    Swarm: { NodeID: "", NodeAddr: "", LocalNodeState: "inactive", ControlAvailable: false, Error: "" },
    SecurityOptions: securityOptions(),
    Warnings: NIL_LIST,
  };
}

/** What can be limited here. @param controllers  The file that names those that the kernel has. */
function limits(controllers: string, isV2: boolean): Readonly<Record<string, boolean>> {
  const names = existsSync(controllers) ? readFileSync(controllers, "utf8").split(/\s+/) : [];
  const has = (name: string): boolean => names.includes(name);
  return {
    ...{ MemoryLimit: has("memory"), SwapLimit: has("memory") && hasSwapLimit(isV2) },
    ...{ CpuCfsPeriod: has("cpu"), CpuCfsQuota: has("cpu"), CPUShares: has("cpu"), CPUSet: has("cpuset") },
    ...{ PidsLimit: has("pids"), OomKillDisable: !isV2 && has("memory") },
  };
}

/** Swap is accounted for where the kernel was told so; in version 2 only the cgroups below the root show that. */
function hasSwapLimit(isV2: boolean): boolean {
  return isV2 ? existsSync("/proc/swaps") : existsSync("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes");
}

function isOn(file: string): boolean {
  return existsSync(file) && readFileSync(file, "utf8").trim() === "1";
}

/** Source: os-release(5). */
function systemRelease(): Readonly<Record<string, string>> {
  const file = ["/etc/os-release", "/usr/lib/os-release"].find((path) => existsSync(path));
  const lines = file === undefined ? [] : readFileSync(file, "utf8").split("\n");
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", value = ""] = line.split(/=(.*)/s);
      return [name, value.replace(/^(["'])(.*)\1$/s, "$2")];
    }),
  );
}

/** What keeps every container in, in docker's words. */
function securityOptions(): string[] {
  return [
    "name=seccomp,profile=builtin",
    ...(process.geteuid?.() === 0 ? [] : ["name=rootless"]),
    "name=cgroupns",
  ];
}
