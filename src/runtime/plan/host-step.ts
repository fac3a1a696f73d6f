/** Host steps: what the parent of init does on the outside, as data. `machine/host-steps.ts` carries them out. */
import type { HookName, IDMapping } from "../../spec/index.ts";

/** `kind` says what is done; the rest is all that doing it needs. */
export type HostStep =
  /** Makes the container's cgroup directories and writes the limits. */
  | { readonly kind: "cgroup" }
  /** Writes uid_map, gid_map and setgroups of the process that made the user namespace. */
  | { readonly kind: "id-maps" }
  /** Writes timens_offsets of the process that made the time namespace, before anything is in it. */
  | { readonly kind: "time-offsets"; readonly text: string }
  /** Moves network devices into the namespace of the socket that init sends, and sets them up there. */
  | { readonly kind: "net-devices" }
  /** Sets resource limits of PID 1 from outside, where root's rights are still whole. */
  | { readonly kind: "rlimits" }
  /** Lets PID 1 run on every CPU that its cgroup has. */
  | { readonly kind: "affinity" }
  /** Sends the master of the terminal to whoever attaches to the container. */
  | { readonly kind: "console" }
  /** Runs the hooks of these kinds, and answers with the pid that the container sees, for the hooks that init runs. */
  | { readonly kind: "hooks"; readonly names: readonly HookName[] }
  /** Sends the second half of the plan, compiled while init worked on the first. */
  | { readonly kind: "rest" }
  /** Sends the segment that makes a destination of which more than the last name is missing. */
  | {
      readonly kind: "missing";
      readonly path: string;
      readonly want: "directory" | "file";
      readonly strict: boolean;
    }
  /** Opens a tree of the host's that init cannot reach, or whose ids are to be mapped. */
  | TreeStep
  /** Sends a segment that copies the next part of a directory into the tmpfs that covers it. */
  | { readonly kind: "copy-up"; readonly destination: string }
  /** Looks whether what has a device's name already is that device. */
  | {
      readonly kind: "verify-device";
      readonly name: string;
      readonly type: string;
      readonly major: number;
      readonly minor: number;
    }
  /** Resolves a dangling link inside the root, and sends the segment that makes its target. */
  | { readonly kind: "resolve-dangling"; readonly path: string; readonly want: "directory" | "file" }
  /** Reads the home directory of a user from the root's own /etc/passwd. */
  | { readonly kind: "home"; readonly uid: number }
  /** Takes the descriptor of the filter's listener out of init and hands it to the profile's agent. */
  | { readonly kind: "listener"; readonly path: string; readonly metadata?: string }
  /** Makes state.json visible: the container is created. */
  | { readonly kind: "state" };

/** What maps ids: mappings, or a user namespace that is there. */
export type IDMapSource =
  | { readonly uidMappings: readonly IDMapping[]; readonly gidMappings: readonly IDMapping[] }
  | { readonly namespace: string };

/** How the ids of a tree are mapped, and whether in the mounts below it, too. */
export type IDMap = IDMapSource & { readonly recursive: boolean };

/** A detached clone of a tree. */
export interface TreeStep {
  readonly kind: "tree";
  /** Of config.json, for the error. */
  readonly field: string;
  readonly path: string;
  readonly recursive: boolean;
  /** As the mounts are in the container's mount namespace: what the host has locked in there stays locked. */
  readonly inside: boolean;
  readonly idmap?: IDMap;
  /** Whether the source is sent too, as it is in there: a directory, to which no link leads. */
  readonly withSource?: boolean;
}

/** What a SYNC record is about: one code for each, so that the printed plan reads well. */
export const SYNC_CODES = {
  "id-maps": 1,
  console: 2,
  "resolve-dangling": 3,
  missing: 4,
  "verify-device": 5,
  rest: 6,
  ready: 7,
  "time-offsets": 8,
  hooks: 9,
  "copy-up": 10,
  "net-devices": 11,
  tree: 12,
} as const;
export type SyncCode = keyof typeof SYNC_CODES;
