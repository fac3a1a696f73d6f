/** `teu events`. Docker's lines, filters and templates. */
import { print, withQuiet } from "../../base/index.ts";
import {
  type EventMessage,
  InvalidOption,
  openEngine,
  parseMoment,
  watchEvents,
} from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { onReaderGone, READER_GONE } from "../reader.ts";
import { FORMAT_FLAG, formatList, formatOf } from "../template/list.ts";
import { printable } from "../text.ts";

type Filter = (event: EventMessage, value: string) => boolean;

/** What is told with what runs behind a colon, of which the first word is enough. */
const WITH_MORE = ["exec_create", "exec_start", "health_status"];

const isActor = ({ actor, attributes }: EventMessage, value: string): boolean =>
  actor.startsWith(value) || attributes["name"]?.startsWith(value) === true;

/** With its tag or without. */
const isNamed = (name: string | undefined, value: string): boolean =>
  name === value || name?.replace(/:[^:/]*$/, "") === value;

function isAction({ action }: EventMessage, value: string): boolean {
  return action === value || (WITH_MORE.includes(value) && action.startsWith(`${value}:`));
}

const nothing: Filter = () => false;

/** Source: moby daemon/events/filter.go. */
const FILTERS: Readonly<Record<string, Filter>> = {
  type: ({ type }, value) => type === value,
  event: isAction,
  // What docker's events called it at first, and still do in their JSON.
  status: isAction,
  container: (event, value) => event.type === "container" && isActor(event, value),
  network: (event, value) => event.type === "network" && isActor(event, value),
  volume: (event, value) => event.type === "volume" && isActor(event, value),
  image: ({ attributes, actor, type }, value) =>
    isNamed(type === "image" ? attributes["name"] : attributes["image"], value) || isNamed(actor, value),
  label: ({ attributes }, value) => {
    const [name = "", wanted] = value.split(/=(.*)/s);
    return Object.hasOwn(attributes, name) && (wanted === undefined || attributes[name] === wanted);
  },
  scope: (_, value) => value === "local",
  // Of these nothing is told here.
  ...{ config: nothing, daemon: nothing, node: nothing, plugin: nothing, secret: nothing, service: nothing },
};

export const command = teuCommand({
  name: "teu events",
  summary: "Tell what happens to containers, images, networks and volumes",
  description:
    "It goes on until it is interrupted, or until the time of --until; with --since it begins with what was before.",
  flags: {
    since: { kind: "string", value: "TIME", summary: "Begin there: a time, or how long ago (10m)" },
    until: { kind: "string", value: "TIME", summary: "End there" },
    filter: {
      kind: "list",
      short: "f",
      value: "NAME=VALUE",
      summary: "Only those with: type, event, container, image, network, volume, label, scope",
    },
    format: FORMAT_FLAG,
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [
    { command: "teu events --filter event=die --format '{{.Actor.Attributes.name}}'", says: "Tell who ends" },
  ],
  async run({ flags }, { environment }) {
    const format = formatOf(flags.format);
    const isWanted = filterOf(flags.filter);
    const since = momentOf(flags.since);
    const until = momentOf(flags.until);
    const store = await openEngine(environment);
    const stop = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
    let isGone = false;
    using _reader = onReaderGone(() => {
      isGone = true;
      stop.abort();
    });
    const range = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
    for await (const event of watchEvents(store, range, stop.signal)) {
      if (!isWanted(event)) continue;
      const fields = dockerShape(event);
      const isJSON = flags.json || format === "json";
      const text = isJSON
        ? `${JSON.stringify(fields)}\n`
        : format
          ? formatList(format, [fields], {})
          : line(event);
      if (!print(text)) return READER_GONE;
    }
    return isGone ? READER_GONE : 0;
  },
});

function momentOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(parseMoment(text));
}

function line({ time, type, action, actor, attributes }: EventMessage): string {
  const told = Object.entries(attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
  return `${new Date(time).toISOString()} ${type} ${action} ${actor} (${printable(told.join(", "))})\n`;
}

/** Source: Docker Engine API, SystemEvents. */
function dockerShape({ time, type, action, actor, attributes }: EventMessage): Record<string, unknown> {
  const shown = {
    status: action,
    id: actor,
    from: attributes["image"] ?? "",
    Type: type,
    Action: action,
    Actor: { ID: actor, Attributes: attributes },
    scope: "local",
    time: Math.floor(time / 1000),
    timeNano: time * 1e6,
  };
  // As templates call them.
  const { status, id, from, scope, timeNano } = shown;
  return withQuiet(shown, {
    ...{ Status: status, ID: id, From: from, Scope: scope, Time: shown.time, TimeNano: timeNano },
  });
}

/** Values of one key are alternatives, keys and labels are not. @throws {InvalidOption} */
function filterOf(texts: readonly string[]): (event: EventMessage) => boolean {
  const wanted = new Map<string, string[]>();
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    if (!Object.hasOwn(FILTERS, key) || value === undefined)
      throw new InvalidOption(
        { option: "--filter", value: text },
        `invalid filter '${text}': wants ${Object.keys(FILTERS).join(", ")}, and a value`,
      );
    wanted.set(key, [...(wanted.get(key) ?? []), value]);
  }
  return (event) =>
    [...wanted].every(([key, values]) => {
      const fits = (value: string): boolean => FILTERS[key]?.(event, value) ?? false;
      return key === "label" ? values.every(fits) : values.some(fits);
    });
}
