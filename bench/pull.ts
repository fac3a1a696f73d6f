/** From a registry to a tree that a container can have: pulled and unpacked, beside skopeo with umoci, podman, and the decompressor alone. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { copyBySkopeo } from "../test/integration/support/images.ts";
import { start } from "./registry.ts";
import { COMPRESSIONS, type Compression, type LargeImage, makeLargeImage } from "./support/large-image.ts";
import { MemoryDisk } from "./support/memory-disk.ts";
import { OwnPlaces, timeTeu } from "./support/own-places.ts";
import type { Section, Skipped, Table } from "./support/report.ts";
import { measure, SAMPLES, type Subject, timeCommand } from "./support/sample.ts";

const TITLE = "Pull and unpack";
/** A round takes half a minute, or several on a busy machine. */
const PULLS = Math.max(1, Math.min(SAMPLES, 5));
const MOST_MS = 120_000;
const PEERS = ["docker-registry", "skopeo", "umoci", "podman"];

/** Into a bundle on the disk. umoci 0.4.7 knows no zstd. */
function intoBundle(image: string, kind: Compression, places: OwnPlaces): Subject[] {
  const teu: Subject = {
    name: "teu unpack",
    sample() {
      const place = places.next();
      mkdirSync(place);
      return timeTeu(place, "unpack", "--quiet", image, join(place, "bundle"));
    },
  };
  if (kind !== "gzip") return [teu];
  const peers: Subject = {
    name: "skopeo copy, umoci unpack",
    sample() {
      const place = places.next();
      mkdirSync(place);
      const layout = `${place}/layout:1`;
      const skopeo = ["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"];
      const copied = timeCommand([...skopeo, `docker://${image}`, `oci:${layout}`]);
      return copied + timeCommand(["umoci", "unpack", "--image", layout, join(place, "bundle")]);
    },
  };
  return [peers, teu];
}

/** Into a store, from which containers are made. */
function intoStore(image: string, places: OwnPlaces): Subject[] {
  return [
    {
      name: "podman pull",
      sample() {
        const place = places.next();
        const store = ["--root", `${place}/root`, "--runroot", `${place}/run`, "--storage-driver=overlay"];
        return timeCommand(["podman", ...store, "pull", "--quiet", "--tls-verify=false", image]);
      },
    },
    {
      name: "teu create",
      sample: () => timeTeu(places.next(), "create", "--network=none", image, "true"),
    },
  ];
}

/** All layers to nowhere, one after the other. */
function decompressor(kind: Compression, { layers }: LargeImage): Subject {
  const name = `${kind} -dc`;
  return { name, sample: () => timeCommand(["sh", "-c", `${name} "$@" >/dev/null`, "sh", ...layers[kind]]) };
}

export async function benchPull(): Promise<Section | Skipped> {
  if (process.getuid?.() !== 0) return { title: TITLE, reason: "it needs root" };
  const missing = PEERS.filter((name) => Bun.which(name) === null);
  if (missing.length > 0) return { title: TITLE, reason: `${missing.join(", ")} is not installed` };
  using made = makeLargeImage();
  await using registry = await start("distribution");
  using disk = new MemoryDisk(6);
  using places = new OwnPlaces(disk.folder);
  const tables: Table[] = [];
  for (const kind of COMPRESSIONS) {
    const image = `${new URL(registry.url).host}/large:${kind}`;
    await copyBySkopeo(`oci:${made.layouts[kind]}:1`, `docker://${image}`, "--preserve-digests");
    const samples = {
      samples: PULLS,
      pauseMs: 0,
      isColdCounted: true,
      mostMs: MOST_MS,
      afterRound: () => places.clear(),
    };
    const rows = await measure(
      [...intoBundle(image, kind, places), ...intoStore(image, places), decompressor(kind, made)],
      samples,
    );
    const row = (name: string) => rows.filter((one) => one.name === name);
    const [peers, podman] = [row("skopeo copy, umoci unpack"), row("podman pull")];
    const [unpack, create] = [row("teu unpack"), row("teu create")];
    if (peers.length > 0) tables.push({ name: `${kind}, to a bundle`, rows: [...peers, ...unpack] });
    tables.push({ name: `${kind}, to a store`, rows: [...podman, ...create] });
    tables.push({
      name: `${kind}, beside the decompressor`,
      rows: [...row(`${kind} -dc`), ...unpack, ...create],
    });
  }
  const { entries, megabytes } = made;
  const sizes = COMPRESSIONS.map((kind) => `${megabytes[kind].toFixed(0)} MB with ${kind}`).join(", ");
  return {
    title: TITLE,
    says:
      `An image of ten layers from /usr, ${entries} entries, ${megabytes.tar.toFixed(0)} MB (${sizes}), from Debian's docker-registry over loopback, on the same processors, ` +
      "into new folders on an ext4 whose disk is memory: a shared machine's own gives each what the others leave.\n" +
      "`teu unpack` and `teu create` pull, check every digest and diffID and force all of it to disk before they say so; umoci and podman do not wait for the disk. " +
      "`teu create` also makes a container. The decompressor writes nothing.\nGoal: at most 0.67 of the peers.",
    unit: "ms",
    tables,
  };
}
