/** `--log-driver` and `--log-opt`. Source: docker documentation, configure logging drivers; journald and syslog drivers. */
import { Unsupported } from "../../base/index.ts";
import { InvalidOption } from "./error.ts";
import { parseSize } from "./limits.ts";

/** Where what a container writes is kept, in docker's words. */
export type LogDriver = "local" | "json-file" | "none" | "journald" | "syslog";

/** As it was asked for, once it has been looked at. */
export interface LogChoice {
  readonly driver: LogDriver;
  readonly options: Readonly<Record<string, string>>;
}

const FILE_OPTIONS = ["max-size", "max-file"];
const TAG_OPTIONS = ["tag", "labels", "labels-regex", "env", "env-regex"];
/** Of every driver of docker's that keeps anything. */
const DELIVERY_OPTIONS = ["mode", "max-buffer-size"];
const OPTIONS: Readonly<Record<LogDriver, readonly string[]>> = {
  local: [...FILE_OPTIONS, "compress"],
  "json-file": [...FILE_OPTIONS, "compress", ...TAG_OPTIONS],
  none: [],
  journald: TAG_OPTIONS,
  syslog: [...TAG_OPTIONS, "syslog-address", "syslog-facility", "syslog-format"],
};
/** Podman's names of what we write by ourselves. */
const ALIASES: Readonly<Record<string, LogDriver>> = { "k8s-file": "local" };
const OTHERS = ["fluentd", "gelf", "awslogs", "splunk", "gcplogs", "etwlogs", "logentries"];
const FACILITIES =
  "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp . . . . local0 local1 local2 local3 local4 local5 local6 local7".split(
    " ",
  );

/** Of docker's driver `local`. */
const MAX_BYTES = 20 << 20;
const FILES = 5;

/** @returns undefined for what is so anyhow. @throws {InvalidOption} {Unsupported} */
export function parseLog(driver: string | undefined, words: readonly string[]): LogChoice | undefined {
  if (driver === undefined && words.length === 0) return undefined;
  const name = driver === undefined || driver === "" ? "local" : (ALIASES[driver] ?? driver);
  if (OTHERS.includes(name))
    throw new Unsupported({
      what: `--log-driver ${name}`,
      why: "local, json-file, journald, syslog and none are built",
    });
  if (!isDriver(name))
    throw new InvalidOption(
      { option: "--log-driver", value: name },
      `logger: no log driver named '${name}' is registered`,
    );
  const options: Record<string, string> = {};
  const known = [...OPTIONS[name], ...(name === "none" ? [] : DELIVERY_OPTIONS)];
  for (const word of words) {
    const [key = "", value] = word.split(/=(.*)/s);
    if (value === undefined || !known.includes(key))
      throw new InvalidOption(
        { option: "--log-opt", value: word },
        `unknown log opt '${key}' for ${name} log driver`,
      );
    options[key] = value;
  }
  const choice: LogChoice = { driver: name, options };
  fileLimits(choice);
  checkDelivery(options);
  for (const key of ["labels-regex", "env-regex"]) checkPattern(key, options[key]);
  if (name === "syslog") syslogOptions(choice);
  return choice;
}

/**
 * Whether a container waits for its log. With teu it waits for a file's writes and for nobody else, and what a socket does not take at once is
 * told as lost: both modes are kept by that, and there is no buffer whose size could be chosen. @throws {InvalidOption}
 */
function checkDelivery({ mode, "max-buffer-size": size }: Readonly<Record<string, string>>): void {
  const invalid = (key: string, value: string, why: string) =>
    new InvalidOption({ option: "--log-opt", value: `${key}=${value}` }, `logger: ${why}`);
  if (mode !== undefined && !/^(blocking|non-blocking)?$/.test(mode))
    throw invalid("mode", mode, `logging mode not supported: ${mode}`);
  if (size === undefined) return;
  if (mode !== "non-blocking")
    throw invalid(
      "max-buffer-size",
      size,
      "max-buffer-size option is only supported with 'mode=non-blocking'",
    );
  parseSize(size, "--log-opt", "max-buffer-size");
}

/** @throws {InvalidOption} */
function checkPattern(key: string, pattern = ""): void {
  try {
    new RegExp(pattern);
  } catch (error) {
    throw new InvalidOption(
      { option: "--log-opt", value: `${key}=${pattern}` },
      `invalid value for ${key}: ${(error as SyntaxError).message}`,
    );
  }
}

function isDriver(name: string): name is LogDriver {
  return Object.hasOwn(OPTIONS, name);
}

/** How large a file of the log gets, and how many there are. @throws {InvalidOption} */
export function fileLimits({ options }: LogChoice): { maxBytes: number; files: number } {
  const { "max-size": size, "max-file": files, compress } = options;
  const invalid = (key: string, value: string, why: string) =>
    new InvalidOption({ option: "--log-opt", value: `${key}=${value}` }, `invalid value for ${key}: ${why}`);
  if (compress !== undefined && compress !== "false")
    throw new Unsupported({
      what: "--log-opt compress",
      why: "what is rotated is read by 'teu logs' as it is",
    });
  if (files !== undefined && !/^[1-9]\d{0,3}$/.test(files))
    throw invalid("max-file", files, "wants a number above 0");
  const maxBytes =
    size === undefined ? MAX_BYTES : size === "-1" ? 0 : parseSize(size, "--log-opt", "max-size");
  return { maxBytes, files: files === undefined ? FILES : Number(files) };
}

/** Where syslog is, and how its messages begin. @throws {InvalidOption} {Unsupported} */
export function syslogOptions({ options }: LogChoice): {
  readonly address: { readonly path: string } | { readonly host: string; readonly port: number };
  readonly facility: number;
  readonly isRFC5424: boolean;
} {
  const {
    "syslog-address": text = "unix:///dev/log",
    "syslog-facility": facility = "daemon",
    "syslog-format": format = "",
  } = options;
  const invalid = (value: string, why: string) => new InvalidOption({ option: "--log-opt", value }, why);
  const [, kind = "", rest = ""] = /^([a-z+]+):\/\/(.+)$/.exec(text) ?? [];
  if (kind === "tcp" || kind === "tcp+tls")
    throw new Unsupported({
      what: `syslog-address ${text}`,
      why: "a log that waits for a peer would make its container wait: use udp or a unix socket",
    });
  const number = /^\d+$/.test(facility) ? Number(facility) : FACILITIES.indexOf(facility);
  if (number < 0 || number > 23 || facility === ".")
    throw invalid(facility, `invalid syslog facility: ${facility}`);
  if (!/^(|rfc3164|rfc5424|rfc5424micro)$/.test(format))
    throw invalid(format, `invalid syslog format: ${format}`);
  const isRFC5424 = format.startsWith("rfc5424");
  if ((kind === "unix" || kind === "unixgram") && rest.startsWith("/"))
    return { address: { path: rest }, facility: number, isRFC5424 };
  const [, host = "", port = "514"] = /^([^:/]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?$/.exec(rest) ?? [];
  if (kind !== "udp" || host === "" || Number(port) > 65_535)
    throw invalid(text, `syslog-address should be in form proto://address, got ${text}`);
  return { address: { host: host.replace(/^\[|\]$/g, ""), port: Number(port) }, facility: number, isRFC5424 };
}
