/**
 * Where the lines of a container go that leaves no log of its own: a socket, and what each datagram says beside the line.
 * Source: systemd, JOURNAL_NATIVE_PROTOCOL; RFC 3164, RFC 5424; docker documentation, log tags.
 */
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { TeuError, Unsupported } from "../../base/index.ts";
import { connectDatagram, datagramSocket } from "../../sys/index.ts";
import type { SinkTexts } from "../monitor/protocol.ts";
import { InvalidOption } from "../options/error.ts";
import { type LogChoice, syslogOptions } from "../options/log.ts";
import { shortID } from "../options/name.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { extrasOf } from "./extras.ts";

const JOURNAL = "/run/systemd/journal/socket";
/** Of a line's parts but the last, as docker has it; what its program left unfinished is one too. */
export const PARTIAL_FIELD = "CONTAINER_PARTIAL_MESSAGE";
const PRIORITY = { error: 3, info: 6 } as const;

/** Nobody is known by that name. */
export class NoSyslog extends TeuError<"no-syslog", { host: string }> {
  constructor(context: { host: string }, cause: unknown) {
    super("no-syslog", "unavailable", context, `Cannot log to syslog at ${context.host}: no such host`, {
      cause,
    });
  }
}

/** No journal listens: what is written would be lost. Docker's words. */
export class NoJournal extends TeuError<"no-journal", { path: string }> {
  constructor(context: { path: string }) {
    super(
      "no-journal",
      "unavailable",
      context,
      "Cannot log to journald: journald is not enabled on this host",
      {
        hint: `Nothing is at ${context.path}: see --log-driver`,
      },
    );
  }
}

/** The container's driver does not keep what we could read. Docker's words. */
export class LogNotReadable extends TeuError<"log-not-readable", { driver: string }> {
  constructor(context: { driver: string }, hint: string) {
    super(
      "log-not-readable",
      "unsupported",
      context,
      `configured logging driver does not support reading: ${context.driver}`,
      { hint },
    );
  }
}

/** The socket, which the caller closes, and the texts. @throws {InvalidOption} {NoSyslog} {NoJournal} */
export async function openSink(
  log: LogChoice,
  container: ContainerRecord,
  environment: readonly string[],
  pid: number,
): Promise<{ readonly socket: number; readonly texts: SinkTexts }> {
  const tag = tagOf(log, container);
  if (log.driver === "journald") {
    if (!existsSync(JOURNAL)) throw new NoJournal({ path: JOURNAL });
    return {
      socket: datagramSocket(),
      texts: { path: JOURNAL, ...journalTexts(log, container, environment, tag) },
    };
  }
  const { address, facility, isRFC5424 } = syslogOptions(log);
  const before = (priority: number): string =>
    isRFC5424
      ? `<${facility * 8 + priority}>1 - ${hostname()} ${tag} ${pid} ${tag} - `
      : `<${facility * 8 + priority}>${tag}[${pid}]: `;
  const texts = {
    beforeOutput: before(PRIORITY.info),
    beforeErrors: before(PRIORITY.error),
    after: "",
    afterPart: "",
  };
  if ("path" in address) {
    await refuseStreams(address.path);
    return { socket: datagramSocket(), texts: { path: address.path, ...texts } };
  }
  return { socket: await connectTo(address), texts: { path: "", ...texts } };
}

/** Nothing would arrive at a socket of streams, and nobody would be told. @throws {Unsupported} */
async function refuseStreams(path: string): Promise<void> {
  let socket: { end(): void };
  try {
    socket = await Bun.connect({ unix: path, socket: { data: () => undefined } });
  } catch {
    return; // it takes datagrams, or nobody is there yet
  }
  socket.end();
  throw new Unsupported({
    what: `syslog-address ${path}`,
    why: "it is a socket of streams, and a log that waits for a peer would make its container wait: use one of datagrams, or udp",
  });
}

async function connectTo({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  let found: readonly { readonly address: string }[];
  try {
    found = await Bun.dns.lookup(host, { socketType: "udp" });
  } catch (error) {
    throw new NoSyslog({ host }, error);
  }
  const [first] = found;
  if (first === undefined) throw new NoSyslog({ host }, undefined);
  return connectDatagram(first.address, port);
}

/** Each field on a line of its own; the line of the container comes last. Names of fields hold capitals, digits and `_`. */
function journalTexts(
  log: LogChoice,
  { id, name, image, settings }: ContainerRecord,
  environment: readonly string[],
  tag: string,
): Omit<SinkTexts, "path"> {
  const fields = [
    ["SYSLOG_IDENTIFIER", tag],
    ["CONTAINER_ID", shortID(id)],
    ["CONTAINER_ID_FULL", id],
    ["CONTAINER_NAME", name],
    ["CONTAINER_TAG", tag],
    ["IMAGE_NAME", image],
    ...extrasOf(log, settings.labels ?? {}, environment)
      .map(([key, value]) => [fieldName(key), value])
      .filter(([key]) => key !== ""),
  ].map(([key, value]) => `${key}=${value?.replaceAll("\n", " ")}\n`);
  const before = (priority: number) => `PRIORITY=${priority}\n${fields.join("")}MESSAGE=`;
  return {
    beforeOutput: before(PRIORITY.info),
    beforeErrors: before(PRIORITY.error),
    after: "\n",
    afterPart: `\n${PARTIAL_FIELD}=true\n`,
  };
}

/** The name of a field for a label or a variable. */
export function fieldName(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/g, "_")
    .replace(/^_+/, "");
}

/** Docker's placeholders of tags. */
export function tagOf({ options }: LogChoice, { id, name, image }: ContainerRecord): string {
  const values: Readonly<Record<string, string>> = {
    ID: shortID(id),
    FullID: id,
    Name: name,
    FullName: `/${name}`,
    ImageName: image,
  };
  const template = options["tag"] ?? "{{.ID}}";
  return template.replaceAll(/\{\{\s*\.?(\w*)\s*\}\}/g, (whole, key: string) => {
    const value = values[key];
    if (value === undefined)
      throw new InvalidOption(
        { option: "--log-opt", value: template },
        `invalid tag: ${whole} is none of ${Object.keys(values).join(", ")}`,
      );
    return value;
  });
}
