/**
 * Image config → what it says of a container: process, annotations, volumes. Mounts, capabilities and all that an image
 * has no say in are the engine's. The config is hostile input: nothing in it selects code, devices or paths of the host.
 * Source: image-spec conversion.md; config.md.
 */
import { posix } from "node:path";
import { type ContainerPath, TeuError } from "../base/index.ts";
import type { ImageConfig, Process } from "../spec/index.ts";
import { type ResolvedUser, type RootFileReader, resolveUser } from "./root-user.ts";

/** What an image's config becomes. */
export interface ConvertedConfig {
  /** `args` may be empty: then the image says no command. */
  readonly process: Pick<Process, "cwd" | "user"> & {
    readonly args: readonly string[];
    readonly env: readonly string[];
  };
  /** The user's home directory, where the image's passwd has the user. */
  readonly home: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** Directories that want a volume, cleaned as paths of the container, sorted. */
  readonly volumes: readonly ContainerPath[];
  readonly stopSignal: string | undefined;
}

/** The config asks for what cannot be. `field` is a path into the image config. */
export class InvalidImageConfig extends TeuError<"invalid-image-config", { field: string; why: string }> {
  constructor(context: { field: string; why: string }) {
    super(
      "invalid-image-config",
      "invalid",
      context,
      `Cannot use the image's ${context.field}: ${context.why}`,
    );
  }
}

/**
 * Labels become annotations, and some runtimes and engines obey annotations: an image could choose a handler, a hook or a
 * systemd property (CVE-2024-3154, CVE-2026-53488). Labels that begin so stay in the image.
 */
const RESERVED_LABELS = [
  "io.teu.",
  "run.oci.",
  "org.systemd.property.",
  "io.katacontainers.",
  "io.kubernetes.cri",
  "io.podman.",
  "io.containers.",
  "org.criu.",
  "cdi.k8s.io/",
  "containerd.io/",
  "io.containerd.",
  "module.wasm.image/",
  "opencontainers.org/",
] as const;

/** Converts `config`; names of users are looked up through `read`. @throws {UnknownUser} @throws {InvalidImageConfig} */
export function convertConfig(config: ImageConfig, read: RootFileReader): ConvertedConfig {
  const { config: execution = {} } = config;
  const { home, ...user }: ResolvedUser = resolveUser(execution.User ?? "", read);
  const args = [...(execution.Entrypoint ?? []), ...(execution.Cmd ?? [])];
  const env = execution.Env ?? [];
  for (const [field, texts] of [
    ["Entrypoint or Cmd", args],
    ["Env", env],
    ["WorkingDir", [execution.WorkingDir ?? ""]],
  ] as const)
    if (texts.some((text) => text.includes("\0")))
      throw new InvalidImageConfig({ field, why: "it holds a NUL" });
  return {
    process: { args, env, cwd: posix.resolve("/", execution.WorkingDir ?? ""), user },
    home,
    annotations: annotationsOf(config),
    volumes: imageVolumes(config),
    stopSignal: execution.StopSignal === "" ? undefined : execution.StopSignal,
  };
}

/** Source: conversion.md, annotation fields: a label of the same name wins. */
function annotationsOf(config: ImageConfig): Record<string, string> {
  const { config: execution = {} } = config;
  const fields: Record<string, string | undefined> = {
    os: config.os,
    architecture: config.architecture,
    variant: config.variant,
    "os.version": config["os.version"],
    "os.features": config["os.features"]?.join(","),
    author: config.author,
    created: config.created,
    stopSignal: execution.StopSignal,
    exposedPorts: Object.keys(execution.ExposedPorts ?? {})
      .sort()
      .join(","),
  };
  const annotations = new Map<string, string>();
  for (const [name, value] of Object.entries(fields))
    if (value) annotations.set(`org.opencontainers.image.${name}`, value);
  for (const [name, value] of Object.entries(execution.Labels ?? {}))
    if (name !== "" && !RESERVED_LABELS.some((prefix) => name.startsWith(prefix)))
      annotations.set(name, value);
  return Object.fromEntries(annotations);
}

/**
 * The directories that want a volume, sorted, as if the root were `/`: `/../../etc` is the container's own /etc (CVE-2022-23648).
 * @throws {InvalidImageConfig}
 */
export function imageVolumes({ config }: ImageConfig): ContainerPath[] {
  const cleaned = Object.keys(config?.Volumes ?? {}).map((path) => {
    const clean = posix.resolve("/", path);
    if (clean === "/" || path.includes("\0"))
      throw new InvalidImageConfig({
        field: "Volumes",
        why: `${JSON.stringify(path)} is no directory below the root`,
      });
    return clean as ContainerPath; // absolute, and only ever resolved in the container's root
  });
  return [...new Set(cleaned)].sort();
}
