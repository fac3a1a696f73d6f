/** What Debian's docker-registry keeps becomes ours: pushed there, pulled here. */
import { afterAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/spec/index.ts";
import { MANIFEST, Repository } from "../kits/distribution/subject.ts";
import { needs, program } from "../support/needs.ts";
import { serveRegistry } from "./support/registry.ts";
import { teu } from "./teu.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-import-"));
const servers: Bun.Subprocess[] = [];
afterAll(() => {
  for (const server of servers) server.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

needs(program("docker-registry"))(
  "an import has every tag, manifest, blob and referrer",
  async () => {
    const theirs = join(folder, "theirs");
    mkdirSync(theirs);
    const probe = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    const { port } = probe;
    await probe.stop(true);
    const storage = { filesystem: { rootdirectory: theirs }, delete: { enabled: true } };
    const http = { addr: `127.0.0.1:${port}`, secret: "x" };
    writeFileSync(join(folder, "config.yml"), JSON.stringify({ version: 0.1, storage, http }));
    const distribution = Bun.spawn(["docker-registry", "serve", join(folder, "config.yml")], {
      env: {},
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    servers.push(distribution);
    while (!(await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined))) await Bun.sleep(10);
    const there = new Repository({ url: () => `http://127.0.0.1:${port}` });
    const blob = await there.pushBlob(crypto.getRandomValues(new Uint8Array(60_000)));
    const first = await there.pushImage("1", "first");
    const second = await there.pushImage("2", "second");
    await there.pushImage("gone", "gone");
    const subject = { mediaType: MANIFEST, digest: first, size: 1 };
    const referrer = await there.pushImage("signature", "", {
      subject,
      artifactType: "application/x-signature",
    });
    await there.call("DELETE", `manifests/${digestOf(await there.image("gone"))}`);
    distribution.kill("SIGKILL");
    await distribution.exited;

    const root = join(folder, "ours");
    for (const _round of ["first", "again"]) {
      const { status, stdout, stderr } = await teu(["registry", "import", theirs, "--root", root]);
      expect([stderr, status]).toEqual(["", 0]);
      expect(stdout).toBe(`${there.name}  2 blobs, 3 manifests\n1 repositories\n`);
    }
    await using ours = await serveRegistry("--listen", "127.0.0.1:0", "--root", root);
    const url = `http://${ours.address}/v2/${there.name}`;
    expect(await (await fetch(`${url}/tags/list`)).json()).toEqual({
      name: there.name,
      tags: ["1", "2", "signature"],
    });
    for (const [tag, digest] of [
      ["1", first],
      ["2", second],
    ])
      expect<string>(digestOf(await (await fetch(`${url}/manifests/${tag}`)).bytes())).toBe(digest ?? "");
    expect<string>(digestOf(await (await fetch(`${url}/blobs/${blob}`)).bytes())).toBe(blob);
    const referrers = (await (await fetch(`${url}/referrers/${first}`)).json()) as {
      manifests: { digest: string }[];
    };
    expect(referrers.manifests.map(({ digest }) => digest)).toEqual([referrer]);
    // What is taken over has no more room than what is pushed.
    const config = join(folder, "full.yml");
    writeFileSync(config, JSON.stringify({ quotas: [{ prefix: "", bytes: 1_000 }] }));
    const full = await teu([
      "registry",
      "import",
      theirs,
      "--root",
      join(folder, "full"),
      "--config",
      config,
    ]);
    expect([full.status, full.stdout]).toEqual([1, expect.stringContaining("the registry holds")]);
    const nothing = await teu(["registry", "import", folder, "--root", join(folder, "other")]);
    expect([nothing.status, nothing.stderr]).toEqual([
      1,
      expect.stringContaining("there is no docker/registry/v2"),
    ]);
  },
  60_000,
);
