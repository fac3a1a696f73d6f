/** The keys of docker's info that have a meaning here. Source: Docker Engine API, SystemInfo. */
import { availableParallelism, hostname, totalmem } from "node:os";
import { version } from "../base/index.ts";
import { listContainers, listImages, type Store } from "../engine/index.ts";

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
  return {
    Containers: containers.length,
    ContainersRunning: running.length - paused,
    ContainersPaused: paused,
    ContainersStopped: containers.length - running.length,
    Images: listImages(store).length,
    Driver: "overlay2",
    LoggingDriver: "local",
    CgroupDriver: "cgroupfs",
    CgroupVersion: facts.cgroups === "v2" ? "2" : "1",
    KernelVersion: facts.kernel,
    OSType: "linux",
    Architecture: facts.architecture === "arm64" ? "aarch64" : "x86_64",
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    DockerRootDir: facts.root,
    Name: hostname(),
    ServerVersion: version,
    DefaultRuntime: "teu",
  };
}
