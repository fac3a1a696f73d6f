/**
 * `org.systemd.property.NAME` annotations: further properties of the container's unit, the value in GVariant's text format.
 * Annotations may come from whoever may start a pod, and some properties reach beyond the unit: SuccessAction reboots the
 * host, Wants starts other units (CVE-2024-3154). So only those go through that say something of the unit alone.
 * Source: runc docs/systemd.md, auxiliary properties; systemd.unit(5), systemd.scope(5), systemd.kill(5).
 */
import { Unsupported } from "../../../base/index.ts";
import type { Value } from "./marshal.ts";
import { type Property, property } from "./property.ts";
import { parseVariant } from "./variant-text.ts";

const PREFIX = "org.systemd.property.";

const ALLOWED: ReadonlySet<string> = new Set([
  ..."Description Documentation CollectMode After Before".split(" "),
  ..."KillMode KillSignal SendSIGHUP SendSIGKILL FinalKillSignal TimeoutStopUSec RuntimeMaxUSec".split(" "),
  ..."RuntimeRandomizedExtraUSec OOMPolicy ManagedOOMSwap ManagedOOMMemoryPressure".split(" "),
  ..."ManagedOOMMemoryPressureLimit ManagedOOMPreference".split(" "),
]);
/** Resource control: of the unit by its nature. */
const RESOURCES =
  /^(Startup)?(CPU(Weight|Shares|QuotaPerSecUSec|QuotaPeriodUSec|Accounting)|Memory\w+|IO\w+|BlockIO\w+|Tasks(Max|Accounting)|IP(Accounting|Address(Allow|Deny))|Allowed(CPUs|MemoryNodes))$/;

/** The properties that the annotations ask for. @throws {Unsupported} {InvalidVariantText} */
export function annotatedProperties(annotations: Readonly<Record<string, string>> = {}): Property[] {
  return Object.entries(annotations).flatMap(([key, text]) => {
    if (!key.startsWith(PREFIX)) return [];
    const { signature, value } = parseVariant(text, `annotations[${JSON.stringify(key)}]`);
    const given = key.slice(PREFIX.length);
    // `TimeoutStopSec` is what unit files say; the bus knows microseconds alone.
    const inSeconds = /^(\w*[a-z])Sec$/.exec(given)?.[1];
    const name = inSeconds === undefined ? given : `${inSeconds}USec`;
    if (!ALLOWED.has(name) && !RESOURCES.test(name))
      throw new Unsupported({
        what: `annotations[${JSON.stringify(key)}]`,
        why: "the property is not one of those that concern the unit alone",
      });
    return inSeconds === undefined
      ? property(name, signature, value)
      : property(name, "t", toMicroseconds(value, key));
  });
}

function toMicroseconds(value: Value, key: string): bigint {
  if (typeof value === "bigint") return value * 1_000_000n;
  if (typeof value === "number") return BigInt(Math.round(value * 1_000_000));
  throw new Unsupported({ what: `annotations[${JSON.stringify(key)}]`, why: "not a number of seconds" });
}
