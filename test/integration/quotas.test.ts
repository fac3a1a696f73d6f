/** `--opt size` and `--storage-opt size`: what a volume and a container may take, on a file system with quotas of projects, and on one without. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { copyFileSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { type Need, needs, program, root } from "../support/needs.ts";
import { peer } from "./support/images.ts";
import { Store } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

/** A loop device, and an ext4 that keeps quotas: not in every container that tests run in. */
const loop: Need = {
  says: "loop devices, and ext4 with quotas of projects",
  isMet: () => {
    const script = `for m in loop quota_v2 ext4; do modprobe -q $m; done 2>/dev/null; set -e; d=$(mktemp -d); truncate -s 16M $d/f; mkfs.ext4 -q -O quota,project -E quotatype=prjquota $d/f
mkdir $d/m; mount -o loop,prjquota $d/f $d/m; umount $d/m; rm -r $d`;
    return Bun.spawnSync(["sh", "-c", script], { stderr: "ignore" }).exitCode === 0;
  },
};
const WANTED = [root, program("mkfs.ext4"), program("setpriv"), program("busybox"), loop];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

let plain: Store;
let mounted: string;
const env = (): Record<string, string> => ({ TEU_ROOT: `${mounted}/root`, TEU_RUN: plain.path("quota-run") });
const teu = (...words: string[]) => run([TEU, ...words], { env: env() });
const done = async (...words: string[]): Promise<string> => {
  const { status, stdout, stderr } = await teu(...words);
  expect({ words, status, stderr }).toEqual({ words, status: 0, stderr: "" });
  return stdout;
};

beforeAll(async () => {
  if (!isAble) return;
  plain = new Store();
  mounted = plain.path("mounted");
  const file = plain.path("disk");
  writeFileSync(file, "");
  truncateSync(file, 64 << 20);
  await peer("mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota", file);
  mkdirSync(mounted);
  await peer("mount", "-o", "loop,prjquota", file, mounted);
});
afterAll(async () => {
  if (!isAble) return;
  await peer("umount", mounted);
  await plain[Symbol.asyncDispose]();
});

/** Fills what is at `path`, with the rights that a container has: CAP_SYS_RESOURCE goes beyond quotas. @returns how many bytes there was room for */
async function fill(path: string): Promise<number> {
  const rights = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"];
  await run([...rights, "sh", "-c", `dd if=/dev/zero of=${path}/fill bs=64k count=400 2>/dev/null; true`]);
  return Bun.file(`${path}/fill`).size;
}

describe("volume create --opt size", () => {
  test("limits a volume, each by itself, and gives the project back", async () => {
    await done("volume", "create", "-o", "size=2m", "small");
    await done("volume", "create", "-o", "size=5m", "large");
    await done("volume", "create", "free");
    const at = (name: string): string => `${mounted}/root/volumes/default/${name}/_data`;
    const [small, large, free] = [await fill(at("small")), await fill(at("large")), await fill(at("free"))];
    expect(small).toBeGreaterThan(1 << 20);
    expect(small).toBeLessThanOrEqual(2 << 20);
    expect(large).toBeGreaterThan(4 << 20);
    expect(large).toBeLessThanOrEqual(5 << 20);
    expect(free).toBe(400 << 16);
    // The same once more is no error; another size is another volume.
    await done("volume", "create", "-o", "size=2m", "small");
    expect((await teu("volume", "create", "-o", "size=3m", "small")).stderr).toContain("with other options");
    const projects = await peer(
      "lsattr",
      "-pd",
      `${mounted}/root/volumes/default/small`,
      `${mounted}/root/volumes/default/large`,
    );
    const [one = "", two = ""] = projects
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/)[0] ?? "");
    expect(Number(two)).toBe(Number(one) + 1);
    await done("volume", "rm", "small");
    await done("volume", "create", "-o", "size=4m", "again");
    expect(await peer("lsattr", "-pd", `${mounted}/root/volumes/default/again`)).toContain(`${one} `);
    expect(await fill(at("again"))).toBeGreaterThan(3 << 20);
    await done("volume", "rm", "again", "large", "free");
  });

  test("says what is missing where there are no quotas, and leaves no volume", async () => {
    const { status, stderr } = await plain.teu("volume", "create", "-o", "size=2m", "small");
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^teu: Cannot limit the size of ".*\/small": its file system, \S+ on \/\S*, keeps no quotas of projects \(.*\)\nhint: .*prjquota/,
    );
    expect(await plain.done("volume", "ls", "-q")).toBe("");
    expect(await plain.done("system", "check")).toBe("Everything is right\n");
    expect((await plain.teu("volume", "create", "-o", "size=much", "xx")).stderr).toContain("invalid size");
  });
});

