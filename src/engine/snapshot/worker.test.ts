import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { putBlob, tarOf, useStore } from "../../../test/support/engine-store.ts";
import { hasCode } from "../../base/index.ts";
import { type DiffID, digestOf } from "../../spec/index.ts";
import type { Store } from "../store/store.ts";
import { type LayerJob, LayerProcess } from "./worker.ts";

const rootTest = test.skipIf(process.getuid?.() !== 0);

let store: Store;
useStore((opened) => {
  store = opened;
});

const target = (name: string): string => join(store.paths.run, name);

function jobOf(name: string, bytes: Uint8Array = tarOf({ [name]: name })): LayerJob {
  const { digest } = putBlob(store, bytes, "application/vnd.oci.image.layer.v1.tar");
  mkdirSync(target(name));
  return {
    blob: store.content.path(digest),
    digest,
    target: target(name),
    mode: "overlay",
    isSynced: false,
    diffID: digestOf(bytes) as string as DiffID,
  };
}

rootTest("LayerProcess unpacks one layer after the other, also after one that fails", async () => {
  await using process = new LayerProcess(new AbortController().signal);
  expect(await process.unpack(jobOf("a"))).toMatchObject({ entries: 1 });
  const damaged = await process.unpack(jobOf("b", Buffer.from("no tar at all"))).catch((error) => error);
  expect(hasCode(damaged, "invalid-archive")).toBe(true);
  const gone = { ...jobOf("c"), target: target("nowhere") };
  const failure = await process.unpack(gone).catch((error) => error);
  expect([failure.code, failure.message]).toEqual([
    "layer-file-failed",
    expect.stringContaining(target("nowhere")),
  ]);
  expect(await process.unpack(jobOf("d"))).toMatchObject({ entries: 1 });
  expect(readFileSync(join(target("d"), "d"), "utf8")).toBe("d");
});

rootTest("LayerProcess says that its process was killed", async () => {
  const stop = new AbortController();
  await using process = new LayerProcess(stop.signal);
  await process.unpack(jobOf("a"));
  const [child] = readFileSync(`/proc/self/task/${globalThis.process.pid}/children`, "utf8")
    .trim()
    .split(" ")
    .slice(-1);
  globalThis.process.kill(Number(child), "SIGKILL");
  for (let number = 0; number < 2; number++) {
    const error = await process.unpack(jobOf(`b${number}`)).catch((failure) => failure);
    expect([error.code, error.context.status]).toEqual(["unpack-died", 137]);
  }
});

rootTest("LayerProcess ends when it is told to stop", async () => {
  const stop = new AbortController();
  await using process = new LayerProcess(stop.signal);
  await process.unpack(jobOf("a"));
  stop.abort(new Error("enough"));
  expect(await process.unpack(jobOf("b")).catch((error) => error.message)).toBe("enough");
  expect(existsSync(join(target("b"), "b"))).toBe(false);
});
