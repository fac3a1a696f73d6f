/** The flags that checkpoint and restore share, and what they say. Source: runc checkpoint, restore. */
import { resolvePath, TeuError } from "../../base/index.ts";
import { CLONE_NEWNET } from "../compile/constants.ts";
import type { CriuChoices } from "../criu/choices.ts";

const text = (value: string, summary: string) => ({ kind: "string", value, summary }) as const;
const yes = (summary: string) => ({ kind: "boolean", summary }) as const;

export const criuFlags = {
  "image-path": text("DIR", "directory of the images (default: checkpoint, in the current directory)"),
  "work-path": text("DIR", "directory for CRIU's log and other files (default: that of the images)"),
  "tcp-established": yes("allow open tcp connections"),
  "ext-unix-sk": yes("allow external unix sockets"),
  "shell-job": yes("allow shell jobs: a terminal that stays outside"),
  "file-locks": yes("handle file locks"),
  "manage-cgroups-mode": text("MODE", "cgroups mode: soft, full, strict or ignore (default: soft)"),
  "empty-ns": {
    kind: "list",
    value: "NAMESPACE",
    summary: "create a namespace, but do not restore its properties",
  },
  "auto-dedup": yes("enable auto deduplication of memory images"),
  "lazy-pages": yes("use userfaultfd to lazily restore memory pages"),
} as const;

/** A flag's value is none that CRIU could be told. The words are runc's. */
export class InvalidCriuFlag extends TeuError<"invalid-criu-flag", { flag: string; value: string }> {
  constructor(context: { flag: string; value: string }, words: string) {
    super("invalid-criu-flag", "invalid", context, words);
  }
}

/** What both commands' parsers return. */
export interface CriuFlagValues {
  readonly "image-path": string | undefined;
  readonly "work-path": string | undefined;
  readonly "tcp-established": boolean;
  readonly "ext-unix-sk": boolean;
  readonly "shell-job": boolean;
  readonly "file-locks": boolean;
  readonly "manage-cgroups-mode": string | undefined;
  readonly "empty-ns": readonly string[];
  readonly "auto-dedup": boolean;
  readonly "lazy-pages": boolean;
}

/** @throws {InvalidCriuFlag} */
export function criuChoices(flags: CriuFlagValues): CriuChoices {
  for (const name of flags["empty-ns"])
    if (name !== "network")
      throw new InvalidCriuFlag(
        { flag: "--empty-ns", value: name },
        `namespace ${JSON.stringify(name)} is not supported`,
      );
  const here = process.cwd();
  const workPath = flags["work-path"];
  return {
    imagePath: resolvePath(here, flags["image-path"] || "checkpoint"),
    ...(workPath && { workPath: resolvePath(here, workPath) }),
    cgroupsMode: cgroupsMode(flags["manage-cgroups-mode"] ?? ""),
    plain: {
      tcp_established: flags["tcp-established"],
      ext_unix_sk: flags["ext-unix-sk"],
      shell_job: flags["shell-job"],
      file_locks: flags["file-locks"],
      auto_dedup: flags["auto-dedup"],
      lazy_pages: flags["lazy-pages"],
      // Network devices are not the runtime's to make again.
      empty_ns: CLONE_NEWNET,
    },
  };
}

function cgroupsMode(mode: string): CriuChoices["cgroupsMode"] {
  switch (mode) {
    case "":
      return "default";
    case "soft":
    case "full":
    case "strict":
    case "ignore":
      return mode;
    default:
      throw new InvalidCriuFlag(
        { flag: "--manage-cgroups-mode", value: mode },
        "invalid manage-cgroups-mode value",
      );
  }
}
