/**
 * `features`: what this runtime can do, told without a container. What the table of unsupported fields refuses is not
 * listed. Source: runtime-spec features.md and features-linux.md.
 */
import { commit, hasCode, version } from "../../base/index.ts";
import {
  hookNames,
  namespaceTypes,
  type RuntimeConfig,
  type RuntimeFeatures,
  seccompActions,
  seccompOperators,
} from "../../spec/index.ts";
import { CAPABILITY_NAMES } from "../compile/capabilities.ts";
import { knownMountOptions } from "../compile/mount-options.ts";
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES } from "../compile/scheduling.ts";
import { supportedFlags } from "../machine/filter.ts";
import { seccompFlags } from "../seccomp/actions.ts";
import { seccompArchitectures } from "../seccomp/architectures.ts";
import { refuseUnsupported } from "../unsupported.ts";
import { runtimeCommand, SPEC_VERSION } from "./context.ts";
import { print } from "./print.ts";

export const features = runtimeCommand({
  name: "features",
  summary: "show the enabled features",
  description:
    "The features command shows what this runtime can do, as the runtime specification's features document.",
  flags: {},
  arguments: [],
  examples: [{ command: "runc features", says: "Show the features as JSON" }],
  run() {
    print(`${JSON.stringify(describeFeatures(), undefined, 4)}\n`);
    return 0;
  },
});

/** The features document. */
export function describeFeatures(): RuntimeFeatures {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: SPEC_VERSION,
    hooks: hookNames.filter((name) => isBuilt({ hooks: { [name]: [{ path: "/x" }] } })),
    mountOptions: knownMountOptions(),
    linux: {
      namespaces: namespaceTypes.filter((type) => isBuilt({ linux: { namespaces: [{ type }] } })).toSorted(),
      capabilities: CAPABILITY_NAMES,
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: {
        enabled: true,
        actions: seccompActions.toSorted(),
        operators: seccompOperators.toSorted(),
        archs: seccompArchitectures(),
        knownFlags: seccompFlags(),
        supportedFlags: seccompFlags(supportedFlags()),
      },
      apparmor: { enabled: isBuilt({ process: { ...PROCESS, apparmorProfile: "x" } }) },
      selinux: { enabled: isBuilt({ process: { ...PROCESS, selinuxLabel: "x" } }) },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: MEMORY_POLICY_MODES, flags: MEMORY_POLICY_FLAGS },
      mountExtensions: {
        idmap: { enabled: isBuilt({ mounts: [{ destination: "/x", options: ["idmap"] }] }) },
      },
      netDevices: { enabled: isBuilt({ linux: { netDevices: {} } }) },
    },
    annotations: {
      "io.teu.runtime.version": version,
      "io.teu.runtime.commit": commit,
      // runc's own, which containerd's and podman's users look for; whether there is a CRIU is another question.
      "org.opencontainers.runc.checkpoint.enabled": "true",
    },
    // With them a container's author sets properties of a unit on the host, and names a file of settings for CRIU. Source:
    // features.md, unsafe annotations.
    potentiallyUnsafeConfigAnnotations: ["org.criu.config", "org.systemd.property."],
  };
}

const PROCESS = { user: { uid: 0, gid: 0 }, cwd: "/" };

function isBuilt(config: Partial<RuntimeConfig>): boolean {
  try {
    refuseUnsupported({ ociVersion: SPEC_VERSION, ...config });
    return true;
  } catch (error) {
    if (hasCode(error, "unsupported")) return false;
    throw error;
  }
}
