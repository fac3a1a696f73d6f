/** Options of the form NAME=VALUE, NAME:VALUE and their like. Source: docker run reference. */
import { type ContainerPath, normalizePath } from "../../base/index.ts";
import type { Rlimit } from "../../spec/index.ts";
import { parseAddress } from "../network/address.ts";
import { InvalidOption } from "./error.ts";

/** `--label NAME[=VALUE]`, `--sysctl NAME=VALUE`: the last of a name counts. @throws {InvalidOption} */
export function parseAssignments(
  option: string,
  texts: readonly string[],
  isValueNeeded: boolean,
): Record<string, string> {
  return Object.fromEntries(
    texts.map((text): [string, string] => {
      const at = text.indexOf("=");
      const name = at < 0 ? text : text.slice(0, at);
      if (name === "" || (at < 0 && isValueNeeded))
        throw new InvalidOption(
          { option, value: text },
          `Invalid ${option.slice(2)} ${JSON.stringify(text)}: wants NAME=VALUE`,
        );
      return [name, at < 0 ? "" : text.slice(at + 1)];
    }),
  );
}

/**
 * The lines of an `--env-file`, as `-e` takes them: without comments and empty lines. Source: docker run reference, -e; docker cli opts/file.go.
 * @param path  Where they are from, for messages.
 * @throws {InvalidOption} docker's words
 */
export function parseEnvironmentFile(bytes: Uint8Array, path: string): string[] {
  const invalid = (value: string, why: string) =>
    new InvalidOption({ option: "--env-file", value }, `invalid env file (${path}): ${why}`);
  const lines = decode(bytes, invalid)
    .replace(/^\uFEFF/, "")
    .split("\n")
    .map((line) => line.replace(/\r$/, "").trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
  for (const line of lines) {
    const [name = ""] = line.split("=", 1);
    const fault =
      name === "" ? `no variable name on line '${line}'` : `variable '${name}' contains whitespaces`;
    if (name === "" || /[ \t]/.test(name)) throw invalid(line, fault);
  }
  return lines;
}

function decode(bytes: Uint8Array, invalid: (value: string, why: string) => Error): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid("", "it is no UTF-8"); // a replacement for a byte would be another value
  }
}

/** What the kernel keeps of a name, and what may stand in /etc/hosts and resolv.conf: further lines there would be others' answers. */
const HOST_NAME = /^[^\s\p{Cc}]{1,64}$/u;
const DOMAIN = /^(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?$/;

/** `--hostname`, `--domainname`. @throws {InvalidOption} */
export function parseHostname(text: string, option: "--hostname" | "--domainname"): string {
  if (HOST_NAME.test(text) && Buffer.byteLength(text) <= 64) return text;
  throw new InvalidOption(
    { option, value: text },
    `Invalid ${option.slice(2)} ${JSON.stringify(text)}: wants at most 64 bytes without spaces`,
  );
}

/** `--dns-search`; `.` is none. Docker's words. @throws {InvalidOption} */
export function parseSearchDomain(text: string): string {
  if (text === "." || DOMAIN.test(text)) return text;
  throw new InvalidOption({ option: "--dns-search", value: text }, `${text} is not a valid domain`);
}

/** `--dns-option`. @throws {InvalidOption} */
export function parseResolverOption(text: string): string {
  if (/^[\w:-]+$/.test(text)) return text;
  throw new InvalidOption(
    { option: "--dns-option", value: text },
    `Invalid dns-option ${JSON.stringify(text)}: wants one of resolv.conf's, as ndots:3`,
  );
}

/** Docker's word for the address at which a container reaches this machine: its network's gateway, which is known when it is connected. */
export const HOST_GATEWAY = "host-gateway";

/** `--add-host NAME:ADDRESS` as a line of /etc/hosts; the address may be {@link HOST_GATEWAY}. @throws {InvalidOption} */
export function parseHost(text: string): { readonly name: string; readonly address: string } {
  const [, name = "", address = ""] = /^([^:=\s]+)[:=]\[?([0-9a-fA-F:.]+|host-gateway)\]?$/.exec(text) ?? [];
  const isAddress = address === HOST_GATEWAY || parseAddress(address) !== undefined || address.includes(":");
  if (name === "" || !isAddress)
    throw new InvalidOption(
      { option: "--add-host", value: text },
      `Invalid add-host ${JSON.stringify(text)}: wants NAME:ADDRESS`,
    );
  return { name, address };
}

/** `--dns ADDRESS`. @throws {InvalidOption} */
export function parseResolver(text: string): string {
  if (parseAddress(text) === undefined && !/^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(text))
    throw new InvalidOption({ option: "--dns", value: text }, `${text} is not an ip address`);
  return text;
}

/** A tmpfs of the container's own. */
export interface Tmpfs {
  readonly destination: ContainerPath;
  readonly options: readonly string[];
}

/** `--tmpfs DIR[:OPTIONS]`, with docker's defaults. @throws {InvalidOption} */
export function parseTmpfs(text: string): Tmpfs {
  const at = text.indexOf(":");
  const path = at < 0 ? text : text.slice(0, at);
  const destination = normalizePath(path);
  if (!path.startsWith("/") || destination === "/")
    throw new InvalidOption(
      { option: "--tmpfs", value: text },
      `Invalid tmpfs ${JSON.stringify(text)}: wants an absolute path other than /`,
    );
  const own =
    at < 0
      ? []
      : text
          .slice(at + 1)
          .split(",")
          .filter((word) => word !== "");
  return { destination: destination as ContainerPath, options: ["noexec", "nosuid", "nodev", ...own] };
}

const RLIMITS: readonly string[] =
  "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  );
const UNLIMITED = 2n ** 64n - 1n;

/** `--ulimit NAME=SOFT[:HARD]`; -1 is no limit. @throws {InvalidOption} */
export function parseUlimit(text: string): Rlimit {
  const [, name = "", softText = "", hardText = softText] = /^(\w+)=(-1|\d+)(?::(-1|\d+))?$/.exec(text) ?? [];
  const [soft, hard] = [softText, hardText].map((word) =>
    word === "-1" ? UNLIMITED : BigInt(word || 0),
  ) as [bigint, bigint];
  const fail = (why: string) =>
    new InvalidOption({ option: "--ulimit", value: text }, `Invalid ulimit ${JSON.stringify(text)}: ${why}`);
  if (!RLIMITS.includes(name)) throw fail("wants NAME=SOFT[:HARD], NAME one of setrlimit's in small letters");
  if (soft > hard) throw fail("the soft limit must not be above the hard one");
  return { type: `RLIMIT_${name.toUpperCase()}`, soft: narrow(soft), hard: narrow(hard) };
}

/** Documents hold numbers, but for what they cannot hold exactly. */
function narrow(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
