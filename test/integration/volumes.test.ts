/** Volumes as their users meet them: they outlive containers, begin with what the image has, and go when nobody wants them. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { TEU } from "./teu.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

let registry: RegistryProcess;
let store: Store;
let image: string;
/** Wants a volume on /data, and one on /etc by way of a path that leaves the root. */
let withVolumes: string;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/test/box`;
  withVolumes = `${registry.address}/test/volumes`;
  const layers = [
    busyboxLayer(),
    { "data/deep/file": "of the image\n", "data/link": "-> deep/file", away: "-> /../../../etc" },
  ];
  await pushLayers(image, layers);
  await pushLayers(withVolumes, layers, { config: { Volumes: { "/data/": {}, "/../../var": {} } } });
  await store.done("pull", "--quiet", image);
  await store.done("pull", "--quiet", withVolumes);
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** Runs a script in a container that is removed. */
async function sh(script: string, ...flags: string[]): Promise<string> {
  return await store.done("run", "--rm", "--network", "none", ...flags, image, "sh", "-c", script);
}

const names = async (...flags: string[]) =>
  (await store.done("volume", "ls", "-q", ...flags)).split("\n").filter((name) => name !== "");

interface Inspected {
  readonly Mountpoint: string;
  readonly Containers: string[];
}
const inspect = async (name: string) =>
  (JSON.parse(await store.done("volume", "inspect", name)) as Inspected[])[0] as Inspected; // our own words

/** Removes what a test made. */
const cleanly = async (work: () => Promise<void>): Promise<void> => {
  try {
    await work();
  } finally {
    const containers = (await store.done("ps", "-aq")).split("\n").filter((id) => id !== "");
    if (containers.length > 0) await store.done("rm", "-f", ...containers);
    await store.done("volume", "prune", "--all");
  }
};

describe("a part of a volume", () => {
  const part = (path: string, more = "") =>
    `type=volume,source=parted,target=/part,volume-subpath=${path}${more}`;

  test("is all that a container sees of it, a folder or a file, at each of its starts", () =>
    cleanly(async () => {
      await sh(
        "mkdir -p /v/a/b; echo inner > /v/a/b/file; echo outer > /v/file; ln -s /a/b /v/link",
        "-v",
        "parted:/v",
      );
      expect(await sh("ls /part; touch /part/made", "--mount", part("a/b"))).toBe("file\n");
      // A link is followed in the volume, as if that were the root.
      expect(
        await sh("ls /part; touch /part/not 2>&1 || echo refused", "--mount", part("link", ",ro")),
      ).toMatch(/^file\nmade\n.*Read-only.*\nrefused\n$/s);
      const words = [
        "--name",
        "parts",
        "--network",
        "none",
        "--mount",
        part("a/b/file"),
        image,
        "cat",
        "/part",
      ];
      expect(await store.done("run", ...words)).toBe("inner\n");
      expect(await store.done("start", "-a", "parts")).toBe("inner\n");
      await store.done("cp", "parts:/part", store.path("copied"));
      expect(readFileSync(store.path("copied"), "utf8")).toBe("inner\n");
      const [parts] = JSON.parse(await store.done("inspect", "parts"));
      const { Mountpoint } = await inspect("parted");
      expect(parts.Mounts).toMatchObject([
        { Type: "volume", Name: "parted", Source: join(Mountpoint, "a/b/file") },
      ]);
      expect(parts.HostConfig).toMatchObject({
        Mounts: [
          { Type: "volume", Source: "parted", Target: "/part", VolumeOptions: { Subpath: "a/b/file" } },
        ],
      });
      await store.done("rm", "-f", "parts");
      expect(readdirSync(join(Mountpoint, "a/b"))).toEqual(["file", "made"]);
    }));

  test("has to be there, and nothing is made or left where it is not", () =>
    cleanly(async () => {
      await sh("true", "-v", "parted:/v");
      const refused = await store.teu("run", "--rm", "--mount", part("nowhere"), image, "true");
      expect(refused).toMatchObject({
        status: 125,
        stderr: 'teu: Cannot mount "nowhere" of volume parted: no such file or directory\n',
      });
      expect(readdirSync((await inspect("parted")).Mountpoint)).toEqual([]);
      expect(await store.done("ps", "-aq")).toBe("");
    }));

  // As CVE-2023-2253 and -27534 of Kubernetes' subpaths: who writes to the volume decides what a name in it leads to.
  test("is never what is outside of it, whatever a container with the whole makes of its name meanwhile", () =>
    cleanly(async () => {
      const out = "../../../../../../../../../../../etc";
      const swap = `cd /v; while :; do mkdir sub; echo inside > sub/hostname; rm -r sub; ln -s ${out} sub; rm sub; ln -s /etc sub; rm sub; done`;
      await store.done(
        "run",
        "-d",
        "--name",
        "swap",
        "--network",
        "none",
        "-v",
        "parted:/v",
        image,
        "sh",
        "-c",
        swap,
      );
      const seen = new Set<string>();
      for (let attempt = 0; attempt < 12; attempt++) {
        const words = ["run", "--rm", "--network", "none", "--mount", part("sub"), image, "ls", "/part"];
        const { stdout, stderr } = await store.teu(...words);
        seen.add(stdout);
        // Where it was taken away in between, nothing is mounted.
        if (stderr !== "") expect(stderr).toEndWith(": no such file or directory\n");
      }
      expect([...seen].filter((text) => !["", "hostname\n"].includes(text))).toEqual([]);
      await store.done("rm", "-f", "swap");
      // And where it rests. What it was killed at may be a folder, in which `ln` would make the link.
      await sh(
        `rm -rf /v/sub; ln -s ${out} /v/sub; mkdir /v/etc; echo ours > /v/etc/hostname`,
        "-v",
        "parted:/v",
      );
      expect(await sh("cat /part/hostname", "--mount", part("sub"))).toBe("ours\n");
    }));
});

describe("an image that is mounted", () => {
  const mount = (more = "") => `type=image,source=${withVolumes},target=/img${more}`;

  test("shows its files, or a part of them, to be read", () =>
    cleanly(async () => {
      expect(await sh("cat /img/data/link; ls /img/bin/busybox", "--mount", mount())).toBe(
        "of the image\n/img/bin/busybox\n",
      );
      expect(await sh("cat /img/file", "--mount", mount(",image-subpath=data/deep"))).toBe("of the image\n");
      expect(await sh("cat /img", "--mount", mount(",image-subpath=data/link"))).toBe("of the image\n");
      const away = await store.teu(
        "run",
        "--rm",
        "--mount",
        mount(",image-subpath=away/shadow"),
        image,
        "true",
      );
      expect(away.stderr).toContain(
        `Cannot mount "away/shadow" of image ${withVolumes}:latest: no such file or directory`,
      );
      // Not even by root with all rights.
      const script = "mount -o remount,rw /img; touch /img/data/x || echo refused";
      expect(await sh(`${script} 2>&1`, "--privileged", "--mount", mount())).toContain("refused");
      expect(await sh("ls /img/data", "--mount", mount())).toBe("deep\nlink\n");
    }));

  test("is written to with rw, by one container, for as long as that is there", () =>
    cleanly(async () => {
      const words = (name: string, ...more: string[]) => [
        "run",
        "--name",
        name,
        "--network",
        "none",
        ...more,
      ];
      const script =
        "cat /img/data/new; echo $0 >> /img/data/new; rm /img/data/link; mkdir /img/more; ls /img/data";
      const writable = [
        "--mount",
        mount(",rw=true"),
        "--mount",
        `type=image,source=${withVolumes},target=/part,rw,subpath=data`,
      ];
      expect(await store.done(...words("one", ...writable), image, "sh", "-c", script, "one")).toBe(
        "deep\nnew\n",
      );
      // What it has changed it has when it starts again, and others have not.
      expect((await store.done("start", "-a", "one")).split("\n")).toEqual(["one", "deep", "new", ""]);
      expect(await store.done(...words("two", ...writable), image, "sh", "-c", script, "two")).toBe(
        "deep\nnew\n",
      );
      expect(await sh("ls /img/data", "--mount", mount())).toBe("deep\nlink\n");
      // From another container: changes of its own, or none.
      expect(await sh("echo x > /img/data/x; ls /img/data /part", "--volumes-from", "one")).toBe(
        "/img/data:\ndeep\nlink\nx\n\n/part:\ndeep\nlink\n",
      );
      expect(await sh("touch /img/x || echo refused", "--volumes-from", "one:ro")).toContain("refused");
      // Copies see it, also at rest, and leave their own there.
      const file = store.path("copied");
      await store.done("cp", "one:/img/data/new", file);
      expect(readFileSync(file, "utf8")).toBe("one\none\n");
      await store.done("cp", file, "one:/part/copied");
      await store.done("cp", "one:/part/copied", store.path("back"));
      expect(readFileSync(store.path("back"), "utf8")).toBe("one\none\n");
      const [shown] = JSON.parse(await store.done("inspect", "one"));
      expect(shown.Mounts).toMatchObject([
        { Type: "image", Destination: "/img", RW: true },
        { Type: "image", Destination: "/part", RW: true },
      ]);
      const around = join(shown.GraphDriver.Data.UpperDir, "..");
      expect(existsSync(join(around, "images/0/fs/data/new"))).toBe(true);
      await store.done("rm", "one", "two");
      expect(existsSync(around)).toBe(false);
    }));

  test("is held by its container, which has it again when it starts once more", () =>
    cleanly(async () => {
      const single = `${registry.address}/test/single`;
      await pushLayers(single, [{ "one/file": "alone\n" }]);
      const words = ["--network", "none", "--mount", `type=image,source=${single},target=/one`];
      // What is not here is pulled, as the container's own image is.
      expect(await store.done("run", "--name", "reader", ...words, image, "cat", "/one/one/file")).toBe(
        "alone\n",
      );
      expect((await store.teu("rmi", single)).stderr).toContain("reader");
      await store.done("rmi", "-f", single);
      await store.done("image", "prune");
      expect(await store.done("start", "-a", "reader")).toBe("alone\n");
      const [reader] = JSON.parse(await store.done("inspect", "reader"));
      expect(reader.Mounts).toMatchObject([
        { Type: "image", Source: `${single}:latest`, Destination: "/one", RW: false },
      ]);
      await store.done("rm", "reader");
    }));
});

describe("a named volume", () => {
  test("outlives its containers, and cannot be removed while one has it", () =>
    cleanly(async () => {
      await sh("echo kept > /v/file", "-v", "pages:/v");
      expect(await names()).toEqual(["pages"]);
      const id = (
        await store.done("run", "-d", "--network", "none", "-v", "pages:/v", image, "sleep", "1000")
      ).trim();
      expect(await store.done("exec", id, "cat", "/v/file")).toBe("kept\n");
      const { Mountpoint, Containers } = await inspect("pages");
      expect(Containers).toEqual([id]);
      expect(readFileSync(join(Mountpoint, "file"), "utf8")).toBe("kept\n");
      const refused = await store.teu("volume", "rm", "pages");
      expect(refused.stderr).toContain(`remove pages: volume is in use - [${id}]`);
      await store.done("rm", "-f", "-v", id);
      expect(await names()).toEqual(["pages"]);
      await store.done("volume", "rm", "pages");
      expect(await names()).toEqual([]);
      expect(existsSync(Mountpoint)).toBe(false);
      expect((await store.teu("volume", "rm", "pages")).stderr).toContain("get pages: no such volume");
      await store.done("volume", "rm", "-f", "pages");
    }));

  test("begins with what the image has there: owner, mode, links, once", () =>
    cleanly(async () => {
      const look = "cat /data/link; stat -c '%U %a' /data/deep";
      expect(await sh(look, "-v", "seeded:/data")).toBe("of the image\nroot 755\n");
      await sh("rm /data/link; echo changed > /data/deep/file", "-v", "seeded:/data");
      expect(await sh("ls /data; cat /data/deep/file", "-v", "seeded:/data")).toBe("deep\nchanged\n");
      expect(await sh("ls /data", "-v", "empty:/data:nocopy")).toBe("");
      expect(await sh("ls /data", "-v", "unwritten:/data:ro")).toBe("deep\nlink\n");
    }));

  test("that is emptied later stays empty when its container starts once more", () =>
    cleanly(async () => {
      await store.done(
        "run",
        "--network",
        "none",
        "--name",
        "again",
        "-v",
        "once:/data",
        image,
        "sh",
        "-c",
        "ls /data; rm -rf /data/*",
      );
      expect(await store.done("start", "-a", "again")).not.toContain("deep");
      expect(readdirSync((await inspect("once")).Mountpoint)).toEqual([]);
    }));

  // A copy that is whole under its last name, and not yet moved.
  test("that a killed command has filled by half is completed", () =>
    cleanly(async () => {
      await store.done("volume", "create", "half");
      const around = join((await inspect("half")).Mountpoint, "..");
      mkdirSync(join(around, "_ready"));
      writeFileSync(join(around, "_ready/rest"), "");
      writeFileSync(join(around, "_data/moved"), "");
      mkdirSync(join(around, "_copy"));
      expect(await sh("ls /data", "-v", "half:/data")).toBe("moved\nrest\n");
      expect(existsSync(join(around, "_ready"))).toBe(false);
    }));

  test("of two that start at once is filled once", () =>
    cleanly(async () => {
      const look = (name: string) => sh("ls /data; cat /data/link", "-v", `${name}:/data`);
      const seen = await Promise.all([look("both"), look("both"), look("both")]);
      expect(new Set(seen)).toEqual(new Set(["deep\nlink\nof the image\n"]));
    }));
});

describe("a volume without a name", () => {
  test("goes with --rm, and with rm -v; else it stays for prune", () =>
    cleanly(async () => {
      await sh("touch /v/x", "-v", "/v");
      expect(await names()).toEqual([]);
      const run = ["run", "--network", "none", "--name", "one", "-v", "/v", image, "touch", "/v/x"];
      await store.done(...run);
      expect((await names())[0]).toMatch(/^[0-9a-f]{64}$/);
      await store.done("rm", "-v", "one");
      expect(await names()).toEqual([]);
      await store.done(...run);
      await store.done("rm", "one");
      await store.done("volume", "create", "mine");
      expect((await names("--filter", "dangling=true")).length).toBe(2);
      expect(await store.done("volume", "prune")).toContain("Total reclaimed space: 0 B");
      expect(await names()).toEqual(["mine"]);
    }));

  test("that nobody named stays when its container goes, if it was there before, and goes with a prune", () =>
    cleanly(async () => {
      const name = (await store.done("volume", "create", "--label", "a=b")).trim();
      await sh("touch /v/x", "-v", `${name}:/v`, "-v", "/w");
      expect(await store.done("volume", "inspect", "-f", "{{json .Labels}}", name)).toBe(
        `${JSON.stringify({ a: "b", "com.docker.volume.anonymous": "" })}\n`,
      );
      expect(await store.done("volume", "prune", "-f", "--filter", "label=a=c")).not.toContain(name);
      expect(await store.done("volume", "prune", "-f")).toContain(name);
      expect(await names()).toEqual([]);
    }));

  test("is made where the image asks for one, within the container's root, unless something else is there", () =>
    cleanly(async () => {
      const run = (...flags: string[]) =>
        store.done(
          "run",
          "--network",
          "none",
          ...flags,
          withVolumes,
          "sh",
          "-c",
          "cat /data/link; touch /var/x",
        );
      expect(await run("--name", "aa")).toBe("of the image\n");
      expect((await names()).length).toBe(2);
      expect(existsSync("/var/x")).toBe(false);
      await run("--name", "bb", "-v", "mine:/data", "--tmpfs", "/var");
      expect((await names()).length).toBe(3);
    }));

  test("of a container that cannot be started goes", () =>
    cleanly(async () => {
      const failed = await store.teu("run", "--network", "none", "-v", "/v", image, "/no/such/program");
      expect(failed.status).toBe(127);
      expect(await names()).toEqual([]);
    }));
});

describe("--mount and --volumes-from", () => {
  test("show what is asked for by fields", () =>
    cleanly(async () => {
      const folder = store.path("mounted");
      mkdirSync(folder);
      writeFileSync(join(folder, "file"), "of the host\n");
      const flags = [
        `type=bind,source=${folder},target=/b,readonly`,
        "source=byfield,target=/data",
        "type=tmpfs,target=/t,tmpfs-size=1m",
      ];
      const script = "cat /b/file /data/link; touch /b/x 2>&1; grep ' /t ' /proc/mounts";
      const seen = await sh(script, ...flags.flatMap((one) => ["--mount", one]));
      expect(seen).toContain("of the host\nof the image\ntouch: /b/x: Read-only file system\n");
      expect(seen).toContain("size=1024k");
      expect(await names()).toEqual(["byfield"]);
      const missing = await store.teu(
        "run",
        "--rm",
        "--mount",
        "type=bind,source=/no/such,target=/b",
        image,
        "true",
      );
      expect(missing.stderr).toContain("bind source path does not exist");
      expect(existsSync("/no/such")).toBe(false);
    }));

  test("show what another container has, also when that is gone", () =>
    cleanly(async () => {
      const folder = store.path("lent");
      mkdirSync(folder);
      const flags = ["-v", "/anonymous", "-v", "lent:/named", "-v", `${folder}:/bound`];
      await store.done("create", "--name", "lender", "--network", "none", ...flags, image, "true");
      await sh("touch /anonymous/a /named/n /bound/b", "--volumes-from", "lender");
      expect(
        await sh("ls /anonymous /named /bound; touch /named/x 2>&1 || true", "--volumes-from", "lender:ro"),
      ).toBe("/anonymous:\na\n\n/bound:\nb\n\n/named:\nn\ntouch: /named/x: Read-only file system\n");
      // What it has of its own goes before.
      expect(await sh("ls /named", "--volumes-from", "lender", "--tmpfs", "/named")).toBe("");
      await store.done(
        "run",
        "--name",
        "heir",
        "--network",
        "none",
        "--volumes-from",
        "lender",
        image,
        "true",
      );
      await store.done("rm", "-v", "lender");
      expect((await names()).length).toBe(2);
      await store.done("rm", "-v", "heir");
      expect(await names()).toEqual(["lent"]);
      expect((await store.teu("run", "--rm", "--volumes-from", "nobody", image, "true")).stderr).toContain(
        "No such container: nobody",
      );
    }));
});

describe("the driver local", () => {
  test("mounts what its options name while a container has the volume", () =>
    cleanly(async () => {
      await store.done(
        "volume",
        "create",
        "-o",
        "type=tmpfs",
        "-o",
        "device=tmpfs",
        "-o",
        "o=size=1m,noexec",
        "fast",
      );
      const { Mountpoint } = await inspect("fast");
      const isMounted = () => readFileSync("/proc/mounts", "utf8").includes(` ${Mountpoint} tmpfs `);
      const run = ["run", "-d", "--network", "none", "-v", "fast:/v", image, "sleep", "1000"];
      const [first = "", second = ""] = [await store.done(...run), await store.done(...run)].map((id) =>
        id.trim(),
      );
      await store.done("exec", first, "touch", "/v/shared");
      expect(await store.done("exec", second, "ls", "/v")).toBe("shared\n");
      expect(await store.done("exec", second, "sh", "-c", "grep ' /v ' /proc/mounts")).toMatch(
        /noexec.*size=1024k/,
      );
      await store.done("stop", "-t", "0", first);
      expect(isMounted()).toBe(true);
      await store.done("rm", "-f", second);
      expect(isMounted()).toBe(false);
      await store.done("start", first);
      expect(await store.done("exec", first, "ls", "/v")).toBe("");
    }));

  test("binds a directory of the host, and makes nothing of the container when that is not there", () =>
    cleanly(async () => {
      const folder = store.path("bound");
      mkdirSync(folder);
      writeFileSync(join(folder, "file"), "of the host\n");
      await store.done("volume", "create", "-o", "o=bind,ro", "-o", `device=${folder}`, "bound");
      expect(await sh("cat /v/file; touch /v/x 2>&1 || true", "-v", "bound:/v")).toBe(
        "of the host\ntouch: /v/x: Read-only file system\n",
      );
      rmSync(folder, { recursive: true });
      const failed = await store.teu("run", "--network", "none", "-v", "bound:/v", image, "true");
      expect(failed.stderr).toContain(
        `Cannot mount ${JSON.stringify(folder)} as none for volume bound: no such file`,
      );
      expect(await store.done("ps", "-aq")).toBe("");
    }));

  test.each([
    [["-o", "size=1g", "-o", "type=tmpfs", "-o", "device=tmpfs"], '"size" limits a volume of this machine'],
    [["-o", "type=tmpfs"], 'missing required option: "device"'],
    [["-o", "device=/x"], 'missing required option: "type"'],
    [["-o", "what=1"], 'invalid option: "what"'],
    [["-d", "nfs"], "Unsupported volume driver nfs"],
    [["a"], "volume name is too short"],
    [["a/b"], "includes invalid characters for a local volume name"],
  ])("refuses %p", async (words, why) => {
    const { status, stderr } = await store.teu("volume", "create", ...words);
    expect(status).not.toBe(0);
    expect(stderr).toContain(why);
    expect(await names()).toEqual([]);
  });
});

describe("attacks", () => {
  // The copy is made by root on the host: a link of the image must not lead it there.
  test("a link where the volume goes leads to the image's own files", () =>
    cleanly(async () => {
      expect(await sh("ls /", "-v", "stolen:/away")).toContain("away");
      const stolen = readdirSync((await inspect("stolen")).Mountpoint);
      expect(stolen.sort()).toEqual(["group", "passwd"]);
    }));

  test("two volumes in one place are refused", async () => {
    const { stderr } = await store.teu("run", "--rm", "-v", "a1:/v", "-v", "/host:/v/", image, "true");
    expect(stderr).toContain("Duplicate mount point: /v");
    expect(await names()).toEqual([]);
  });
});

// A killed `volume rm` must not leave its files, nor take those of a new volume of the same name.
test("a removal that was killed is ended by the next command", () =>
  cleanly(async () => {
    for (let delay = 0; delay < 40; delay += 4) {
      await sh("touch /v/old", "-v", "doomed:/v");
      const child = Bun.spawn([TEU, "volume", "rm", "doomed"], {
        env: { ...store.env },
        stdio: ["ignore", "ignore", "ignore"],
      });
      await Bun.sleep(delay);
      child.kill("SIGKILL");
      await child.exited;
      const seen = await sh("ls /v", "-v", "doomed:/v");
      expect(["", "old\n"]).toContain(seen);
      await store.done("volume", "rm", "doomed");
    }
    expect(readdirSync(store.path("root/volumes")).filter((name) => name.startsWith(".removed"))).toEqual([]);
  }));
