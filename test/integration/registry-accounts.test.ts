/** Accounts, tokens and rights of the built registry, as a client that is not ours uses them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, program } from "../support/needs.ts";
import { type RegistryProcess, serveRegistry } from "./support/registry.ts";
import { type Finished, run } from "./teu.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-accounts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
  writeFileSync(join(folder, "htpasswd"), `alice:${hash}\nbob:${hash}\n`);
  const config = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } };
  const layout = join(folder, "empty.tar");
  writeFileSync(layout, new Uint8Array(1024));
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
});

async function start(name: string, lines: string): Promise<RegistryProcess> {
  const access = `
htpasswd: ${join(folder, "htpasswd")}
access:
  - { repositories: ["team/**"], identities: ["user:alice"], rights: [read, create] }
  - { repositories: ["team/**"], identities: ["user:bob"], rights: [read] }
  - { repositories: ["public/**"], identities: ["*"], rights: [read] }
`;
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, `root: ${join(folder, name)}\nlisten: 127.0.0.1:0\n${access}${lines}`);
  return await serveRegistry("--config", path);
}

/** skopeo copies one image from a directory that it made itself. */
async function push(address: string, name: string, ...flags: string[]): Promise<Finished> {
  const image = join(folder, "image");
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptor(await Bun.file(join(folder, "config.json")).text()),
    layers: [],
  };
  await Bun.write(join(image, "manifest.json"), JSON.stringify(manifest));
  await Bun.write(join(image, "version"), "Directory Transport Version: 1.1\n");
  await Bun.write(join(image, manifest.config.digest.slice(7)), Bun.file(join(folder, "config.json")));
  const to = `docker://${address}/${name}`;
  return await run(
    ["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", ...flags, `dir:${image}`, to],
    { env: { HOME: folder } },
  );
}

function descriptor(text: string): { mediaType: string; digest: string; size: number } {
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;
  return { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: text.length };
}

const skopeoTest = needs(program("skopeo"));

describe.each([
  ["passwords", ""],
  ["tokens of its own", "tokens: { lifetimeSeconds: 60 }\n"],
])("with %s", (name, lines) => {
  skopeoTest("whoever may push does, and nobody else", async () => {
    await using registry = await start(name.replaceAll(" ", "-"), lines);
    const { address } = registry;
    expect(await push(address, "team/x:1", "--dest-creds", "alice:secret")).toMatchObject({ status: 0 });
    // The tag is there now, and to move it is another right.
    for (const creds of ["alice:secret", "bob:secret", "alice:wrong"]) {
      const { status, stderr } = await push(address, "team/x:1", "--dest-creds", creds);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/denied|authentication required|unauthorized|invalid username/i);
    }
    const inspect = ["skopeo", "inspect", "--tls-verify=false", `docker://${address}/team/x:1`];
    const env = { HOME: folder };
    expect((await run([...inspect, "--creds", "bob:secret"], { env })).status).toBe(0);
    expect((await run(inspect, { env })).status).not.toBe(0);
  });
});

test("behind a proxy clients are sent to the proxy for tokens", async () => {
  await using registry = await start("proxied", "tokens: {}\ntrustForwarded: true\n");
  const { address } = registry;
  const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "images.example" };
  const response = await fetch(`http://${address}/v2/`, { headers });
  expect(response.headers.get("www-authenticate")).toContain('realm="https://images.example/auth/token"');
  const direct = await fetch(`http://${address}/v2/`);
  expect(direct.headers.get("www-authenticate")).toContain(`realm="http://${address}/auth/token"`);
});
