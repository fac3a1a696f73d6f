/** The program that is PID 1 with --init: native/reaper.c, on disk where bundles find it. */
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import reaperProgram from "../../../native/out/reaper.elf.base64" with { type: "text" };
import type { ContainerPath, HostPath } from "../../base/index.ts";
import type { BindMount } from "../options/volume.ts";

/** Where the container sees it: in its own /dev, so that nothing of it is left in its files. */
export const REAPER_PATH = "/dev/init" as ContainerPath;

/** Sees to it that the program is below `run`, as this teu has it. @returns how a container is shown it */
export function reaperMount(run: HostPath): BindMount {
  const program = Buffer.from(reaperProgram, "base64");
  const source = join(run, "init") as HostPath;
  if (!existsSync(source) || !readFileSync(source).equals(program)) {
    // By rename: a container that runs keeps the one that it has.
    const aside = `${source}.${process.pid}.tmp`;
    writeFileSync(aside, program);
    chmodSync(aside, 0o755);
    renameSync(aside, source);
  }
  return { kind: "bind", source, destination: REAPER_PATH, readonly: true, propagation: "rprivate" };
}
