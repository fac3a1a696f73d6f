/**
 * Which attachments to CNI networks there are on this machine, so that plugins can be told which are valid: those of every store of teu, each
 * noted from before its first plugin is called to after the last, and those of other programs, as libcni caches them.
 * Source: CNI specification 1.1, sections 2 (GC) and 3 (Lifecycle); libcni, cniCacheV1.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryLockFile, tryShareLock } from "../../../sys/index.ts";
import { type CNIAttachment, listCNIAttachments } from "../../store/cni.ts";
import type { Store } from "../../store/store.ts";
import { UnknownAttachment } from "./errors.ts";
import { isObject } from "./object.ts";

/** As plugins are told of it. */
export interface ValidAttachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** All stores' on this machine; a folder for each network. */
const NOTES = "/run/teu.cni";
/** Where programs with libcni keep what they have: containerd, CRI-O, podman, nerdctl. */
const LIBCNI_CACHE = "/var/lib/cni/results";
const LOOK_AGAIN_MS = 5;

type Place = Pick<CNIAttachment, "network" | "container" | "device">;

export function noteAttachment(place: Place): void {
  const file = noteOf(place);
  mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
  writeFileSync(file, "", { mode: 0o600 });
}

export function forgetAttachment(place: Place): void {
  rmSync(noteOf(place), { force: true });
}

function noteOf({ network, container, device }: Place): string {
  return join(NOTES, "networks", network, `${container} ${device}`);
}

/** Those of `network`. @throws {UnknownAttachment} */
export function validAttachments({ database }: Store, network: string): ValidAttachment[] {
  const folder = join(NOTES, "networks", network);
  const noted = existsSync(folder) ? readdirSync(folder).map((name) => name.split(" ")) : [];
  const all = [
    ...noted.map(([containerID = "", ifname = ""]) => ({ containerID, ifname })),
    // A reboot takes notes, and not what is to be given back yet.
    ...listCNIAttachments(database)
      .filter((attachment) => attachment.network === network)
      .map(({ container, device }) => ({ containerID: container, ifname: device })),
    ...othersAttachments(network),
  ];
  return [...new Map(all.map((one) => [`${one.containerID} ${one.ifname}`, one])).values()];
}

/** What is cached of `network` by others. A file that does not say whose it is could be of anybody. @throws {UnknownAttachment} */
function othersAttachments(network: string): ValidAttachment[] {
  if (!existsSync(LIBCNI_CACHE)) return [];
  return readdirSync(LIBCNI_CACHE).flatMap((name) => {
    const file = join(LIBCNI_CACHE, name);
    const { kind, containerId, ifName, networkName } = readObject(file);
    const isKnown = kind === "cniCacheV1" && typeof containerId === "string" && typeof ifName === "string";
    if (isKnown && networkName !== network) return [];
    if (isKnown) return [{ containerID: containerId, ifname: ifName }];
    if (!name.startsWith(`${network}-`)) return [];
    throw new UnknownAttachment({ network, file });
  });
}

function readObject(file: string): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isObject(document) ? document : {};
  } catch {
    return {}; // whoever asks goes by its name
  }
}

/** Keeps plugins from being told which attachments are valid while one comes or goes. It may wait as long as a plugin takes. */
export async function shareNetworks(): Promise<Disposable> {
  return await patiently(tryShareLock);
}

/** Waits until no attachment comes or goes, and keeps others from coming. */
export async function holdNetworks(): Promise<Disposable> {
  return await patiently(tryLockFile);
}

async function patiently(take: (path: string) => Disposable | undefined): Promise<Disposable> {
  mkdirSync(NOTES, { recursive: true, mode: 0o700 });
  for (;;) {
    const taken = take(join(NOTES, "lock"));
    if (taken !== undefined) return taken;
    await Bun.sleep(LOOK_AGAIN_MS);
  }
}
