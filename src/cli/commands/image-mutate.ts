/** `teu image mutate`: an image with another config, annotations, or more layers. Crane's flags. */
import { basename } from "node:path";
import {
  applyConfigChanges,
  InvalidOption,
  mutateImage,
  openEngine,
  parseConfigChange,
} from "../../engine/index.ts";
import type { ExecutionConfig } from "../../spec/index.ts";
import { readArchive } from "../archive-file.ts";
import { teuCommand } from "../context.ts";
import { ANNOTATION_FLAG, EDIT_FLAGS, editOptions, pairsOf, printEdited } from "../edit-flags.ts";
import { platformOf } from "../image-flags.ts";

export const command = teuCommand({
  name: "teu image mutate",
  summary: "Change an image's config and annotations, add layers to it",
  description: `Documents that are not changed keep their bytes, fields that teu does not know stay, and so do docker's media types (but a manifest with annotations is one of the
image specification). Of an index, the image for --platform is taken, and needs a --tag.`,
  flags: {
    annotation: ANNOTATION_FLAG,
    append: { kind: "list", value: "FILE", summary: "Add a layer: a tar, plain or compressed" },
    change: {
      kind: "list",
      short: "c",
      value: "INSTRUCTION",
      summary: "As a Dockerfile says it: CMD, ENV, USER, …",
    },
    cmd: { kind: "string", value: "WORD,WORD…", summary: "Default command; or a list as JSON" },
    entrypoint: {
      kind: "string",
      value: "WORD,WORD…",
      summary: "Entrypoint, without a command unless --cmd says one",
    },
    env: { kind: "list", short: "e", value: "NAME=VALUE", summary: "Set an environment variable" },
    "exposed-ports": { kind: "list", value: "PORT[/PROTOCOL]", summary: "Ports that it serves" },
    label: { kind: "list", short: "l", value: "KEY=VALUE", summary: "Set a label" },
    "set-platform": {
      kind: "string",
      value: "OS/ARCH[/VARIANT]",
      summary: "What the config says that it is for",
    },
    user: { kind: "string", short: "u", value: "USER[:GROUP]", summary: "Default user" },
    workdir: { kind: "string", short: "w", value: "DIR", summary: "Working directory" },
    ...EDIT_FLAGS,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [
    {
      command: "teu image mutate --entrypoint /serve --cmd=--port,80 -t app:2 app:1",
      says: "Start another program",
    },
    { command: "teu image mutate --append files.tar.gz -t app:2 app:1", says: "Add files without a build" },
  ],
  async run({ flags, arguments: [name = ""] }, { environment }) {
    const config = configChange(flags);
    const annotations = { set: pairsOf("--annotation", flags.annotation), remove: [] };
    const setPlatform = platformOf(flags["set-platform"]);
    const store = await openEngine(environment);
    const append = flags.append.map((file) => ({
      source: readArchive(file, "append"),
      createdBy: `teu image mutate --append ${basename(file)}`,
    }));
    const image = await mutateImage(
      store,
      name,
      { config, setPlatform, annotations, append },
      editOptions(flags),
    );
    printEdited(image, flags);
    return 0;
  },
});

/** All that is wrong with the flags is told before anything is made. @throws {InvalidOption} */
function configChange(flags: {
  readonly change: readonly string[];
  readonly cmd: string | undefined;
  readonly entrypoint: string | undefined;
  readonly env: readonly string[];
  readonly "exposed-ports": readonly string[];
  readonly label: readonly string[];
  readonly user: string | undefined;
  readonly workdir: string | undefined;
}): (config: ExecutionConfig) => ExecutionConfig {
  const variables = pairsOf("--env", flags.env);
  const labels = pairsOf("--label", flags.label);
  const ports = flags["exposed-ports"].flatMap((text) => text.split(",")).map(portOf);
  const changes = flags.change.map(parseConfigChange);
  const { cmd, entrypoint, user, workdir } = flags;
  return (before) => {
    const { Cmd, ...withoutCommand } = before;
    const after = {
      ...(entrypoint === undefined ? before : { ...withoutCommand, Entrypoint: wordsOf(entrypoint) }),
      ...(cmd !== undefined && { Cmd: wordsOf(cmd) }),
      ...(flags.env.length > 0 && { Env: withVariables(before.Env ?? [], variables) }),
      ...(ports.length > 0 && { ExposedPorts: { ...before.ExposedPorts, ...Object.fromEntries(ports) } }),
      ...(flags.label.length > 0 && { Labels: { ...before.Labels, ...labels } }),
      ...(user !== undefined && { User: user }),
      ...(workdir !== undefined && { WorkingDir: workdir }),
    };
    return applyConfigChanges(after, changes);
  };
}

/** `a,b` as crane has it, or `["a,b"]`. */
function wordsOf(text: string): string[] {
  if (text.startsWith("[")) {
    try {
      const words: unknown = JSON.parse(text);
      if (Array.isArray(words) && words.every((word) => typeof word === "string")) return words;
    } catch {
      // Then it is a word that begins so.
    }
  }
  return text === "" ? [] : text.split(",");
}

/** Those that are there keep their place. */
function withVariables(before: readonly string[], variables: Readonly<Record<string, string>>): string[] {
  const left = new Map(Object.entries(variables));
  const kept = before.map((line) => {
    const [key = ""] = line.split("=", 1);
    const value = left.get(key);
    left.delete(key);
    return value === undefined ? line : `${key}=${value}`;
  });
  return [...kept, ...[...left].map(([key, value]) => `${key}=${value}`)];
}

/** @throws {InvalidOption} */
function portOf(text: string): [string, object] {
  const [, port, protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  if (port !== undefined && Number(port) >= 1 && Number(port) <= 65_535)
    return [`${Number(port)}/${protocol}`, {}];
  throw new InvalidOption(
    { option: "--exposed-ports", value: text },
    `Invalid value ${JSON.stringify(text)} of --exposed-ports: wants PORT[/PROTOCOL]`,
  );
}
