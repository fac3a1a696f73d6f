/**
 * The state of a container, as hooks get it on stdin and `state` prints it.
 * Source: runtime-spec 1.3, runtime.md, state.
 */

/** The version of the runtime specification that teu implements. */
export const runtimeSpecVersion = "1.3.0";

/** Source: runtime.md, state; `paused` is runc's addition. */
export type ContainerStatus = "creating" | "created" | "running" | "stopped" | "paused";

export interface RuntimeState {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: ContainerStatus;
  /** As the host sees it; absent or 0 when there is no process. */
  readonly pid?: number;
  /** Absolute. */
  readonly bundle: string;
  readonly annotations?: Readonly<Record<string, string>>;
}
