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
/** What is kept here of lines that are sent away. Source: docker documentation, dual logging. */
const CACHE_OPTIONS = ["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];
/** Of every driver of docker's that keeps anything. */
const DELIVERY_OPTIONS = ["mode", "max-buffer-size"];
const OPTIONS: Readonly<Record<LogDriver, readonly string[]>> = {
  local: [...FILE_OPTIONS, "compress"],
  "json-file": [...FILE_OPTIONS, "compress", ...TAG_OPTIONS],
  none: [],
  journald: TAG_OPTIONS,
  syslog: [...TAG_OPTIONS, ...CACHE_OPTIONS, "syslog-address", "syslog-facility", "syslog-format"],
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
  isCached(choice);
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

/** How large a file of the log gets, and how many there are. @throws {InvalidOption} {Unsupported} */
export function fileLimits({ driver, options }: LogChoice): { maxBytes: number; files: number } {
  const before = driver === "syslog" ? "cache-" : "";
  const [size, files, compress] = ["max-size", "max-file", "compress"].map((key) => options[before + key]);
  const invalid = (key: string, value: string, why: string) =>
    new InvalidOption({ option: "--log-opt", value: `${key}=${value}` }, `invalid value for ${key}: ${why}`);
  if (compress !== undefined && compress !== "false")
    throw new Unsupported({
      what: `--log-opt ${before}compress`,
      why: "what is rotated is read by 'teu logs' as it is",
    });
  if (files !== undefined && !/^[1-9]\d{0,3}$/.test(files))
    throw invalid(`${before}max-file`, files, "wants a number above 0");
  const maxBytes =
    size === undefined ? MAX_BYTES : size === "-1" ? 0 : parseSize(size, "--log-opt", `${before}max-size`);
  return { maxBytes, files: files === undefined ? FILES : Number(files) };
}

/** Whether what is sent away is kept here as well; so is what is not sent away. @throws {InvalidOption} */
export function isCached({ options }: LogChoice): boolean {
  const text = options["cache-disabled"] ?? "false";
  if (/^(true|1|t)$/i.test(text)) return false;
  if (/^(false|0|f)$/i.test(text)) return true;
  throw new InvalidOption(
    { option: "--log-opt", value: `cache-disabled=${text}` },
    "invalid value for cache-disabled: wants true or false",
  );
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
