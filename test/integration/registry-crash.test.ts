/** What the registry acknowledged survives its death, and what it was taking in goes on where it stopped. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/spec/index.ts";
import { serveRegistry } from "./support/registry.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const noise = (size: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65536)
    crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65536, size)));
  return bytes;
};

const root = mkdtempSync(join(tmpdir(), "teu-crash-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const start = () => serveRegistry("--listen", "127.0.0.1:0", "--root", root);

test("killed while it takes images in, the registry has all that it said it has", async () => {
  const acknowledged: string[] = [];
  let upload = "";
  const bytes = noise(3 << 20);
  for (let round = 0; round < 3; round += 1) {
    await using registry = await start();
    const url = `http://${registry.address}`;
    for (const digest of acknowledged) {
      expect((await fetch(`${url}/v2/crash/image/manifests/${digest}`)).status).toBe(200);
    }
    if (upload === "") {
      const begun = await fetch(`${url}/v2/crash/image/blobs/uploads/`, { method: "POST" });
      upload = begun.headers.get("location") ?? "";
    }
    // The upload goes on where the last process left it.
    const status = await fetch(url + upload);
    const [, end = "0"] = /^0-(\d+)$/.exec(status.headers.get("range") ?? "") ?? [];
    expect(Number(end)).toBe(round === 0 ? 0 : round * (1 << 20) - 1);
    const part = bytes.subarray(round << 20, (round + 1) << 20);
    expect((await fetch(url + upload, { method: "PATCH", body: part })).status).toBe(202);
    const pushers = Array.from({ length: 4 }, async (_, pusher) => {
      for (let image = 0; ; image += 1) {
        const config = JSON.stringify({ round, pusher, image });
        const digest = digestOf(config);
        const blob = await fetch(`${url}/v2/crash/image/blobs/uploads/?digest=${digest}`, {
          method: "POST",
          body: config,
        });
        if (blob.status !== 201) throw new Error(`POST of a blob answered ${blob.status}`);
        const descriptor = {
          mediaType: "application/vnd.oci.image.config.v1+json",
          digest,
          size: config.length,
        };
        const manifest = JSON.stringify({
          schemaVersion: 2,
          mediaType: MANIFEST,
          config: descriptor,
          layers: [],
        });
        const put = await fetch(`${url}/v2/crash/image/manifests/${round}-${pusher}-${image}`, {
          method: "PUT",
          headers: { "content-type": MANIFEST },
          body: manifest,
        });
        if (put.status === 201) acknowledged.push(digestOf(manifest));
      }
    });
    const ended = Promise.allSettled(pushers);
    const before = acknowledged.length;
    while (acknowledged.length < before + 40) await Bun.sleep(5);
    await registry.end("SIGKILL");
    await ended;
  }
  await using registry = await start();
  const url = `http://${registry.address}`;
  for (const digest of acknowledged)
    expect((await fetch(`${url}/v2/crash/image/manifests/${digest}`)).status).toBe(200);
  const put = await fetch(`${url}${upload}?digest=${digestOf(bytes)}`, { method: "PUT" });
  expect(put.status).toBe(201);
  const blob = await fetch(`${url}/v2/crash/image/blobs/${digestOf(bytes)}`);
  expect(digestOf(await blob.bytes())).toBe(digestOf(bytes));
}, 60_000);
