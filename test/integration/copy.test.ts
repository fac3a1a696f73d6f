/** `teu cp` as its users meet it, by docker's rules: both ways, running or not, and as archives. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

let registry: RegistryProcess;
let store: Store;
let image: string;
let folder: string;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/test/box`;
  await pushLayers(image, [
    busyboxLayer(),
    { "data/deep/file": "of the image\n", "data/link": "-> deep/file", "data/absolute": "-> /etc/passwd" },
  ]);
  await store.done("pull", "--quiet", image);
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});
beforeEach(async () => {
  if (!isAble) return;
  folder = store.path("here");
  mkdirSync(join(folder, "tree/below"), { recursive: true });
  writeFileSync(join(folder, "tree/below/file"), "of this machine\n");
  writeFileSync(join(folder, "tree/.wh.odd"), "no mark\n");
  symlinkSync("below", join(folder, "tree/link"));
  const script =
    "mkdir /w; echo there > /w/old; mkdir /w/directory; echo x > /w/directory/kept; exec sleep 1000";
  await store.done(
    "run",
    "-d",
    "--name",
    "box",
    "--network",
    "none",
    "-v",
    "vol:/v",
    "--tmpfs",
    "/fast",
    image,
    "sh",
    "-c",
    script,
  );
  for (
    const end = Date.now() + 10_000;
    (await store.teu("exec", "box", "ls", "/w/directory/kept")).status !== 0;
  )
    if (Date.now() > end) throw new Error("the container did not come up");
});
afterEach(async () => {
  if (!isAble) return;
  rmSync(folder, { recursive: true, force: true });
  await store.done("rm", "-f", "box");
  await store.done("volume", "prune", "--all");
});

const sh = async (script: string) => (await store.teu("exec", "box", "sh", "-c", script)).stdout;
const here = (...names: string[]) => join(folder, ...names);
const list = (path: string) => readdirSync(path, { recursive: true, encoding: "utf8" }).sort();

describe.each(["running", "stopped"])("a container that is %s", (state) => {
  beforeEach(async () => {
    if (isAble && state === "stopped") await store.done("stop", "-t", "0", "box");
  });
  /** Looks into the container: by exec where it runs, else by another copy. */
  const read = async (path: string): Promise<string> => {
    const { stdout } = await store.teu("cp", "-L", `box:${path}`, "-");
    return Bun.spawnSync(["tar", "-xO"], { stdin: new TextEncoder().encode(stdout) }).stdout.toString();
  };

  test("gives files, directories and what is in them", async () => {
    await store.done("cp", "box:/data/deep/file", here("file"));
    expect(readFileSync(here("file"), "utf8")).toBe("of the image\n");
    await store.done("cp", "box:/data", here("new"));
    expect(list(here("new"))).toEqual(["absolute", "deep", "deep/file", "link"]);
    await store.done("cp", "box:/data", here("new"));
    expect(list(here("new/data"))).toEqual(["absolute", "deep", "deep/file", "link"]);
    mkdirSync(here("contents"));
    await store.done("cp", "box:/data/.", here("contents"));
    expect(list(here("contents"))).toEqual(["absolute", "deep", "deep/file", "link"]);
    await store.done("cp", "box:data/deep/", `${here("contents")}/`);
    expect(readFileSync(here("contents/deep/file"), "utf8")).toBe("of the image\n");
  });

  test("gives a link, or with -L what it leads to in the container", async () => {
    await store.done("cp", "box:/data/absolute", here("as-link"));
    expect(readlinkSync(here("as-link"))).toBe("/etc/passwd");
    await store.done("cp", "-L", "box:/data/absolute", here("followed"));
    expect(readFileSync(here("followed"), "utf8")).toContain("user:x:1000");
    mkdirSync(here("into"));
    await store.done("cp", "-L", "box:/data/link", here("into"));
    expect(readFileSync(here("into/link"), "utf8")).toBe("of the image\n");
  });

  test("takes files and directories, into directories and over files", async () => {
    await store.done("cp", here("tree/below/file"), "box:/w");
    expect(await read("/w/file")).toBe("of this machine\n");
    await store.done("cp", here("tree/below/file"), "box:/w/old");
    expect(await read("/w/old")).toBe("of this machine\n");
    await store.done("cp", here("tree"), "box:/w/fresh");
    expect(await read("/w/fresh/below/file")).toBe("of this machine\n");
    expect(await read("/w/fresh/.wh.odd")).toBe("no mark\n");
    await store.done("cp", here("tree"), "box:/w/fresh");
    expect(await read("/w/fresh/tree/link/file")).toBe("of this machine\n");
    await store.done("cp", `${here("tree")}/.`, "box:/w/directory");
    expect(await read("/w/directory/below/file")).toBe("of this machine\n");
    expect(await read("/w/directory/kept")).toBe("x\n");
  });

  test("has its volumes copied into and out of", async () => {
    await store.done("cp", here("tree/below/file"), "box:/v/in-volume");
    const [{ Mountpoint = "" } = {}] = JSON.parse(await store.done("volume", "inspect", "vol")) as {
      Mountpoint: string;
    }[];
    expect(readFileSync(join(Mountpoint, "in-volume"), "utf8")).toBe("of this machine\n");
    expect(await read("/v/in-volume")).toBe("of this machine\n");
  });

  test("refuses what cannot be, and changes nothing", async () => {
    const said = async (...words: string[]) => (await store.teu("cp", ...words)).stderr;
    expect(await said("box:/nowhere", here("x"))).toBe(
      "teu: Could not find the file /nowhere in container box\n",
    );
    expect(await said(here("tree/below/file"), "box:/no/such/dir/file")).toContain(
      "Could not find the file /no/such/dir/file in container box",
    );
    expect(await said(here("tree/below/file"), "box:/w/none/")).toContain("no such directory");
    expect(await said(here("tree"), "box:/w/old")).toContain("cannot copy directory to a file");
    mkdirSync(here("clash/kept"), { recursive: true });
    expect(await said(`${here("clash")}/.`, "box:/w/directory")).toContain(
      "cannot overwrite non-directory with directory",
    );
    writeFileSync(here("directory"), "");
    expect(await said(here("directory"), "box:/w")).toContain(
      "cannot overwrite directory with non-directory",
    );
    expect(await read("/w/directory/kept")).toBe("x\n");
    expect(await said("box:/w/old", "/dev/stdout")).toStartWith(
      'teu: Cannot copy to "/dev/stdout": must be a directory or a regular file',
    );
    expect(await said("/a", "/b")).toContain("must specify at least one container source");
    expect(await said("nobody:/a", "/b")).toBe("teu: No such container: nobody\n");
    expect(existsSync(here("x"))).toBe(false);
  });

  test("copies to another container, and within itself", async () => {
    await store.done("create", "--name", "other", "--network", "none", image, "true");
    await store.done("cp", "box:/data", "other:/w/");
    await store.done("cp", "other:/w/deep/file", "box:/w/back");
    await store.done("cp", "box:/w/back", "box:/w/twice");
    expect(await read("/w/twice")).toBe("of the image\n");
    await store.done("rm", "other");
  });

  test("gives and takes archives", async () => {
    const archive = Bun.spawnSync([TEU, "cp", "box:/data", "-"], { env: { ...store.env } }).stdout;
    const names = Bun.spawnSync(["tar", "-t"], { stdin: archive }).stdout.toString().trim().split("\n");
    expect(names.sort()).toEqual(["data/", "data/absolute", "data/deep/", "data/deep/file", "data/link"]);
    const packed = Bun.spawnSync(["tar", "-C", here("tree"), "-cz", "."]).stdout;
    const child = Bun.spawn([TEU, "cp", "-", "box:/w/directory"], {
      env: { ...store.env },
      stdin: packed,
      stderr: "inherit",
    });
    expect(await child.exited).toBe(0);
    expect(await read("/w/directory/below/file")).toBe("of this machine\n");
    const into = await run([TEU, "cp", "-", "box:/w/old"], { env: { ...store.env }, stdin: "" });
    expect(into.stderr).toContain("destination must be a directory");
  });
});

