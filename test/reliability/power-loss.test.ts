/**
 * Power loss by simulation: a script's writes, syncs and renames are recorded, and the store is made again as a power cut at a
 * moment leaves it, with random parts of what was not synced by then dropped. It opens, `system check` finds nothing that is broken, `system
 * repair` clears away what is left over, and everything that a command had acknowledged is there.
 *
 *   TEU_RELIABILITY_CUTS=5000 bun scripts/test.ts test/reliability/power-loss.test.ts
 *   TEU_RELIABILITY_CUTS=every bun scripts/test.ts test/reliability/power-loss.test.ts      at every moment once
 */
import { expect } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { busyboxLayer, pushLayers } from "../integration/support/make-image.ts";
import { Store, startRegistry } from "../integration/support/registry.ts";
import { TEU } from "../integration/teu.ts";
import { needs, program, root } from "../support/needs.ts";
import { filesBelow, History, record } from "../support/power-loss.ts";

const CUTS = process.env["TEU_RELIABILITY_CUTS"] ?? "120";
/** As many as a script of this length has events, at most. */
const MOST_CUTS = CUTS === "every" ? 10_000 : Number(CUTS);

/** What acknowledges, and what is there from then on until a later line takes it back. */
const SCRIPT = `
set -e
ack() { echo "$*" >> $TEU_ROOT/acknowledged; }
$TEU volume create one >/dev/null; ack volume one
$TEU pull --quiet $IMAGE >/dev/null; ack image $IMAGE
$TEU tag $IMAGE tagged/it; ack image tagged/it
$TEU create --network none --name made $IMAGE true >/dev/null; ack container made
$TEU run -d --network none --name ran -v two:/v $IMAGE sh -c 'exit 3' >/dev/null; ack container ran; ack volume two
test $($TEU wait ran) = 3; ack exit ran 3
$TEU run --rm --network none $IMAGE true
$TEU rename made other; ack renamed made other
$TEU commit ran committed/it >/dev/null; ack image committed/it
$TEU volume create three >/dev/null; ack volume three
`;

needs(root, program("busybox"), program("strace"))(
  "a power cut at any moment loses nothing that was acknowledged",
  async () => {
    const seed = Number(process.env["TEU_RELIABILITY_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`TEU_RELIABILITY_SEED=${seed}`);
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
      return (state ^ (state >>> 13)) % below;
    };
    await using store = new Store();
    const place = store.env["TEU_ROOT"] ?? "";
    {
      await using registry = await startRegistry();
      const image = `${registry.address}/test/box`;
      await pushLayers(image, [busyboxLayer()]);
      const script = store.path("script");
      writeFileSync(script, SCRIPT);
      const env = { ...store.env, TEU, IMAGE: image };
      expect(await record(["sh", script], store.path("trace"), env)).toBe(0);
    }
    const history = new History(place, store.path("trace"));
    const real = filesBelow(place);
    await clear(store);
    // The model must be the disk where nothing is lost, else it shows nothing.
    history.leave(history.events.length, () => true);
    const modelled = filesBelow(place);
    for (const [path, bytes] of real)
      if (!/^snapshots\/\d+\/(work|fs)\/|-shm$/.test(path))
        expect(modelled.get(path)?.equals(bytes), path).toBe(true);
    const lines = (real.get("acknowledged")?.toString() ?? "").trim().split("\n");
    const acknowledged = lines.map((line) => ({
      line,
      from: history.momentOf(`${place}/acknowledged`, `${line}\n`),
    }));

    const syncs = history.events.flatMap(({ kind }, index) => (kind === "sync" ? [index, index + 1] : []));
    const telling = [...acknowledged.map(({ from }) => from), history.events.length, ...syncs];
    const moments =
      CUTS === "every"
        ? Array.from({ length: history.events.length + 1 }, (_, moment) => moment)
        : Array.from({ length: MOST_CUTS }, (_, cut) =>
            cut < MOST_CUTS / 2 && cut < telling.length
              ? (telling[cut] ?? 0)
              : random(history.events.length + 1),
          );
    console.log(`${moments.length} cuts in ${history.events.length} events`);
    expect(moments.length).toBeLessThanOrEqual(MOST_CUTS);
    for (const moment of moments) {
      // Nothing that was not synced, some of it, nearly all.
      const share = [0, 50, 90][random(3)] ?? 0;
      const what = `${moment} of ${history.events.length} events, ${share}% of what was not synced`;
      await clear(store);
      history.leave(moment, () => random(100) < share);
      const there = acknowledged.filter(({ from }) => from <= moment).map(({ line }) => line);
      expect(await missing(store, there), what).toEqual([]);
    }
    await clear(store);
  },
  MOST_CUTS * 2000 + 60_000,
);

async function clear(store: Store): Promise<void> {
  for (const key of ["TEU_ROOT", "TEU_RUN"]) rmSync(store.env[key] ?? "", { recursive: true, force: true });
}

/** One object a line. */
function problems(text: string): { kind: string; subject: string; problem: string }[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** What is wrong with the store, and what of the acknowledged is not there. */
async function missing(store: Store, acknowledged: readonly string[]): Promise<string[]> {
  const wrong: string[] = [];
  const checked = await store.teu("system", "check", "--json");
  if (checked.stderr !== "") wrong.push(checked.stderr);
  // What nobody was told of may be half there, and is made whole or cleared away.
  for (const { kind, subject, problem } of problems(checked.stdout))
    if (kind !== "orphan" && (kind !== "volume" || acknowledged.includes(`volume ${subject}`)))
      wrong.push(`${kind} ${subject}: ${problem}`);
  const repaired = await store.teu("system", "repair");
  if (repaired.status !== 0) wrong.push(`repair: ${repaired.stderr}`);
  const again = await store.teu("system", "check");
  if (again.stdout !== "Everything is right\n") wrong.push(`after repair: ${again.stdout}`);
  const images = (await store.teu("images", "--format", "{{.Repository}}")).stdout.split("\n");
  const volumes = (await store.teu("volume", "ls", "-q")).stdout.split("\n");
  const format = "{{.Names}} {{.Status}}";
  const containers = (await store.teu("ps", "-a", "--format", format)).stdout.split("\n");
  const names = new Set(containers.map((line) => line.split(" ")[0]));
  for (const line of acknowledged) {
    const [kind = "", name = "", other = ""] = line.split(" ");
    const isThere =
      kind === "image"
        ? images.includes(name)
        : kind === "volume"
          ? volumes.includes(name)
          : kind === "renamed"
            ? names.has(other)
            : kind === "exit"
              ? containers.some((text) => text.startsWith(`${name} Exited (${other})`))
              : names.has(name) || (name === "made" && names.has("other"));
    if (!isThere) wrong.push(`${line}: not there`);
  }
  return wrong;
}
