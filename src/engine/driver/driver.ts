/** What the engine asks of a runtime, ours or another: the operations of runtime-spec runtime.md, for one container. */
import type { HostPath } from "../../base/index.ts";
import type { Process, Resources } from "../../spec/index.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { MonitorControl } from "../monitor/control.ts";
import type { Monitor } from "../monitor/monitor.ts";

/** What a runtime needs to make a container. */
export interface CreateRequest {
  readonly id: string;
  readonly bundle: Bundle;
  /** Our descriptors that become the container's 0, 1 and 2; with a terminal they are not used. */
  readonly stdio: readonly [number, number, number];
  readonly terminal: boolean;
  /** Called with the person's side of the container's terminal, which the callee closes. */
  onTerminal(master: number): void;
  /** Becomes the parent of the container's first process. */
  readonly monitor: Monitor;
  /** Ends another runtime that takes too long for the person who waits; ours takes no time. */
  readonly signal?: AbortSignal | undefined;
}

/** What a runtime needs to run one more process in a container. */
export interface ExecProcessRequest extends Pick<CreateRequest, "id" | "stdio" | "onTerminal"> {
  readonly bundle: HostPath;
  readonly process: Process;
  /** Whether it goes on without us: then nobody reaps it here. */
  readonly isDetached?: boolean;
  /** Whose child it becomes, and who reaps it; absent: ours. */
  readonly parent?: MonitorControl | undefined;
}

/** A container whose first process waits for `start`. */
export interface Created {
  /** Of the first process: a child of the monitor; of one more: a child of its parent's. */
  readonly pid: number;
  /** Further facts for people; another runtime does not tell them. */
  readonly systemCalls?: number;
  readonly planDigest?: string;
  /** Its directory in each hierarchy of cgroups, by controller; "" is the unified one. */
  readonly cgroupPaths?: Readonly<Record<string, string>>;
}

/** What the runtimes tell, as far as it is shown: runc's shape of `events --stats`. */
export interface RuntimeStats {
  readonly cpu?: { readonly usage?: { readonly total?: bigint | number } };
  readonly memory?: {
    readonly usage?: { readonly usage?: bigint | number; readonly limit?: bigint | number };
    readonly raw?: Readonly<Record<string, bigint | number>>;
  };
  readonly pids?: { readonly current?: bigint | number };
  readonly blkio?: Readonly<Record<string, unknown>>;
}

/** A runtime. Every call throws a TeuError; where the program to run is the problem, one of the two below. */
export interface RuntimeDriver {
  /** What people call it: `teu`, or a path. */
  readonly name: string;
  /** Loads what `create` and `start` need, for who has to wait for something else first. */
  prepare?(): Promise<unknown>;
  /** The same for `exec`, and for `delete`. */
  prepareExec?(): Promise<unknown>;
  prepareEnd?(): Promise<unknown>;
  create(request: CreateRequest): Promise<Created>;
  start(id: string): Promise<void>;
  /** Runs one more process in the container. */
  exec(request: ExecProcessRequest): Promise<Created>;
  /** The container's first process; undefined when there is none, or none any more. */
  pidOf(id: string): Promise<number | undefined>;
  /** Every process of the container, as the host counts. */
  pidsOf(id: string): Promise<number[]>;
  /** Gives it other limits. */
  update(id: string, resources: Resources): Promise<void>;
  /** What its cgroups count. */
  statsOf(id: string): Promise<RuntimeStats>;
  /** Stops all processes of the container where they are; `resume` lets them go on. */
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  kill(id: string, signal: number): Promise<void>;
  /** Kills what is left of the container and forgets it; none by this ID is no error. */
  delete(id: string): Promise<void>;
}