/** The files of an image with a shell. */
async function boxArchive(): Promise<string> {
  const files = plain.path("box");
  const program = `${files}/bin/busybox`;
  mkdirSync(`${files}/bin`, { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "", program);
  for (const name of ["sh", "dd", "stat", "true"]) await peer("ln", "-sf", "busybox", `${files}/bin/${name}`);
  await peer("tar", "-C", files, "-cf", `${files}.tar`, ".");
  return `${files}.tar`;
}

describe("run --storage-opt size", () => {
  const FILL = "dd if=/dev/zero of=/fill bs=64k count=400 2>/dev/null; stat -c %s /fill";
  const writable = async (name: string): Promise<string> => {
    const number = (
      await Array.fromAsync(new Bun.Glob("*/fs/fill").scan({ cwd: `${mounted}/root/snapshots` }))
    )[0];
    expect({ name, number }).toEqual({ name, number: expect.any(String) });
    return `${mounted}/root/snapshots/${number?.replace(/\/.*/, "")}`;
  };

  test("limits what a container writes, over starts and beside others, and gives the project back", async () => {
    await done("import", await boxArchive(), "box");
    const size = ["--storage-opt", "size=2m"];
    const small = Number(
      await done("run", "--network", "none", "--name", "small", ...size, "box", "sh", "-c", FILL),
    );
    expect(small).toBeGreaterThan(1 << 20);
    expect(small).toBeLessThanOrEqual(2 << 20);
    expect(await done("inspect", "-f", "{{json .HostConfig.StorageOpt}}", "small")).toBe('{"size":"2m"}\n');
    // As full as before at the next start, and what is removed is room again.
    expect(Number(await done("start", "-a", "small"))).toBe(small);
    const project = (await peer("lsattr", "-pd", await writable("small"))).trim().split(/\s+/)[0] ?? "";
    // Root with every right is held to it too: the kernel writes to an upper directory without CAP_SYS_RESOURCE.
    const all = ["run", "--rm", "--network", "none", "--privileged", "--storage-opt", "SIZE=3m"];
    const privileged = Number(await done(...all, "box", "sh", "-c", FILL));
    expect(privileged).toBeGreaterThan(2 << 20);
    expect(privileged).toBeLessThanOrEqual(3 << 20);
    await done("rm", "small");
    await done(
      "run",
      "--network",
      "none",
      "--name",
      "again",
      "--storage-opt",
      "size=4m",
      "box",
      "sh",
      "-c",
      FILL,
    );
    const again = await writable("again");
    expect(await peer("lsattr", "-pd", again)).toContain(`${project} `);
    expect(Bun.file(`${again}/fs/fill`).size).toBeGreaterThan(3 << 20);
    await done("rm", "again");
  });

  test("says what is missing where there are no quotas, and leaves no container", async () => {
    await plain.done("import", await boxArchive(), "box");
    const { status, stderr } = await plain.teu("run", "--storage-opt", "size=2m", "box", "true");
    expect(status).toBe(125);
    expect(stderr).toMatch(
      /^teu: Cannot limit the size of "\S+": its file system, \S+ on \/\S*, keeps no quotas of projects \(.*\)\nhint: .*prjquota/,
    );
    expect(await plain.done("ps", "-aq")).toBe("");
    expect(await plain.done("system", "check")).toBe("Everything is right\n");
  });
});
