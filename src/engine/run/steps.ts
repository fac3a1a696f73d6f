/** What happens on the way from a reference to PID 1, step by step, as it is told to whoever watches. */
import type { ChainID, Digest } from "../../spec/index.ts";

interface Timed {
  readonly durationMs: number;
}

/** A reference became a digest. */
export interface ResolveStep extends Timed {
  readonly kind: "resolve";
  readonly reference: string;
  readonly digest: Digest;
  readonly mediaType: string;
  /** `linux/amd64`. */
  readonly platform: string;
  /** How many an index offers; 0: the reference points at one manifest. */
  readonly platforms: number;
  readonly from: "registry" | "store";
}

/** Blobs are here. */
export interface PullStep extends Timed {
  readonly kind: "pull";
  readonly layers: number;
  readonly fetchedBytes: number;
  readonly presentBytes: number;
}

/** Layers are directories. */
export interface UnpackStep extends Timed {
  readonly kind: "unpack";
  /** Of the whole stack; absent for an image without layers. */
  readonly chainID: ChainID | undefined;
  readonly unpacked: number;
  readonly present: number;
  /** Files, directories, links … in the layers unpacked now. */
  readonly entries: number;
}

/** There is a config.json and a mounted root file system. */
export interface BundleStep extends Timed {
  readonly kind: "bundle";
  readonly path: string;
  readonly mounts: number;
  readonly capabilities: number;
  readonly seccompRules: number;
}

/** There is a process that waits. */
export interface CreateStep extends Timed {
  readonly kind: "create";
  readonly runtime: string;
  /** Unknown for another runtime than ours. */
  readonly systemCalls: number | undefined;
  readonly namespaces: readonly string[];
  readonly cgroup: string;
  readonly pid: number;
}

/** The program runs. */
export interface StartStep extends Timed {
  readonly kind: "start";
  readonly args: readonly string[];
}

/** One step, done. */
export type Step = ResolveStep | PullStep | UnpackStep | BundleStep | CreateStep | StartStep;

/** Is told every step when it is done. */
export type StepObserver = (step: Step) => void;

/** Milliseconds since `start`, a value of performance.now(). */
export function since(start: number): number {
  return performance.now() - start;
}
