/**
 * Images that other tools packed travel the whole way: skopeo pushes them to our registry, teu pulls, unpacks and runs
 * them; and what teu pushes, skopeo copies and runc runs.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { needs, program, root } from "../support/needs.ts";
import { copyBySkopeo, digestBySkopeo, imagesFolder, peer, unpackByUmoci } from "./support/images.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { describeTree } from "./support/tree.ts";
import { TEU } from "./teu.ts";

const WANTED = [root, ...["umoci", "skopeo", "buildah", "debootstrap", "getfattr", "runc"].map(program)];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

/** Images, and the one of the same content that umoci, which knows no zstd, unpacks in its place. */
const IMAGES = [
  { image: "debian:base", same: "debian:base" },
  { image: "debian:changed", same: "debian:changed" },
  { image: "tarred:latest", same: "tarred:latest" },
  { image: "busybox:plain", same: "busybox:plain" },
  { image: "busybox:gzip", same: "busybox:plain" },
  { image: "busybox:zstd", same: "busybox:plain" },
];

let registry: RegistryProcess;
let store: Store;
/** The image's name at our registry. */
const remote = (image: string): string => `${registry.address}/test/${image}`;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  for (const { image } of IMAGES)
    await copyBySkopeo(`oci:${imagesFolder()}/${image}`, `docker://${remote(image)}`, "--preserve-digests");
}, 180_000);
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

describe("images of other tools", () => {
  test.each(IMAGES)("$image: the registry serves the manifest that skopeo pushed", async ({ image }) => {
    const original = await digestBySkopeo(`oci:${imagesFolder()}/${image}`);
    expect(await digestBySkopeo(`docker://${remote(image)}`)).toBe(original);
  });

  test.each(IMAGES)("$image: unpack makes the tree that umoci makes", async ({ image, same }) => {
    await using own = new Store();
    await own.done("pull", remote(image));
    await own.done("unpack", remote(image), own.path("bundle"));
    const wanted = describeTree(await unpackByUmoci(`${imagesFolder()}/${same}`, own.path("umoci")));
    expect(describeTree(own.path("bundle/rootfs"))).toEqual(wanted);
    if (image.startsWith("debian")) expect(wanted.length).toBeGreaterThan(5000);
  });

  // A container of `changed` did not start: its second layer, on its own, was refused.
  test("debian:changed: a container's layers, one over the other, make the tree that umoci makes", async () => {
    await using own = new Store();
    const child = Bun.spawn([TEU, "run", "--rm", "-i", remote("debian:changed"), "cat"], {
      env: { ...own.env },
      stdin: "pipe",
      stdout: "pipe",
    });
    child.stdin.write("here\n");
    await child.stdout.getReader().read();
    const [id = ""] = readdirSync(own.path("run/containers"));
    const found = describeTree(own.path(`run/containers/${id}/rootfs`));
    child.stdin.end();
    expect(await child.exited).toBe(0);
    const wanted = describeTree(await unpackByUmoci(`${imagesFolder()}/debian:changed`, own.path("umoci")));
    // Docker's sign of a container, a place for the mount on /etc/hosts, and the link /etc/mtab, are made when the container is, which changes its parents' times.
    const isOfImage = (line: string): boolean => !/^"(\.dockerenv|etc|etc\/hosts|etc\/mtab)?" /.test(line);
    expect(found.filter(isOfImage)).toEqual(wanted.filter(isOfImage));
  });

  test("debian runs: its release, its user, its package manager", async () => {
    const output = await store.done(
      "run",
      "--rm",
      remote("debian:base"),
      "bash",
      "-c",
      "cat /etc/os-release; id; apt-get --version",
    );
    expect(output).toContain('NAME="Debian GNU/Linux"');
    expect(output).toContain("uid=0(root) gid=0(root) groups=0(root)");
    expect(output).toMatch(/^apt \d+\.\d+/m);
  });

  test.each(IMAGES.filter(({ image }) => image.startsWith("busybox")))("$image runs", async ({ image }) => {
    expect(await store.done("run", "--rm", remote(image), "echo", "from", "busybox")).toBe("from busybox\n");
  });
});

describe("images of ours", () => {
  test("what teu pushes, skopeo copies with its digest, and umoci unpacks as before", async () => {
    await using own = new Store();
    const copy = `${registry.address}/copies/debian:ours`;
    await own.done("pull", remote("debian:changed"));
    await own.done("tag", remote("debian:changed"), copy);
    await own.done("push", copy);
    const layout = own.path("layout");
    await copyBySkopeo(`docker://${copy}`, `oci:${layout}:copied`, "--preserve-digests");
    expect(await digestBySkopeo(`oci:${layout}:copied`)).toBe(
      await digestBySkopeo(`docker://${remote("debian:changed")}`),
    );
    const original = describeTree(await unpackByUmoci(`${imagesFolder()}/debian:changed`, own.path("one")));
    expect(describeTree(await unpackByUmoci(`${layout}:copied`, own.path("other")))).toEqual(original);
  });

  // The tag stood in the column of the repository.
  test("images shows a name that has a digest without its tag", async () => {
    await using own = new Store();
    const image = remote("busybox:gzip");
    await own.done("pull", `${image}@${await digestBySkopeo(`docker://${image}`)}`);
    const [repository = ""] = image.split(":gzip");
    expect(await own.done("images")).toMatch(new RegExp(`^${repository} +<none> +[0-9a-f]{12} `, "m"));
  });

  test("save writes an archive that skopeo reads, and load reads one that skopeo writes", async () => {
    await using own = new Store();
    await own.done("pull", remote("busybox:gzip"));
    await own.done("save", "-o", own.path("ours.tar"), remote("busybox:gzip"));
    const digest = await digestBySkopeo(`docker://${remote("busybox:gzip")}`);
    await copyBySkopeo(
      `oci-archive:${own.path("ours.tar")}`,
      `oci:${own.path("layout")}:x`,
      "--preserve-digests",
    );
    expect(await digestBySkopeo(`oci:${own.path("layout")}:x`)).toBe(digest);
    // As docker reads it, which knew no layouts for long.
    await copyBySkopeo(
      `docker-archive:${own.path("ours.tar")}:${remote("busybox:gzip")}`,
      `dir:${own.path("dir")}`,
    );

    await using other = new Store();
    const archive = `oci-archive:${own.path("theirs.tar")}:example.test/box:1`;
    await copyBySkopeo(`docker://${remote("busybox:gzip")}`, archive, "--preserve-digests");
    await other.done("load", "-i", own.path("theirs.tar"));
    expect(await other.done("images")).toContain("example.test/box");
    expect(await other.done("run", "--rm", "example.test/box:1", "echo", "loaded")).toBe("loaded\n");
  });

  test("runc runs the bundle that unpack writes", async () => {
    await using own = new Store();
    await own.done("pull", remote("debian:base"));
    await own.done("unpack", remote("debian:base"), own.path("bundle"));
    const file = own.path("bundle/config.json");
    const config = JSON.parse(readFileSync(file, "utf8"));
    config.process.args = ["bash", "-c", "cat /etc/os-release; id -u; apt-get --version"];
    config.process.terminal = false;
    writeFileSync(file, JSON.stringify(config));
    const id = `teu-test-unpacked-${process.pid}`;
    const output = await peer("runc", "--root", own.path("runc"), "run", "--bundle", own.path("bundle"), id);
    expect(output).toContain('NAME="Debian GNU/Linux"');
    expect(output).toMatch(/^apt \d+\.\d+/m);
  });
});
