/** `teu network create --driver` and `--opt`. Source: docker's macvlan and ipvlan drivers. */
import { faultOfBridgeOption } from "./bridge-options.ts";
import { InvalidOption } from "./error.ts";

/** How a network's devices are made. */
export type NetworkDriver = "bridge" | "macvlan" | "ipvlan";

const MODES: Readonly<Record<Exclude<NetworkDriver, "bridge">, readonly string[]>> = {
  macvlan: ["bridge", "private", "vepa", "passthru"],
  ipvlan: ["l2", "l3", "l3s"],
};

/** Checks a driver and its options, `NAME=VALUE`. @returns them, the mode spelt out @throws {InvalidOption} */
export function parseDriver(
  driver: string,
  texts: readonly string[],
): { readonly driver: NetworkDriver; readonly options: Readonly<Record<string, string>> } {
  const options: Record<string, string> = {};
  if (driver !== "bridge" && driver !== "macvlan" && driver !== "ipvlan")
    throw new InvalidOption(
      { option: "--driver", value: driver },
      `Unsupported network driver ${JSON.stringify(driver)}: wants bridge, macvlan or ipvlan`,
    );
  for (const text of texts) {
    const [name = "", value = ""] = text.split(/=(.*)/s);
    const refused = (why: string) =>
      new InvalidOption(
        { option: "--opt", value: text },
        `Invalid option ${JSON.stringify(text)} of driver ${driver}: ${why}`,
      );
    const fault = driver === "bridge" ? faultOfBridgeOption(name, value) : undefined;
    if (fault !== undefined) throw refused(fault);
    if (driver === "bridge") {
      options[name] = value;
      continue;
    }
    if (name === "parent") {
      if (!/^[^\s/]{1,15}$/.test(value) || value === "lo")
        throw refused("wants the name of a network device, as eth0 or eth0.10");
    } else if (name === `${driver}_mode`) {
      if (!MODES[driver].includes(value)) throw refused(`wants one of ${MODES[driver].join(", ")}`);
    } else throw refused(`wants parent=DEVICE or ${driver}_mode=MODE`);
    options[name] = value;
  }
  if (driver !== "bridge") options[`${driver}_mode`] ??= MODES[driver][0] as string;
  if (options["macvlan_mode"] === "passthru" && options["parent"] === undefined)
    throw new InvalidOption(
      { option: "--opt", value: "macvlan_mode=passthru" },
      "Invalid option macvlan_mode=passthru: wants parent=DEVICE too, which it gives away whole",
    );
  return { driver, options };
}
