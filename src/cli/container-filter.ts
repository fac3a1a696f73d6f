/** `--filter` of `teu ps`. Docker's keys: values of one key are alternatives, keys are not. Labels must all be there. */
import { type ContainerSummary, InvalidOption } from "../engine/index.ts";
import { familiarName } from "./familiar-name.ts";
import { hasLabel } from "./label-filter.ts";
import { matches } from "./matches.ts";

type Filter = (container: ContainerSummary, value: string, all: readonly ContainerSummary[]) => boolean;

const HEALTHS = ["starting", "healthy", "unhealthy", "none"];
const STATUSES = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];

const FILTERS: Readonly<Record<string, Filter>> = {
  // Docker's names begin with a slash, and nobody need write it: `^web$` and `^/web$` mean the same.
  name: ({ name }, value) => matches(value, name) || matches(value, `/${name}`),
  id: ({ id }, value) => value !== "" && id.startsWith(value),
  status: (container, value) => statusOf(container) === value,
  label: ({ labels }, value) => hasLabel(labels, value),
  "label!": ({ labels }, value) => !hasLabel(labels, value),
  ancestor: ({ imageNames, imageDigest }, value) =>
    imageNames.includes(familiarName(value, { addsTag: true })) ||
    imageDigest.replace("sha256:", "").startsWith(value.replace("sha256:", "")),
  network: ({ networks }, value) => networks.includes(value),
  volume: ({ mounts }, value) =>
    mounts.some(({ source, destination }) => [source, destination].includes(value)),
  publish: ({ ports }, value) => {
    const range = portRange(value);
    return ports.some(({ hostPort, protocol }) => isIn(range, hostPort, protocol));
  },
  expose: ({ exposed }, value) => {
    const range = portRange(value);
    return exposed.some(({ containerPort, protocol }) => isIn(range, containerPort, protocol));
  },
  health: ({ health = "none" }, value) => health === value,
  exited: (container, value) => statusOf(container) === "exited" && `${container.exitStatus}` === value,
  before: ({ createdAt }, value, all) => createdAt < momentOf(value, all),
  since: ({ createdAt }, value, all) => createdAt > momentOf(value, all),
  // Of clusters, and of Windows.
  "is-task": (_, value) => value === "false" || value === "0",
  isolation: (_, value) => value === "default",
};

interface PortRange {
  readonly first: number;
  readonly last: number;
  readonly protocol: string;
}

/** `80`, `80-90/udp`. @throws {InvalidOption} */
function portRange(text: string): PortRange {
  const [, first = "", last = first, protocol = "tcp"] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  if (first === "") throw new InvalidOption({ option: "--filter", value: text }, `invalid port: ${text}`);
  return { first: Number(first), last: Number(last), protocol };
}

function isIn(range: PortRange, port: number, protocol: string): boolean {
  return port >= range.first && port <= range.last && protocol === range.protocol;
}

/** Docker's words. */
export function statusOf({ phase, startedAt, isPaused, isRestarting }: ContainerSummary): string {
  if (phase === "running") return isPaused ? "paused" : "running";
  if (isRestarting) return "restarting";
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
    if (key === "exited" && !/^-?\d+$/.test(value)) throw invalid("wants a number");
    if (key === "health" && !HEALTHS.includes(value)) throw invalid(`wants ${HEALTHS.join(", ")}`);
    if (key === "publish" || key === "expose") portRange(value);
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
