/** What the flags of checkpoint and restore say, in CRIU's words, and what both do with it. */
import { resolvePath } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import { mkdirSync, O, openSync } from "../../sys/index.ts";
import { CriuFailed } from "./errors.ts";
import { logExcerpt } from "./log-excerpt.ts";
import type { CGROUP_MODES, CriuOptions } from "./messages.ts";

/** Flags that go to CRIU as they are. */
export type PlainChoices = Pick<
  CriuOptions,
  "tcp_established" | "ext_unix_sk" | "shell_job" | "file_locks" | "empty_ns" | "auto_dedup" | "lazy_pages"
>;

/** What checkpoint and restore are told. */
export interface CriuChoices {
  /** Directory of the images; absolute. */
  readonly imagePath: string;
  /** Directory of CRIU's log and other files; absolute. That of the images if absent. */
  readonly workPath?: string;
  readonly cgroupsMode: keyof typeof CGROUP_MODES;
  readonly plain: PlainChoices;
}

/** CRIU's own: with everything that helps to find out why something failed. */
export const LOG_LEVEL = 4;

/** stdin, stdout and stderr of a container, as its images keep them: a restored one is given the new ones by these names. */
export const DESCRIPTORS_FILE = "descriptors.json";

/** The settings of an administrator, unless the container names a file of its own, or by an empty name none. */
export function configFile({ annotations = {} }: RuntimeConfig): Pick<CriuOptions, "config_file"> {
  const file = annotations["org.criu.config"] ?? "/etc/criu/runc.conf";
  return file === "" ? {} : { config_file: file };
}

/** The caller closes it. @throws {SystemCallFailed} */
export function openDirectory(path: string): number {
  return openSync(path, O.RDONLY | O.DIRECTORY);
}

/** A failure of CRIU with what its log says. */
export function explain(error: unknown, { imagePath, workPath }: CriuChoices, log: string): unknown {
  if (!(error instanceof CriuFailed)) return error;
  const logFile = resolvePath(workPath ?? imagePath, log);
  const lines = logExcerpt(logFile);
  return lines.length === 0 ? error : new CriuFailed({ ...error.context, logFile, lines });
}

/** The directory for CRIU's other files, made if missing, for the request; `own` takes the descriptor. */
export function withWorkDirectory(
  { workPath }: CriuChoices,
  own: (descriptor: number) => number,
): Pick<CriuOptions, "work_dir_fd"> {
  if (workPath === undefined) return {};
  mkdirSync(workPath, { recursive: true, mode: 0o700 });
  return { work_dir_fd: own(openDirectory(workPath)) };
}
