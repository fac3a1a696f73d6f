/** A registry that fetches from another one what it is asked for, both of them the built program. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/spec/index.ts";
import { type RegistryProcess, serveRegistry } from "./support/registry.ts";
import { teu } from "./teu.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const folder = mkdtempSync(join(tmpdir(), "teu-cache-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(name: string, lines = ""): Promise<RegistryProcess> {
  const config = join(folder, `${name}.yaml`);
  writeFileSync(config, `root: ${join(folder, name)}\nlisten: 127.0.0.1:0\n${lines}`);
  return await serveRegistry("--config", config);
}

test("what was pulled once is had without the upstream, and what was not is not", async () => {
  await using upstream = await start("upstream");
  const there = `http://${upstream.address}/v2/team/x`;
  const layer = crypto.getRandomValues(new Uint8Array(60_000));
  const blobs = [layer, new TextEncoder().encode("{}")];
  for (const body of blobs)
    await fetch(`${there}/blobs/uploads/?digest=${digestOf(body)}`, { method: "POST", body });
  const [first, config] = blobs.map((body) => ({
    mediaType: "application/x",
    digest: digestOf(body),
    size: body.length,
  }));
  const body = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [first] });
  const headers = { "content-type": MANIFEST };
  for (const tag of ["1", "2"])
    expect((await fetch(`${there}/manifests/${tag}`, { method: "PUT", body, headers })).status).toBe(201);
  await using cache = await start("cache", `upstreams: [{ prefix: up, registry: "${upstream.address}" }]\n`);
  const here = `http://${cache.address}/v2/up/team/x`;
  for (let round = 0; round < 2; round += 1) {
    const manifest = await fetch(`${here}/manifests/1`);
    expect(await manifest.text()).toBe(body);
    const got = await (await fetch(`${here}/blobs/${digestOf(layer)}`)).bytes();
    expect(digestOf(got)).toBe(digestOf(layer));
    await upstream.end("SIGKILL");
  }
  const unknown = await fetch(`${here}/blobs/${digestOf("{}")}`);
  expect([unknown.status, await unknown.text()]).toEqual([503, expect.stringContaining("UNAVAILABLE")]);
  const { stdout } = await teu(["registry", "check", "--config", join(folder, "cache.yaml")]);
  expect(stdout).toBe("Everything is right\n");
}, 60_000);
