/** `--filter` of `teu ps`. Docker's keys: values of one key are alternatives, keys are not. Labels must all be there. */
import { type ContainerSummary, InvalidOption } from "../engine/index.ts";
import { hasLabel } from "./label-filter.ts";

type Filter = (container: ContainerSummary, value: string, all: readonly ContainerSummary[]) => boolean;

const STATUSES = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];

const FILTERS: Readonly<Record<string, Filter>> = {
  name: ({ name }, value) => new RegExp(value.replace(/^\//, "")).test(name),
  id: ({ id }, value) => id.startsWith(value),
  status: (container, value) => statusOf(container) === value,
  label: ({ labels }, value) => hasLabel(labels, value),
  "label!": ({ labels }, value) => !hasLabel(labels, value),
  ancestor: ({ image, imageDigest }, value) =>
    image === value ||
    image === `${value}:latest` ||
    imageDigest.replace("sha256:", "").startsWith(value.replace("sha256:", "")),
  network: ({ networks }, value) => networks.includes(value),
  volume: ({ volumes }, value) => volumes.includes(value),
  publish: ({ ports }, value) => {
    const [port, protocol] = value.split("/");
    return ports.some(
      (published) =>
        `${published.hostPort}` === port && (protocol === undefined || published.protocol === protocol),
    );
  },
  health: ({ health = "none" }, value) => health === value,
  exited: (container, value) => statusOf(container) === "exited" && `${container.exitStatus}` === value,
  before: ({ createdAt }, value, all) => createdAt < momentOf(value, all),
  since: ({ createdAt }, value, all) => createdAt > momentOf(value, all),
};

function statusOf({ phase, startedAt, isPaused }: ContainerSummary): string {
  if (phase === "running") return isPaused ? "paused" : "running";
  return startedAt === null ? "created" : "exited";
}

function momentOf(text: string, all: readonly ContainerSummary[]): number {
  const found = all.find(({ id, name }) => name === text || id.startsWith(text));
  if (found === undefined)
    throw new InvalidOption({ option: "--filter", value: text }, `No such container: ${text}`);
  return found.createdAt;
}

/** What the values of `--filter` mean together. */
export interface ContainerFilter {
  readonly isWanted: (container: ContainerSummary, all: readonly ContainerSummary[]) => boolean;
  /** Whether containers that do not run are asked for by it. */
  readonly asksForEnded: boolean;
}

/** Parses them. @throws {InvalidOption} */
export function containerFilter(texts: readonly string[]): ContainerFilter {
  const wanted = new Map<string, string[]>();
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    const invalid = (why: string) =>
      new InvalidOption({ option: "--filter", value: text }, `invalid filter '${text}': ${why}`);
    if (!Object.hasOwn(FILTERS, key) || value === undefined)
      throw invalid(`wants ${Object.keys(FILTERS).join(", ")}, and a value`);
    if (key === "status" && !STATUSES.includes(value)) throw invalid(`wants ${STATUSES.join(", ")}`);
    if (key === "name" && !isPattern(value)) throw invalid("it is no regular expression");
    wanted.set(key, [...(wanted.get(key) ?? []), value]);
  }
  return {
    isWanted: (container, all) =>
      [...wanted].every(([key, values]) => {
        const filter = FILTERS[key];
        const fits = (value: string): boolean => filter?.(container, value, all) ?? false;
        return key.startsWith("label") ? values.every(fits) : values.some(fits);
      }),
    asksForEnded: wanted.has("status") || wanted.has("exited"),
  };
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
