/** Images on their way from a layout to a registry, and from one registry to another, beside skopeo. */
import { join } from "node:path";
import { copyBySkopeo } from "../test/integration/support/images.ts";
import { type Server, start } from "./registry.ts";
import { type LargeImage, makeLargeImage } from "./support/large-image.ts";
import { OwnPlaces, timeTeu } from "./support/own-places.ts";
import type { Section, Skipped, Table } from "./support/report.ts";
import { measure, SAMPLES, type Subject, timeCommand } from "./support/sample.ts";

const TITLE = "Push and copy";
const PUSHES = Math.max(1, Math.min(SAMPLES, 10));
const MOST_MS = 60_000;
const SKOPEO = ["skopeo", "--insecure-policy", "copy", "--quiet"];

function reference({ url }: Server): string {
  return `${new URL(url).host}/large:1`;
}

/** Sends with `send` to a registry that has nothing, whose start is not counted; what arrived has to be the same image. */
function into(registry: string, name: string, digest: string, send: (to: string) => number): Subject {
  return {
    name,
    async sample() {
      await using server = await start(registry);
      timeCommand(["sync"]);
      const took = send(reference(server));
      const answer = await fetch(`${server.url}/large/manifests/1`, {
        headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
      });
      const arrived = new Bun.CryptoHasher("sha256").update(await answer.bytes()).digest("hex");
      if (`sha256:${arrived}` !== digest) throw new Error(`${name} made another image: sha256:${arrived}`);
      return took;
    },
  };
}

function pushers(registry: string, { layouts, digests }: LargeImage, store: string): Subject[] {
  return [
    into(registry, "skopeo copy", digests.gzip, (to) =>
      timeCommand([...SKOPEO, "--dest-tls-verify=false", `oci:${layouts.gzip}:1`, `docker://${to}`]),
    ),
    into(registry, "teu push", digests.gzip, (to) => {
      timeTeu(store, "tag", "large:1", to);
      return timeTeu(store, "push", "--quiet", to);
    }),
    into(registry, "teu copy", digests.gzip, (to) =>
      timeTeu(store, "copy", "--quiet", `oci:${layouts.gzip}:1`, `docker://${to}`),
    ),
  ];
}

function copiers(registry: string, source: Server, { digests }: LargeImage, store: string): Subject[] {
  const from = `docker://${reference(source)}`;
  const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
  return [
    into(registry, "skopeo copy", digests.gzip, (to) =>
      timeCommand([...SKOPEO, ...insecure, from, `docker://${to}`]),
    ),
    into(registry, "teu copy", digests.gzip, (to) =>
      timeTeu(store, "copy", "--quiet", from, `docker://${to}`),
    ),
  ];
}

export async function benchPush(): Promise<Section | Skipped> {
  if (process.getuid?.() !== 0) return { title: TITLE, reason: "it needs root" };
  const missing = ["docker-registry", "skopeo"].filter((name) => Bun.which(name) === null);
  if (missing.length > 0) return { title: TITLE, reason: `${missing.join(", ")} is not installed` };
  using made = makeLargeImage();
  using places = new OwnPlaces();
  const store = join(places.next(), "store");
  timeTeu(store, "copy", "--quiet", `oci:${made.layouts.gzip}:1`, "store:large:1");
  const sampling = { samples: PUSHES, pauseMs: 0, mostMs: MOST_MS };
  const tables: Table[] = [];
  for (const registry of ["distribution", "teu"]) {
    const rows = await measure(pushers(registry, made, store), sampling);
    tables.push({ name: `push to a registry of ${registry}`, rows });
    await using source = await start(registry);
    await copyBySkopeo(`oci:${made.layouts.gzip}:1`, `docker://${reference(source)}`, "--preserve-digests");
    tables.push({
      name: `copy between two registries of ${registry}`,
      rows: await measure(copiers(registry, source, made, store), sampling),
    });
  }
  return {
    title: TITLE,
    says:
      `An image of ten layers, ${made.megabytes.gzip.toFixed(0)} MB of gzip, to a registry on the same machine and processors that has nothing of it; the digest there is checked after each.\n` +
      "distribution is Debian's docker-registry. Goals, of skopeo: push at most 0.83, copy 1.0.",
    unit: "ms",
    tables,
  };
}
