/**
 * Images that want more than to be run: what their manifest, config and labels say is hostile. The classes are those by which engines were attacked:
 * layers fetched from where the manifest says (CVE-2020-15157), users that wrap around (CVE-2024-40635), an /etc/passwd without an end
 * (CVE-2024-9676), labels that an engine takes for its own notes (CVE-2026-53488), and text that speaks to terminals. The numbers are those of
 * the classes in docs/reference/attacks.md.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { digestOf } from "../../src/spec/index.ts";
import { busyboxLayer, pushLayers } from "../integration/support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "../integration/support/registry.ts";
import { needs, program, root } from "../support/needs.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());
let registry: RegistryProcess;
let store: Store;
const name = (image: string): string => `${registry.address}/hostile/${image}`;
const run = (image: string, ...words: string[]) =>
  store.teu("run", "--rm", "--network", "none", "-q", ...words, name(image), "id", "-u");

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
}, 60_000);
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

describe("15: a layer that the manifest says is elsewhere", () => {
  test.each([
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+gzip",
  ])("is not fetched from there: %s", async (mediaType) => {
    const heard: string[] = [];
    const sink = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        heard.push(`${request.method} ${request.headers.get("authorization")}`);
        return new Response("x");
      },
    });
    const config = JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [digestOf("x")] },
    });
    const image = `${registry.address}/hostile/elsewhere`;
    const begun = await fetch(
      `http://${registry.address}/v2/hostile/elsewhere/blobs/uploads/?digest=${digestOf(config)}`,
      {
        method: "POST",
        body: config,
      },
    );
    expect(begun.status).toBe(201);
    const urls = [`http://127.0.0.1:${sink.port}/layer`, "http://169.254.169.254/latest/meta-data/"];
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: digestOf(config),
        size: config.length,
      },
      layers: [{ mediaType, digest: digestOf("x"), size: 1, urls }],
    };
    const put = await fetch(`http://${registry.address}/v2/hostile/elsewhere/manifests/1`, {
      method: "PUT",
      headers: { "content-type": manifest.mediaType },
      body: JSON.stringify(manifest),
    });
    expect(put.status).toBe(201);
    const creds = ["--src-creds", "me:secret"];
    // Some copy the manifest as it is, none may ask.
    for (const words of [
      ["pull", "--creds", "me:secret", `${image}:1`],
      ["run", "--network", "none", `${image}:1`],
      ["copy", ...creds, `docker://${image}:1`, `dir:${store.path("copied")}`],
      ["copy", ...creds, `docker://${image}:1`, `docker://${image}:2`],
    ])
      expect((await store.teu(...words)).stderr).not.toContain("flag");
    expect(heard).toEqual([]);
    await sink.stop(true);
  });
});

describe("22: a config", () => {
  test.each([
    ["4294967296", "4294967296 is not between 0 and"],
    ["4294967296:4294967296", "is not between 0 and"],
    ["-1", "is not between 0 and"],
    ["99999999999999999999", "is not between 0 and"],
    ["0x0", "no such user"],
    ["1000:18446744073709551616", "is not between 0 and"],
  ])("whose user is %s is refused: it would be root", async (User, says) => {
    await pushLayers(name("user:1"), [busyboxLayer()], { config: { User } });
    const { status, stdout, stderr } = await run("user:1");
    expect([status, stdout, stderr]).toEqual([expect.any(Number), "", expect.stringContaining(says)]);
    expect(status).not.toBe(0);
    await store.teu("rmi", "-f", name("user:1"));
  });

  test.each(["/dev/zero", "/proc/self/root/etc/passwd", "../../../../../../etc/passwd", "/etc/group/x"])(
    "whose /etc/passwd is a link to %s ends, and has no user of this machine",
    async (target) => {
      const { "etc/passwd": _, ...layer } = busyboxLayer();
      await pushLayers(name("passwd:1"), [{ ...layer, "etc/passwd": `-> ${target}` }], {
        config: { User: "daemon" },
      });
      const begin = performance.now();
      const { status, stderr } = await run("passwd:1");
      expect([status, stderr]).toEqual([expect.any(Number), expect.stringContaining("no such user")]);
      expect(performance.now() - begin).toBeLessThan(10_000);
      await store.teu("rmi", "-f", name("passwd:1"));
    },
    30_000,
  );

  test("whose labels are called as an engine's own notes makes nothing of them", async () => {
    const Labels = Object.fromEntries(
      [
        "io.containerd.image.config",
        "containerd.io/restart.policy",
        "io.kubernetes.cri-o.Privileged",
        "com.docker.privileged",
        "teu.privileged",
        "io.teu.privileged",
      ].map((label) => [label, "true"]),
    );
    await pushLayers(name("labels:1"), [busyboxLayer()], { config: { Labels } });
    const { stdout } = await store.teu(
      "run",
      "--rm",
      "--network",
      "none",
      "-q",
      name("labels:1"),
      "grep",
      "CapEff",
      "/proc/self/status",
    );
    await pushLayers(name("plain:1"), [busyboxLayer()]);
    expect(stdout).toContain("CapEff");
    expect(stdout).toBe(
      (
        await store.teu(
          "run",
          "--rm",
          "--network",
          "none",
          "-q",
          name("plain:1"),
          "grep",
          "CapEff",
          "/proc/self/status",
        )
      ).stdout,
    );
  });
});

describe("27: text of an image", () => {
  test("speaks to no terminal", async () => {
    const evil = "a\x1b]0;title\x07\x1b[2Jb\x9bc\r\ndone";
    await pushLayers(name("text:1"), [busyboxLayer()], {
      config: {
        Labels: { evil, [evil]: "x" },
        Env: ["PATH=/bin", `E=${evil}`],
        Entrypoint: ["echo", evil],
        WorkingDir: "/tmp",
        User: "0",
      },
    });
    await store.done("pull", "-q", name("text:1"));
    await store.done("create", "--network", "none", "--name", "text", name("text:1"));
    for (const words of [
      ["images"],
      ["images", "--filter", "label=evil"],
      ["history", "--no-trunc", name("text:1")],
      ["ps", "-a", "--no-trunc"],
      ["ps", "-a", "--format", '{{.Command}} {{.Labels}} {{.Label "evil"}}'],
      ["inspect", name("text:1")],
      ["inspect", "text"],
    ]) {
      const { stdout, stderr } = await store.teu(...words);
      expect({ words, found: /[\x00-\x08\x0b-\x1f\x7f-\x9f]/.exec(stdout + stderr)?.[0] }).toEqual({
        words,
        found: undefined,
      });
    }
    await store.done("rm", "text");
  });
});