describe("names that are no UTF-8", () => {
  /** Runs a script in `folder`, in which `$odd` and `$other` are such names; a directory of the latter is there. */
  const script = async (text: string) => {
    const words = "set -e; odd=$(printf 'a\\377b'); other=$(printf '\\303'); mkdir -p $other;";
    const { status, stdout, stderr } = await run(["sh", "-c", `cd ${folder}; ${words} ${text}`], {
      env: { ...store.env, teu: TEU, PATH: process.env["PATH"] ?? "" },
    });
    return status === 0 ? stdout : `${status}: ${stderr}`;
  };
  const inside = (text: string) => sh(`odd=$(printf 'a\\377b'); other=$(printf '\\303'); ${text}`);

  test("are kept, byte by byte, in and out, below a directory and as what is named", async () => {
    expect(
      await script(`echo one > $other/$odd; $teu cp $other box:/w; $teu cp $other/$odd box:/w/$odd.2
        cd $other; $teu cp $odd box:/w/$odd; $teu cp ./. box:/w/$other`),
    ).toBe("");
    expect(await inside("cat /w/$other/$odd /w/$odd /w/$odd.2; ls /w/$other | wc -l")).toBe(
      "one\none\none\n1\n",
    );
    await inside("ln -s $odd /w/link; mkdir /w/out; mv /w/$odd /w/out; ln -s $odd /w/out/link");
    expect(
      await script(`$teu cp box:/w/out .; cat out/$odd; readlink out/link | od -An -tx1
        $teu cp -L box:/w/out/link new; cat new; $teu cp box:/w/out/$odd $odd.3; cat $odd.3
        cd $other; $teu cp box:/w/out/$odd .; cat $odd`),
    ).toBe("one\n 61 ff 62 0a\none\none\none\n");
  });

  test("are kept in archives, and told of in errors", async () => {
    expect(
      await script(`echo two > $other/$odd; tar -c $other | $teu cp - box:/w
        $teu cp box:/w/$other - | tar -xO "$other/$odd"; $teu cp box:/w/$other/$odd - | tar -t --quoting-style=literal | od -An -tx1`),
    ).toBe("two\n 61 ff 62 0a\n");
    // A name that only a header of pax's holds.
    const long = "$(printf '%0120d' 0)$odd";
    expect(
      await script(`echo three > ${long}; $teu cp ${long} box:/w; $teu cp box:/w/${long} - | tar -xO`),
    ).toBe("three\n");
    expect(await script("$teu cp box:/w/x$odd .")).toBe(
      "1: teu: Could not find the file /w/xa\ufffdb in container box\n",
    );
  });
});

