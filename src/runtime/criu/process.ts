/** Starting criu, and what it can do: its version and the features of this kernel, asked before anything is made. */
import {
  check,
  closeSync,
  cString,
  type Ended,
  O,
  openSync,
  readStartSync,
  reap,
  socketPair,
  spawn,
  syscall,
} from "../../sys/index.ts";
import { isRootless } from "../machine/rights.ts";
import { CriuFailed, CriuLacks, CriuMissing } from "./errors.ts";
import { lastErrors } from "./log-excerpt.ts";
import type { CriuFeatures, CriuRequest, CriuResponse, RequestType } from "./messages.ts";
import { converse, type Watch } from "./service.ts";

/** Since 3.0 criu tells its version by the service. */
const OLDEST = 30_000;
const MFD_CLOEXEC = 1;
const MAX_ERROR_BYTES = 65_536;
/** The first descriptor behind the standard streams. */
const SOCKET = 3;

/** @throws {CriuLacks} for a plain user, whose processes CRIU may not look into */
export function refuseUser(): void {
  if (isRootless())
    throw new CriuLacks({ what: "checkpoint of a plain user's", why: "CRIU needs to be root" });
}

/** criu's path. @throws {CriuMissing} */
export function findCriu(): string {
  const path = Bun.which("criu");
  if (path === null) throw new CriuMissing({ path: process.env["PATH"] ?? "" });
  return path;
}

/** criu runs helpers (iptables, tar, ip), and needs nothing else of our environment. */
export function criuEnvironment(): string[] {
  return [`PATH=${process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`];
}

/**
 * Runs criu for one request, without standard streams of ours: what it says before it has a log goes into the error.
 * @throws {CriuFailed} {InvalidMessage}, and what `watch` throws
 */
export function callCriu(
  program: string,
  type: RequestType,
  request: Omit<CriuRequest, "type"> = {},
  watch: Watch = {},
): CriuResponse {
  const nothing = openSync("/dev/null", O.RDWR);
  const errors = check(syscall("memfd_create", cString("criu"), MFD_CLOEXEC), "memfd_create");
  try {
    return ask(program, [nothing, nothing, errors], () => textOf(errors), type, request, watch);
  } finally {
    closeSync(nothing);
    closeSync(errors);
  }
}

function ask(
  program: string,
  streams: readonly number[],
  errorText: () => string,
  type: RequestType,
  request: Omit<CriuRequest, "type">,
  watch: Watch,
): CriuResponse {
  const [ours, theirs] = socketPair();
  let pid: number;
  try {
    const started = spawn({
      executable: program,
      argv: ["criu", "swrk", String(SOCKET)],
      env: criuEnvironment(),
      descriptors: [...streams, theirs],
    });
    closeSync(started.pidfd);
    pid = started.pid;
  } catch (error) {
    closeSync(ours);
    throw error;
  } finally {
    // If criu dies, its end is closed with it, and we hear of it.
    closeSync(theirs);
  }
  let response: CriuResponse | undefined;
  try {
    response = converse(ours, type, request, watch);
    return response;
  } catch (error) {
    if (!(error instanceof CriuFailed)) throw error;
    const lines = lastErrors(errorText());
    throw lines.length === 0 ? error : new CriuFailed({ ...error.context, lines });
  } finally {
    closeSync(ours);
    const ended = reap(pid, { wait: true });
    // After a pre-dump it waits for the next request, and that none comes is a failure to it.
    if (response !== undefined && type !== "PRE_DUMP") refuseFailure(type, ended, errorText);
  }
}

/** Also a criu that has answered may fail in the end. @throws {CriuFailed} */
export function refuseFailure(type: RequestType, ended: Ended | undefined, errorText: () => string): void {
  if (ended === undefined || ended.status === 0) return;
  const why = ended.signal === undefined ? `exit status ${ended.status}` : `signal ${ended.signal}`;
  throw new CriuFailed({ type, why, logFile: undefined, lines: lastErrors(errorText()) });
}

function textOf(descriptor: number): string {
  return new TextDecoder().decode(readStartSync(descriptor, MAX_ERROR_BYTES));
}

/** Which criu it is. @throws {CriuLacks} for one that is too old */
export function criuVersion(program: string): number {
  const { version } = callCriu(program, "VERSION");
  requireVersion(version, OLDEST, "criu");
  return version;
}

/** @throws {CriuLacks} */
export function requireVersion(version: number, oldest: number, what: string): void {
  if (version < oldest)
    throw new CriuLacks({ what, why: `CRIU version ${version} must be ${oldest} or higher` });
}

/** @throws {CriuLacks} where criu or the kernel has not what `flag` needs */
export function requireFeature(program: string, feature: keyof CriuFeatures, flag: string): void {
  const { features } = callCriu(program, "FEATURE_CHECK", { features: { [feature]: true } });
  if (features[feature] !== true)
    throw new CriuLacks({ what: flag, why: `criu says that it has no ${feature} on this kernel` });
}
