/**
 * Links in the pre-defined network, where no name server answers: a container finds another one by lines of its /etc/hosts, and by
 * variables that say where it is. In other networks an alias is the name server's (names/known.ts). Source: moby daemon/links, docker's
 * "Legacy container links".
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TeuError } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";
import { type Bundle, encodeConfig } from "../bundle/bundle.ts";
import type { HostEntry } from "../bundle/files.ts";
import { encodeAddress } from "../network/address.ts";
import { endpointsOf } from "../network/find.ts";
import { DEFAULT_NETWORK } from "../network/predefined.ts";
import type { ContainerLink } from "../options/link.ts";
import type { ExposedPort } from "../options/publish.ts";
import {
  type ContainerRecord,
  changeSettings,
  containerByID,
  containersWithLinks,
  findContainers,
} from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { type EndpointRecord, findNetworks } from "../store/networks.ts";
import type { Store } from "../store/store.ts";
import { executionConfigOf, readConfig } from "./execution-config.ts";
import { findContainer } from "./find.ts";
import { noteRecord } from "./note-record.ts";

/** The other one has no address to be told. Docker's words. */
export class CannotLink extends TeuError<
  "cannot-link",
  { container: string; target: string; alias: string }
> {
  constructor(
    context: { container: string; target: string; alias: string },
    why: "not running" | "elsewhere",
  ) {
    const { container, target, alias } = context;
    super(
      "cannot-link",
      "failed-precondition",
      context,
      why === "not running"
        ? `Cannot link to a non running container: /${target} AS /${container}/${alias}`
        : `Cannot link to /${target}, as it does not belong to the default network`,
    );
  }
}

/** There is no such link. */
export class NoSuchLink extends TeuError<"no-such-link", { link: string }> {
  constructor(context: { link: string }) {
    super("no-such-link", "not-found", context, `No such link: ${context.link}`);
  }
}

/** What the container is to find in the pre-defined network. */
export function linksOf({ settings }: Pick<ContainerRecord, "settings">): readonly ContainerLink[] {
  return settings.networks?.find(({ name }) => name === DEFAULT_NETWORK)?.links ?? [];
}

/** As docker's HostConfig has it: `/CONTAINER:/ITSELF/ALIAS`. */
export function encodeLinks(store: Store, container: ContainerRecord): string[] {
  return linksOf(container).map(
    (link) => `/${targetOf(store, link)?.name ?? link.target}:/${container.name}/${link.alias}`,
  );
}

/** Lines of its /etc/hosts: the other's alias, hostname and name, for each of its addresses. */
export function linkedHosts(store: Store, container: ContainerRecord): HostEntry[] {
  return linksOf(container).flatMap((link) => {
    const target = targetOf(store, link);
    const endpoint = target && endpointIn(store, target);
    if (target === undefined || endpoint === undefined) return []; // it has ended since
    const { hostname = "" } = readConfig(store, target) ?? {};
    const names = [...new Set([link.alias, hostname, target.name])].filter((name) => name !== "").join(" ");
    return addressesOf(endpoint).map((address) => ({ name: names, address }));
  });
}

/** `bundle` with the variables that say where the others are now, below what was asked for by name. @throws {CannotLink} */
export function withLinkedEnvironment(store: Store, container: ContainerRecord, bundle: Bundle): Bundle {
  const { process } = bundle.config;
  if (process === undefined) return bundle;
  const own = process.env ?? [];
  const names = new Set(own.map(nameOf));
  const linked = linksOf(container)
    .flatMap((link) => environmentOf(store, container, link))
    .filter((entry) => !names.has(nameOf(entry)));
  const config: RuntimeConfig = { ...bundle.config, process: { ...process, env: [...own, ...linked] } };
  const text = encodeConfig(config);
  writeFileSync(join(bundle.path, "config.json"), text, { mode: 0o600 });
  return { ...bundle, config, text };
}

/** Running containers that are to find `target`, which has another address now. */
export function linkedTo({ database }: Store, target: ContainerRecord): ContainerRecord[] {
  return containersWithLinks(database).filter((container) =>
    linksOf(container).some(({ id }) => id === target.id),
  );
}