test("owners are root's and ours, or with -a kept", async () => {
  chownSync(here("tree/below/file"), 1000, 1001);
  chmodSync(here("tree/below/file"), 0o4711);
  await store.done("cp", here("tree/below/file"), "box:/w/plain");
  await store.done("cp", "-a", here("tree/below/file"), "box:/w/kept");
  expect(await sh("stat -c '%u:%g %a' /w/plain /w/kept")).toBe("0:0 4711\n1000:1001 4711\n");
  await store.done("cp", "-a", "box:/w/kept", here("back"));
  expect(statSync(here("back")).uid).toBe(1000);
});

test("what is in memory is seen while the container runs", async () => {
  await store.done("cp", here("tree/below/file"), "box:/fast/file");
  expect(await sh("cat /fast/file")).toBe("of this machine\n");
});

test("a container that is read-only stays so", async () => {
  await store.done(
    "run",
    "-d",
    "--name",
    "fixed",
    "--network",
    "none",
    "--read-only",
    image,
    "sleep",
    "1000",
  );
  const { stderr } = await store.teu("cp", here("tree/below/file"), "fixed:/w");
  expect(stderr).toContain("ead-only file system");
  await store.done("rm", "-f", "fixed");
});

/**
 * A volume where the image has nothing was not seen before the first start: files went below it, and a file in its place kept the
 * container from starting at all.
 */
test("what is mounted in a container that has never run is there, in one another too", async () => {
  const file = here("tree/below/file");
  const mounts = ["inner:/new/volume/inner", `${file}:/new/volume/one`, "outer:/new/volume"];
  const volumes = mounts.flatMap((mount) => ["-v", mount]);
  const script = "cd /new/volume; cat file inner/file one; ls";
  const words = ["--name", "new", "--network", "none", ...volumes, image, "sh", "-c", script];
  await store.done("create", ...words);
  await store.done("cp", file, "new:/new/volume");
  await store.done("cp", file, "new:/new/volume/inner/");
  await store.done("cp", "new:/new/volume/one", here("back"));
  expect(readFileSync(here("back"), "utf8")).toBe("of this machine\n");
  expect((await store.teu("start", "-a", "new")).stdout).toBe(
    `${"of this machine\n".repeat(3)}file\ninner\none\n`,
  );
  await store.done("rm", "new");
});

/** What was copied went to the folder below the mount, where nobody has seen it again. */
test("a volume that is another folder is mounted for the copy, and no longer", async () => {
  mkdirSync(here("device"));
  const options = ["type=none", "o=bind", `device=${here("device")}`].flatMap((option) => ["-o", option]);
  await store.done("volume", "create", ...options, "elsewhere");
  await store.done("create", "--name", "new", "--network", "none", "-v", "elsewhere:/other", image, "true");
  await store.done("cp", here("tree/below/file"), "new:/other/before");
  await store.done("start", "-a", "new");
  await store.done("cp", here("tree/below/file"), "new:/other/after");
  expect(list(here("device"))).toEqual(["after", "before"]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder);
  await store.done("rm", "new");
});
