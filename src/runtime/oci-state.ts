/** A container's state as hooks and the agents of seccomp get it. Source: runtime-spec runtime.md, State. */
import {
  type ContainerStatus,
  type RuntimeConfig,
  type RuntimeState,
  runtimeSpecVersion,
} from "../spec/index.ts";

/** `pid` as whoever is told sees it. */
export function ociState(
  { id, bundle }: Pick<RuntimeState, "id" | "bundle">,
  { annotations = {} }: Pick<RuntimeConfig, "annotations">,
  status: ContainerStatus,
  pid?: number,
): RuntimeState {
  const state = { ociVersion: runtimeSpecVersion, id, status, ...(pid !== undefined && { pid }), bundle };
  return Object.keys(annotations).length === 0 ? state : { ...state, annotations };
}
