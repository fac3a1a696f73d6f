/** `--change` of commands that make images: an instruction of a Dockerfile that changes the config. Source: docker commit reference, --change. */
import { posix } from "node:path";
import type { ExecutionConfig } from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";

/** One instruction. */
export interface ConfigChange {
  readonly instruction: string;
  readonly value: string;
}

type Apply = (config: ExecutionConfig, value: string) => ExecutionConfig;

const INSTRUCTIONS: Readonly<Record<string, Apply>> = {
  CMD: (config, value) => ({ ...config, Cmd: commandOf(value) }),
  ENTRYPOINT: (config, value) => ({ ...config, Entrypoint: commandOf(value) }),
  ENV: (config, value) => ({ ...config, Env: withVariables(config.Env ?? [], pairsOf(value, "ENV")) }),
  EXPOSE: (config, value) => ({
    ...config,
    ExposedPorts: { ...config.ExposedPorts, ...asKeys(wordsOf(value).map(portOf)) },
  }),
  LABEL: (config, value) => ({
    ...config,
    Labels: { ...config.Labels, ...Object.fromEntries(pairsOf(value, "LABEL")) },
  }),
  ONBUILD: (config, value) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), value] }),
  STOPSIGNAL: (config, value) => ({ ...config, StopSignal: value }),
  USER: (config, value) => ({ ...config, User: value }),
  VOLUME: (config, value) => ({
    ...config,
    Volumes: { ...config.Volumes, ...asKeys(listOf(value) ?? wordsOf(value)) },
  }),
  WORKDIR: (config, value) => ({
    ...config,
    WorkingDir: posix.resolve(config.WorkingDir || "/", value),
  }),
};

/** Parses the value of `--change`. @throws {InvalidOption} */
export function parseConfigChange(text: string): ConfigChange {
  const [, word = "", value = ""] = /^\s*(\S+)\s+(.*)$/s.exec(text) ?? [];
  const instruction = word.toUpperCase();
  if (!Object.hasOwn(INSTRUCTIONS, instruction))
    throw invalid(text, `wants ${Object.keys(INSTRUCTIONS).join(", ")}, and a value`);
  // So that what is wrong is told before anything is made.
  INSTRUCTIONS[instruction]?.({}, value.trim());
  return { instruction, value: value.trim() };
}

/** The config after all changes, in order. As docker has it, the command of before was for another program than a new ENTRYPOINT. */
export function applyConfigChanges(
  config: ExecutionConfig,
  changes: readonly ConfigChange[],
): ExecutionConfig {
  const isAsked = (wanted: string): boolean => changes.some(({ instruction }) => instruction === wanted);
  const { Cmd: _, ...withoutCommand } = config;
  return changes.reduce(
    (changed, { instruction, value }) => INSTRUCTIONS[instruction]?.(changed, value) ?? changed,
    isAsked("ENTRYPOINT") && !isAsked("CMD") ? withoutCommand : config,
  );
}

function invalid(text: string, why: string): InvalidOption {
  return new InvalidOption(
    { option: "--change", value: text },
    `Invalid change ${JSON.stringify(text)}: ${why}`,
  );
}

/** `["a", "b"]`; undefined for anything else. */
function listOf(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((word) => typeof word === "string") ? list : undefined;
  } catch {
    return undefined; // then it is a command line that begins so
  }
}

function commandOf(value: string): string[] {
  return listOf(value) ?? ["/bin/sh", "-c", value];
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** `a=b "c=d e"`, and the old form `a b c`. */
function pairsOf(text: string, instruction: string): [string, string][] {
  const words = [...text.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(/["']/g, ""),
  );
  if (!words[0]?.includes("=")) {
    const [, name = "", value] = /^(\S+)\s+(.*)$/s.exec(text) ?? [];
    if (value === undefined) throw invalid(`${instruction} ${text}`, "wants NAME=VALUE");
    return [[name, value]];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals <= 0) throw invalid(`${instruction} ${text}`, "wants NAME=VALUE");
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function withVariables(env: readonly string[], pairs: readonly (readonly [string, string])[]): string[] {
  const names = new Set(pairs.map(([name]) => name));
  return [
    ...env.filter((line) => !names.has(line.split("=", 1)[0] ?? "")),
    ...pairs.map(([name, value]) => `${name}=${value}`),
  ];
}

function portOf(word: string): string {
  if (!/^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(word))
    throw invalid(`EXPOSE ${word}`, "wants PORT[/PROTOCOL]");
  return word.includes("/") ? word : `${word}/tcp`;
}

function asKeys(words: readonly string[]): Record<string, object> {
  return Object.fromEntries(words.map((word) => [word, {}]));
}
