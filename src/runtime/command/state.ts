/** `state`: what a container is and how it does, as JSON. Source: runtime-spec runtime.md, query state; runc for the further keys. */

import type { ContainerStatus, RuntimeConfig } from "../../spec/index.ts";
import { loadState, type SavedState } from "../state.ts";
import { statusOf } from "../status.ts";
import { containerArgument, runtimeCommand, SPEC_VERSION } from "./context.ts";
import { print } from "./print.ts";

export const state = runtimeCommand({
  name: "state",
  summary: "output the state of a container",
  flags: {},
  arguments: [containerArgument],
  examples: [{ command: "runc state ubuntu01", says: "Show the state of a container" }],
  run({ arguments: [id = ""] }, { root }) {
    const saved = loadState(root, id);
    // No newline at the end: runc writes none.
    print(JSON.stringify(describeState(saved, statusOf(root, saved), ""), undefined, 2));
    return 0;
  },
});

/** What `state` and `list` print of a container. */
export interface DescribedState {
  readonly ociVersion: string;
  readonly id: string;
  readonly pid: number;
  readonly status: ContainerStatus;
  readonly bundle: string;
  readonly rootfs: string;
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner: string;
}

export function describeState(saved: SavedState, status: ContainerStatus, owner: string): DescribedState {
  // The whole document was checked when the container was created: that again would be a quarter of what `state` does.
  const { annotations } = JSON.parse(saved.configText) as Partial<Pick<RuntimeConfig, "annotations">>;
  return {
    ociVersion: SPEC_VERSION,
    id: saved.id,
    pid: status === "stopped" ? 0 : saved.pid,
    status,
    bundle: saved.bundle,
    rootfs: saved.rootfs,
    created: saved.created,
    ...(annotations && Object.keys(annotations).length > 0 && { annotations }),
    owner,
  };
}
