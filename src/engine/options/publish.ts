/** `-p [ADDRESS:][HOSTPORT:]PORT[/PROTOCOL]`, ports also as ranges. Source: docker run reference, -p. */
import { Unsupported } from "../../base/index.ts";
import { parseAddress } from "../network/address.ts";
import { encodeAddress6, LOOPBACK6, parseAddress6 } from "../network/address6.ts";
import { InvalidOption } from "./error.ts";

/** What ports are of. The packet filter leads all three; sockets of SCTP few kernels have. */
export type Protocol = "tcp" | "udp" | "sctp";

const PROTOCOLS: readonly Protocol[] = ["tcp", "udp", "sctp"];

/** A port that a container serves. */
export type ExposedPort = Pick<PublishedPort, "protocol" | "containerPort">;

/** `--expose PORT[-PORT][/PROTOCOL]`. @throws {InvalidOption} */
export function parseExposed(text: string): ExposedPort[] {
  if (text.includes(":"))
    throw new InvalidOption({ option: "--expose", value: text }, `invalid port format for --expose: ${text}`);
  try {
    return parsePublish(text).map(({ protocol, containerPort }) => ({ protocol, containerPort }));
  } catch (error) {
    if (!(error instanceof InvalidOption)) throw error;
    throw new InvalidOption(
      { option: "--expose", value: text },
      `invalid range format for --expose: ${text}`,
    );
  }
}

/** What an image says of its program. It may be no port at all, which is no reason not to run it. */
export function parseExposedOfImage(text: string): ExposedPort[] {
  try {
    return parseExposed(text);
  } catch (error) {
    if (error instanceof InvalidOption) return [];
    throw error;
  }
}

/** One port that is published. */
export interface PublishedPort {
  readonly protocol: Protocol;
  /** Of the host; absent: every one. */
  readonly hostAddress?: string;
  /** Absent: a free one. */
  readonly hostPort?: number;
  /** Any free one from `hostPort` to this. */
  readonly lastHostPort?: number;
  readonly containerPort: number;
}

/** Parses the value of `-p`: as many ports as its range has. @throws {InvalidOption} {Unsupported} */
export function parsePublish(text: string): PublishedPort[] {
  const invalid = (why: string) =>
    new InvalidOption({ option: "--publish", value: text }, `Invalid port mapping '${text}': ${why}`);
  const [mapping = "", spelt = "tcp", ...more] = text.split("/");
  const protocol = PROTOCOLS.find((known) => known === spelt.toLowerCase());
  if (more.length > 0) throw invalid("more than one protocol");
  if (protocol === undefined) throw invalid(`invalid protocol: ${spelt.toLowerCase()}`);
  const [, bracketed, after = mapping] = /^\[([^\]]*)\]:(.*)$/s.exec(mapping) ?? [];
  const fields = [...(bracketed === undefined ? [] : [bracketed]), ...after.split(":")];
  if (fields.length > 3) throw invalid("more than three fields");
  const [container = "", host = "", word] = fields.toReversed();
  const address = bracketed === undefined ? word : inBrackets(bracketed, fields.length, invalid);
  if (
    bracketed === undefined &&
    address !== undefined &&
    address !== "" &&
    parseAddress(address) === undefined
  )
    throw invalid(`invalid IP address: ${address}`);
  // The kernel takes nothing back from a bridge for that address, and who leads on what asks there has sockets: see names/loopback.ts.
  if (protocol === "sctp" && address === LOOPBACK6)
    throw new Unsupported({
      what: `port ${JSON.stringify(text)}`,
      why: "at ::1 a process leads on tcp and udp",
    });
  const inside = parseRange(container, invalid);
  const outside = host === "" || /^0{1,5}$/.test(host) ? undefined : parseRange(host, invalid); // 0: any free one
  const count = inside.last - inside.first + 1;
  const isChoice = outside !== undefined && count === 1 && outside.last > outside.first;
  if (outside !== undefined && !isChoice && outside.last - outside.first + 1 !== count)
    throw invalid("the ranges differ in length");
  const isAnywhere = address === undefined || address === "";
  return Array.from({ length: count }, (_, index) => ({
    protocol,
    containerPort: inside.first + index,
    ...(outside !== undefined && { hostPort: outside.first + index }),
    ...(isChoice && { lastHostPort: outside.last }),
    ...(!isAnywhere && { hostAddress: address }),
  }));
}

/** `[::1]:80:80`: with an address, docker wants both ports or an empty one. */
function inBrackets(text: string, fields: number, invalid: (why: string) => Error): string {
  const address = text.includes(":") ? parseAddress6(text) : undefined;
  if (address === undefined || fields !== 3) throw invalid(`invalid IP address: [${text}]`);
  return encodeAddress6(address);
}

function parseRange(text: string, invalid: (why: string) => Error): { first: number; last: number } {
  const [, from = "", to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === "" || first < 1 || last > 65_535 || last < first) throw invalid(`invalid port: '${text}'`);
  return { first, last };
}