/** Takes away the link that `text`, `CONTAINER/ALIAS`, names. @returns the container that had it. @throws {NoSuchContainer} {NoSuchLink} */
export function removeLink(store: Store, text: string): ContainerRecord {
  const [, name = "", alias = ""] = /^\/?([^/]+)\/(.+)$/.exec(text) ?? [];
  if (name === "") throw new NoSuchLink({ link: text });
  const container = findContainer(store, name);
  if (!linksOf(container).some((link) => link.alias === alias)) throw new NoSuchLink({ link: text });
  const networks = (container.settings.networks ?? []).map((attachment) =>
    attachment.name === DEFAULT_NETWORK
      ? { ...attachment, links: attachment.links?.filter((link) => link.alias !== alias) ?? [] }
      : attachment,
  );
  const settings = { ...container.settings, networks };
  inTransaction(store.database, () => changeSettings(store.database, container.id, settings));
  noteRecord(store, container.id);
  return { ...container, settings };
}

/** One that was made anew has its name again. */
function targetOf(store: Store, { id, target }: ContainerLink): ContainerRecord | undefined {
  return (
    (id === undefined ? undefined : containerByID(store.database, id)) ??
    findContainers(store.database, store.namespace, target)[0]
  );
}

function endpointIn(store: Store, { id }: ContainerRecord): EndpointRecord | undefined {
  const [network] = findNetworks(store.database, store.namespace, DEFAULT_NETWORK);
  return endpointsOf(store, id).find((endpoint) => endpoint.network === network?.id);
}

function addressesOf({ address, address6 }: EndpointRecord): string[] {
  return [encodeAddress(address), ...(address6 === null ? [] : [address6])];
}

function nameOf(entry: string): string {
  return entry.slice(0, entry.indexOf("="));
}

/** Variables of docker's: ALIAS_PORT_80_TCP_ADDR and its like for each port that it serves, ALIAS_ENV_NAME for its own variables. */
function environmentOf(store: Store, container: ContainerRecord, link: ContainerLink): string[] {
  const target = targetOf(store, link);
  const context = { container: container.name, target: target?.name ?? link.target, alias: link.alias };
  if (target?.phase !== "running") throw new CannotLink(context, "not running");
  const endpoint = endpointIn(store, target);
  if (endpoint === undefined) throw new CannotLink(context, "elsewhere");
  const prefix = link.alias.toUpperCase().replaceAll("-", "_");
  const { Env = [] } = executionConfigOf(target, readConfig(store, target));
  return [
    ...portVariables(prefix, encodeAddress(endpoint.address), target.settings.exposed ?? []),
    `${prefix}_NAME=/${container.name}/${link.alias}`,
    ...Env.filter((entry) => entry.includes("=") && !/^(HOME|PATH)=/.test(entry)).map(
      (entry) => `${prefix}_ENV_${entry}`,
    ),
  ];
}

function portVariables(prefix: string, address: string, exposed: readonly ExposedPort[]): string[] {
  // TCP first, and of that the lowest: that is `ALIAS_PORT`.
  const ports = exposed.toSorted(
    (one, other) => rankOf(one) - rankOf(other) || one.containerPort - other.containerPort,
  );
  const place = ({ protocol, containerPort }: ExposedPort) => `${protocol}://${address}:${containerPort}`;
  const nameFor = ({ protocol, containerPort }: ExposedPort) =>
    `${prefix}_PORT_${containerPort}_${protocol.toUpperCase()}`;
  const [lowest] = ports;
  return [
    ...(lowest === undefined ? [] : [`${prefix}_PORT=${place(lowest)}`]),
    ...ports.flatMap((port) => {
      const name = nameFor(port);
      const own = [`${name}=${place(port)}`, `${name}_ADDR=${address}`];
      return [...own, `${name}_PORT=${port.containerPort}`, `${name}_PROTO=${port.protocol}`];
    }),
    ...rangesOf(ports).flatMap(([first, last]) => {
      const name = nameFor(first);
      const start = [`${name}_START=${place(first)}`, `${name}_PORT_START=${first.containerPort}`];
      return [...start, `${name}_END=${place(last)}`, `${name}_PORT_END=${last.containerPort}`];
    }),
  ];
}

function rankOf({ protocol }: ExposedPort): number {
  return ["tcp", "sctp", "udp"].indexOf(protocol);
}

/** Ports in a row, of two and more, by their first and last. */
function rangesOf(ports: readonly ExposedPort[]): [first: ExposedPort, last: ExposedPort][] {
  const ranges: [ExposedPort, ExposedPort][] = [];
  for (const port of ports) {
    const open = ranges.at(-1);
    const [, last] = open ?? [];
    const isNext = last?.protocol === port.protocol && last.containerPort + 1 === port.containerPort;
    if (open !== undefined && isNext) open[1] = port;
    else ranges.push([port, port]);
  }
  return ranges.filter(([first, last]) => first !== last);
}
