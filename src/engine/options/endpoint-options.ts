/**
 * Options of one device of a container: `--network name=NAME,driver-opt=KEY=VALUE`, `network connect --driver-opt KEY=VALUE`.
 * Source: docker network connect reference; moby daemon/container_operations.go, validateEndpointSettings.
 */
import { Unsupported } from "../../base/index.ts";
import { parseAssignments } from "./assignment.ts";
import { InvalidOption } from "./error.ts";
import { fieldsOf } from "./fields.ts";

/** As they were asked for, checked. */
export type EndpointOptions = Readonly<Record<string, string>>;

const DEVICE = "com.docker.network.endpoint.ifname";
const PARAMETERS = "com.docker.network.endpoint.sysctls";
/** What stands for the device's name in those of parameters; docker takes it in lower case, too. */
const PLACEHOLDER = /^(IFNAME|ifname)$/;
/** The kernel's own, and those of parameters that mean every device. */
const RESERVED = ["lo", "all", "default"];
const MAX_BYTES = 15;

/** Parses `KEY=VALUE` words; the last of a key counts. @throws {InvalidOption} */
export function parseEndpointOptions(option: string, texts: readonly string[]): EndpointOptions {
  const options: Record<string, string> = {};
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s).map((word) => word.trim());
    const invalid = (why: string) => new InvalidOption({ option, value: text }, why);
    if (key === "" || value === undefined) throw invalid("invalid key/value pair format in driver options");
    if (key === DEVICE) checkDevice(value, invalid);
    else if (key === PARAMETERS) parametersIn(value, invalid);
    else
      throw invalid(`Invalid driver option ${JSON.stringify(text)}: wants one of ${DEVICE}, ${PARAMETERS}`);
    options[key] = value;
  }
  return options;
}

/** The same of flags, each of which may have several, as comma-separated values. @throws {InvalidOption} */
export function parseEndpointFlags(option: string, texts: readonly string[]): EndpointOptions {
  return parseEndpointOptions(
    option,
    texts.flatMap((text) => fieldsOf(text, (why) => new InvalidOption({ option, value: text }, why))),
  );
}

/** What its device is to be called inside; undefined: nobody says. */
export function deviceAsked(options: EndpointOptions = {}): string | undefined {
  return options[DEVICE];
}

/** Parameters of the kernel for `device`, by their paths below /proc/sys. */
export function parametersFor(
  device: string,
  options: EndpointOptions = {},
): Readonly<Record<string, string>> {
  const parameters = parametersIn(options[PARAMETERS] ?? "", (why) => new RangeError(why)); // checked when it was recorded
  return Object.fromEntries(
    parameters.map(({ before, after, value }) => [[...before, device, after].join("/"), value]),
  );
}

/** Whether IPv6 is asked to be off there: then it has no address of that kind. */
export function turnsIPv6Off(options: EndpointOptions | undefined): boolean {
  return parametersFor("it", options)["net/ipv6/conf/it/disable_ipv6"] === "1";
}

/** Plugins make the devices of their networks. @param network  `cni:NAME` @throws {Unsupported} */
export function refuseEndpointOptions(network: string): never {
  throw new Unsupported({
    what: `driver options in ${network}`,
    why: "its plugins make the device: 'tuning' is the one that sets parameters",
  });
}

/**
 * `--sysctl NAME=VALUE`: the last of a name counts. They are set before there is a device of any network: those of one are options of its place there.
 * @param network  That the container is to see. @throws {InvalidOption} docker's words
 */
export function parseParameters(texts: readonly string[], network: string): Record<string, string> {
  const parameters = parseAssignments("--sysctl", texts, true);
  const ofDevice = Object.keys(parameters).find((name) => /^net\.[^.]+\.[^.]+\.eth[^.]*\../.test(name));
  if (ofDevice === undefined || network === "host" || network.startsWith("container:")) return parameters;
  throw new InvalidOption(
    { option: "--sysctl", value: ofDevice },
    `interface specific sysctl setting "${ofDevice}" must be supplied using driver option '${PARAMETERS}'`,
  );
}

/** A name that the kernel takes, and that is nothing else in names of parameters. */
function checkDevice(name: string, invalid: (why: string) => Error): void {
  const isName = /^[\w.-]+$/.test(name) && name !== "." && name !== "..";
  if (!isName || name.length > MAX_BYTES || RESERVED.includes(name))
    throw invalid(
      `invalid interface name ${JSON.stringify(name)}: wants up to ${MAX_BYTES} of A-Z, a-z, 0-9, '_', '-' and '.', and none of ${RESERVED.join(", ")}`,
    );
}

interface Parameter {
  readonly before: readonly string[];
  readonly after: string;
  readonly value: string;
}

/** `net.ipv4.conf.IFNAME.log_martians=1,…` */
function parametersIn(text: string, invalid: (why: string) => Error): Parameter[] {
  if (text === "") return [];
  return text.split(",").map((word) => {
    const [name = "", value] = word.split(/=(.*)/s);
    const [net, family = "", kind = "", device = "", after = "", ...more] = name.split(".");
    const isOfDevice = net === "net" && /^(ipv4|ipv6|mpls)$/.test(family) && PLACEHOLDER.test(device);
    // What is no word could lead out of the folder of parameters.
    if (!isOfDevice || more.length > 0 || !/^\w+$/.test(kind) || !/^\w+$/.test(after) || value === undefined)
      throw invalid(
        `invalid endpoint settings: unrecognised network interface sysctl '${word}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
      );
    return { before: [net, family, kind], after, value };
  });
}
