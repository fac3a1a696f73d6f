import type { MountShape } from "./mount-shape.ts";

/** What was said of a container in words that its config.json no longer shows apart. Kept for those who look; nothing is made of it again. */
export interface AskedWords {
  /** As docker spells them: `CAP_NET_ADMIN`, `ALL`. */
  readonly addedCapabilities?: readonly string[];
  readonly droppedCapabilities?: readonly string[];
  readonly securityOptions?: readonly string[];
  readonly groups?: readonly string[];
  /** `PATH[:PATH][:rwm]`. */
  readonly devices?: readonly string[];
  /** `VENDOR/CLASS=NAME`. */
  readonly cdiDevices?: readonly string[];
  readonly deviceRules?: readonly string[];
  readonly volumesFrom?: readonly string[];
  /** Of `-v` and of `--mount`, as docker's HostConfig has them. */
  readonly binds?: readonly string[];
  readonly mounts?: readonly MountShape[];
  /** Options of `--tmpfs`, by where it is. */
  readonly tmpfs?: Readonly<Record<string, string>>;
  /** `--userns host`, which is so in any case. */
  readonly hostUsers?: boolean;
  readonly idFile?: string;
  readonly publishesAll?: boolean;
}

/** Without what was not said; nothing if that was all. */
export function askedWords(words: AskedWords): AskedWords | undefined {
  const said = Object.entries(words).filter(
    ([, value]) => value !== undefined && value !== false && value !== "" && !isEmpty(value),
  );
  return said.length === 0 ? undefined : Object.fromEntries(said);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** `net_admin` → `CAP_NET_ADMIN`, as docker keeps it. */
export function capabilityName(text: string): string {
  const name = text.toUpperCase();
  return name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`;
}
