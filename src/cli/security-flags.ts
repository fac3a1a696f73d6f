/** The flags that say what a container may do, and to which devices. Docker's. */
import { type Flags, type ParsedArguments, Unsupported } from "../base/index.ts";
import {
  allDevices,
  type ContainerRequest,
  capabilityName,
  DEFAULT_CAPABILITIES,
  isCDIName,
  parseCapabilities,
  parseDevice,
  parseDeviceRule,
  parseSecurity,
  resolveCDI,
} from "../engine/index.ts";
import { CAPABILITY_NAMES } from "../runtime/index.ts";
import { heldCapabilities } from "./held-capabilities.ts";

export const SECURITY_FLAGS = {
  "cap-add": { kind: "list", value: "CAPABILITY", summary: "Give root a capability more; ALL: every one" },
  "cap-drop": { kind: "list", value: "CAPABILITY", summary: "Take one from root; ALL: every one" },
  privileged: {
    kind: "boolean",
    summary: "Every capability and device, and no filter: as root of this machine",
  },
  "security-opt": {
    kind: "list",
    value: "OPTION",
    summary:
      "no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE, label=…, systempaths=unconfined, writable-cgroups",
  },
  device: {
    kind: "list",
    value: "PATH[:PATH][:rwm]",
    summary: "Give it a device of this machine, or all in a directory; VENDOR/CLASS=NAME: by CDI",
  },
  "device-cgroup-rule": { kind: "list", value: "RULE", summary: "Let it use devices by number: c 189:* rwm" },
  gpus: {
    kind: "string",
    value: "all|COUNT|device=NAME",
    summary: "Give it graphics processors, as their vendor's CDI files say",
  },
} as const satisfies Flags;

type Words = ParsedArguments<typeof SECURITY_FLAGS>["flags"];
type Options = Pick<
  ContainerRequest["options"],
  | "capabilities"
  | "noNewPrivileges"
  | "apparmorProfile"
  | "selinux"
  | "isUnmasked"
  | "hasWritableCgroups"
  | "isPrivileged"
  | "devices"
  | "deviceMounts"
  | "hooks"
>;

/** What the flags ask for, by where it belongs. @throws {InvalidOption} {Unsupported} */
export function securityOf(flags: Words): {
  options: Options;
  seccomp: ContainerRequest["seccomp"];
  environment: readonly string[];
  groups: readonly string[];
  asked: NonNullable<ContainerRequest["asked"]>;
} {
  const { privileged } = flags;
  const { seccomp, ...security } = parseSecurity(flags["security-opt"]);
  const asked = [...flags.device, ...gpusOf(flags.gpus)];
  const edits = resolveCDI(asked.filter(isCDIName));
  const devices = asked.filter((text) => !isCDIName(text)).map(parseDevice);
  const rules = [
    ...devices.flatMap((device) => device.rules),
    ...edits.rules,
    ...flags["device-cgroup-rule"].map(parseDeviceRule),
  ];
  const nodes = [
    ...(privileged ? allDevices() : []),
    ...devices.flatMap((device) => device.nodes),
    ...edits.nodes,
  ];
  return {
    options: {
      ...security,
      capabilities: capabilitiesOf(flags),
      ...(privileged && { isPrivileged: true }),
      ...(nodes.length + rules.length > 0 && { devices: { nodes: lastOfEach(nodes), rules } }),
      ...(edits.mounts.length > 0 && { deviceMounts: edits.mounts }),
      ...(Object.keys(edits.hooks).length > 0 && { hooks: edits.hooks }),
    },
    seccomp,
    environment: edits.environment,
    groups: edits.gids.map(String),
    asked: {
      addedCapabilities: flags["cap-add"].map(capabilityName),
      droppedCapabilities: flags["cap-drop"].map(capabilityName),
      securityOptions: flags["security-opt"],
      devices: flags.device.filter((text) => !isCDIName(text)),
      cdiDevices: asked.filter(isCDIName),
      deviceRules: flags["device-cgroup-rule"],
    },
  };
}

function capabilitiesOf({ privileged, "cap-add": add, "cap-drop": drop }: Words): readonly string[] {
  if (!privileged && add.length + drop.length === 0) return DEFAULT_CAPABILITIES;
  const held = heldCapabilities();
  return privileged ? held : parseCapabilities(DEFAULT_CAPABILITIES, { add, drop }, CAPABILITY_NAMES, held);
}

/** What is asked for by name comes after all that there is, and counts. */
function lastOfEach<T extends { readonly path: string }>(nodes: readonly T[]): T[] {
  return [...new Map(nodes.map((node) => [node.path, node])).values()];
}

/** Docker's `all`, a count, or `device=0,1`, as devices of NVIDIA's CDI files. */
function gpusOf(text: string | undefined): string[] {
  if (text === undefined) return [];
  const kind = "nvidia.com/gpu=";
  if (text === "all" || text === "-1") return [`${kind}all`];
  if (/^\d+$/.test(text)) return Array.from({ length: Number(text) }, (_, index) => `${kind}${index}`);
  const [, names] = /^"?device=([\w,.:-]+)"?$/.exec(text) ?? [];
  if (names === undefined)
    throw new Unsupported({
      what: `--gpus ${text}`,
      why: "all, a count, and device=NAME,… are built, by CDI",
    });
  return names.split(",").map((name) => `${kind}${name}`);
}
