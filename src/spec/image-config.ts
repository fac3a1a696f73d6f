/**
 * Image configs: platform, what to run by default, and the diffIDs of the layers.
 * Source: image-spec config.md; Healthcheck, OnBuild and Shell are docker's.
 */
import {
  array,
  boolean,
  type Check,
  integer,
  mustBe,
  object,
  oneOf,
  optional,
  record,
  string,
} from "./check.ts";
import { digestCheck } from "./descriptor.ts";
import type { DiffID } from "./digest.ts";
import { MAX_CONFIG_BYTES, parseDocument } from "./document.ts";
import type { Platform } from "./platform.ts";

/** An image config. Its bytes are kept by whoever parsed it: their digest is the image's ID. */
export interface ImageConfig extends Platform {
  readonly created?: string;
  readonly author?: string;
  readonly config?: ExecutionConfig;
  readonly rootfs: RootFileSystem;
  readonly history?: readonly History[];
}

/** What a container of this image runs as, unless told otherwise. */
export interface ExecutionConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, unknown>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly ArgsEscaped?: boolean;
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
  readonly Shell?: readonly string[];
  readonly StopTimeout?: number;
}

/** Docker's health check; times in nanoseconds. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** The layers, bottom first, by what they unpack to. */
export interface RootFileSystem {
  readonly type: "layers";
  readonly diff_ids: readonly DiffID[];
}

/** How one layer, or one change without a layer, came to be. */
export interface History {
  readonly created?: string;
  readonly author?: string;
  readonly created_by?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

const strings = array(string);
const anything: Check<unknown> = () => undefined;

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;
const time: Check<string> = (value) => {
  if (typeof value !== "string" || RFC3339.test(value)) return string(value);
  return [{ path: [], found: JSON.stringify(value), wants: "a time of RFC 3339, as 2006-01-02T15:04:05Z" }];
};

const executionConfig = object<ExecutionConfig>({
  User: optional(string),
  ExposedPorts: optional(record(anything)),
  Env: optional(strings),
  Entrypoint: optional(strings),
  Cmd: optional(strings),
  Volumes: optional(record(anything)),
  WorkingDir: optional(string),
  Labels: optional(record(string)),
  StopSignal: optional(string),
  ArgsEscaped: optional(boolean),
  Healthcheck: optional(
    object<Healthcheck>({
      Test: optional(strings),
      Interval: optional(integer(0)),
      Timeout: optional(integer(0)),
      StartPeriod: optional(integer(0)),
      StartInterval: optional(integer(0)),
      Retries: optional(integer(0)),
    }),
  ),
  OnBuild: optional(strings),
  Shell: optional(strings),
  StopTimeout: optional(integer()),
});

const diffID = digestCheck as Check<string> as Check<DiffID>;

/** `diff_ids` may be missing or null in what docker writes for an image without layers. */
type Written = Omit<ImageConfig, "rootfs"> & {
  readonly rootfs: { readonly type: "layers"; readonly diff_ids?: readonly DiffID[] };
};

const fields = object<Written>({
  architecture: string,
  os: string,
  "os.version": optional(string),
  "os.features": optional(strings),
  variant: optional(string),
  created: optional(time),
  author: optional(string),
  config: optional(executionConfig),
  rootfs: object<Written["rootfs"]>({ type: oneOf(["layers"]), diff_ids: optional(array(diffID)) }),
  history: optional(
    array(
      object<History>({
        created: optional(time),
        author: optional(string),
        created_by: optional(string),
        comment: optional(string),
        empty_layer: optional(boolean),
      }),
    ),
  ),
});

/** Parses a config; fields that we do not know stay. @throws {InvalidDocument} with every issue @throws {InvalidJSON} */
export function parseImageConfig(source: Uint8Array | string): ImageConfig {
  const written = mustBe(fields, parseDocument(source, "image config", MAX_CONFIG_BYTES), "image config");
  return { ...written, rootfs: { type: written.rootfs.type, diff_ids: written.rootfs.diff_ids ?? [] } };
}
