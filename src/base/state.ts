/** Where what survives a reboot lies: `TEU_ROOT`, or the place for it: the system's, for a plain user their own. */
import type { HostPath } from "./brand.ts";
import { TeuError } from "./errors.ts";
import { normalizePath, resolvePath } from "./path.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A plain user's files have no place. */
export class NoHome extends TeuError<"no-home"> {
  constructor() {
    super(
      "no-home",
      "failed-precondition",
      {},
      "Cannot tell where the user's files belong: HOME is not set",
      {
        hint: "Set HOME, or TEU_ROOT",
      },
    );
  }
}

/**
 * The folder that `environment` chooses for everything that is kept; absolute, since mounts and bundles name what lies in it.
 * Source: XDG Base Directory Specification.
 * @throws {NoHome}
 */
export function stateRoot(environment: Environment): HostPath {
  const root = environment["TEU_ROOT"] || defaultRoot(environment);
  // An absolute one is good from a working directory that is gone, too.
  return (root.startsWith("/") ? normalizePath(root) : resolvePath(process.cwd(), root)) as HostPath;
}

function defaultRoot({ XDG_DATA_HOME: data, HOME: home }: Environment): string {
  if (process.geteuid?.() === 0) return "/var/lib/teu";
  if (data?.startsWith("/")) return `${data}/teu`;
  if (home === undefined || home === "") throw new NoHome();
  return `${home}/.local/share/teu`;
}

/** The folder for what a reboot may forget: `TEU_RUN`, or the system's, for a plain user one of their own. */
export function runRoot(environment: Environment): HostPath {
  const run = environment["TEU_RUN"] || defaultRun(environment);
  return (run.startsWith("/") ? normalizePath(run) : resolvePath(process.cwd(), run)) as HostPath;
}

function defaultRun({ XDG_RUNTIME_DIR: runtime }: Environment): string {
  const uid = process.geteuid?.() ?? 0;
  if (uid === 0) return "/run/teu";
  // Without a session there is none; whoever uses it sees to it that nobody else made it.
  return runtime?.startsWith("/") ? `${runtime}/teu` : `/tmp/teu-${uid}`;
}
