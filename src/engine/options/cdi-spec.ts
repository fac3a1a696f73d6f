/** One file in which a vendor says what its devices need, read and checked. Source: Container Device Interface specification 1.1, SPEC.md. */
import { isAbsolute } from "node:path";
import {
  array,
  type Check,
  hookNames,
  integer,
  mustBe,
  object,
  oneOf,
  optional,
  parseJSON,
  string,
} from "../../spec/index.ts";

/** A node of /dev. */
export interface CDINode {
  readonly path: string;
  readonly hostPath?: string;
  readonly type?: "b" | "c" | "u" | "p";
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** What is done to a container. */
export interface CDIEdits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly CDINode[];
  readonly mounts?: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly type?: string;
    readonly options?: readonly string[];
  }[];
  readonly hooks?: readonly {
    readonly hookName: (typeof hookNames)[number];
    readonly path: string;
    readonly args?: readonly string[];
    readonly env?: readonly string[];
    readonly timeout?: number;
  }[];
  readonly additionalGids?: readonly number[];
  /** Looked at by who uses the device: neither is built. */
  readonly intelRdt?: unknown;
  readonly netDevices?: unknown;
}

/** The file. */
export interface CDISpec {
  readonly cdiVersion: string;
  /** `VENDOR/CLASS`. */
  readonly kind: string;
  readonly devices: readonly { readonly name: string; readonly containerEdits: CDIEdits }[];
  readonly containerEdits?: CDIEdits;
}

/** `vendor.com/class`, and the name of a device. */
export const KIND = /^[A-Za-z](?:[\w.-]*[A-Za-z0-9])?\/[A-Za-z](?:[\w-]*[A-Za-z0-9])?$/;
export const DEVICE_NAME = /^[A-Za-z0-9](?:[\w.:-]*[A-Za-z0-9])?$/;

const like = (isRight: (text: string) => boolean, wants: string): Check<string> => {
  return (value) =>
    typeof value === "string" && isRight(value)
      ? undefined
      : [{ path: [], found: JSON.stringify(value) ?? "nothing", wants }];
};
const absolute = like((text) => isAbsolute(text) && !text.includes("\0"), "an absolute path");
const variable = like((text) => /^[^=\0]+=[^\0]*$/.test(text), "NAME=VALUE");
const anything: Check<unknown> = () => undefined;
const id = integer(0, 2 ** 32 - 2);
const number = integer(0, 2 ** 32 - 1);

const edits = object<CDIEdits>({
  env: optional(array(variable)),
  deviceNodes: optional(
    array(
      object<CDINode>({
        path: absolute,
        hostPath: optional(absolute),
        type: optional(oneOf(["b", "c", "u", "p"])),
        major: optional(number),
        minor: optional(number),
        fileMode: optional(integer(0, 0o7777)),
        permissions: optional(like((text) => /^[rwm]*$/.test(text), "letters of rwm")),
        uid: optional(id),
        gid: optional(id),
      }),
    ),
  ),
  mounts: optional(
    array(
      object<NonNullable<CDIEdits["mounts"]>[number]>({
        hostPath: like((text) => text !== "", "a path"), // `tmpfs`, say, where a type is given
        containerPath: absolute,
        type: optional(string),
        options: optional(array(string)),
      }),
    ),
  ),
  hooks: optional(
    array(
      object<NonNullable<CDIEdits["hooks"]>[number]>({
        hookName: oneOf(hookNames),
        path: absolute,
        args: optional(array(string)),
        env: optional(array(variable)),
        timeout: optional(integer(1)),
      }),
    ),
  ),
  additionalGids: optional(array(id)),
  intelRdt: optional(anything),
  netDevices: optional(anything),
});

const spec = object<CDISpec>({
  cdiVersion: like((text) => /^v?(0\.[1-9]|1\.[01])\.\d+$/.test(text), "a version from 0.1.0 to 1.1.0"),
  kind: like((text) => KIND.test(text), "VENDOR/CLASS"),
  devices: array(
    object<CDISpec["devices"][number]>({
      name: like((text) => DEVICE_NAME.test(text), "the name of a device"),
      containerEdits: edits,
    }),
  ),
  containerEdits: optional(edits),
});

/** Reads the file at `path`, JSON or YAML by its name. @throws {InvalidDocument} {InvalidJSON} {SyntaxError} */
export function parseCDISpec(text: string, path: string): CDISpec {
  const value = path.endsWith(".json") ? parseJSON(text, path) : Bun.YAML.parse(text);
  const read = mustBe(spec, value, path);
  const names = read.devices.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) < index);
  if (twice < 0) return read;
  const once: Check<unknown> = () => [
    { path: ["devices", twice, "name"], found: `${names[twice]} again`, wants: "a name of its own" },
  ];
  return mustBe(once, read, path) as CDISpec; // which it never is: this throws
}
