/** What docker, podman and containerd have becomes teu's, byte for byte where they keep the bytes: `teu import --from`, and `teu copy`. */
import { describe, expect } from "bun:test";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { needs, program, root } from "../../support/needs.ts";
import { CALLER_TIMEOUT_MS, CallerFolder, callBy } from "../support/caller.ts";
import { DOCKER, serveDocker } from "../support/dockerd.ts";
import { copyBySkopeo, digestBySkopeo, peer } from "../support/images.ts";
import { Store } from "../support/registry.ts";
import { run, TEU } from "../teu.ts";

const shared = [root, ...["umoci", "skopeo", "busybox"].map((name) => program(name))];

/** A store on the file system of `folder`, with more in its environment. */
function storeFor(more: Record<string, string> = {}): { store: Store; teu: typeof Store.prototype.done } {
  const store = new Store();
  const teu = async (...words: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await run([TEU, ...words], { env: { ...store.env, ...more } });
    if (status !== 0) throw new Error(`teu ${words.join(" ")}: status ${status}: ${stderr}`);
    return stdout;
  };
  return { store, teu };
}

/** The config's digest: what docker and podman call an image's ID. */
async function idOf(teu: typeof Store.prototype.done, name: string): Promise<string> {
  const folder = `/tmp/teu-id-${process.pid}-${Date.now()}`;
  await teu("copy", "-q", name, `dir:${folder}`);
  const { config } = await Bun.file(`${folder}/manifest.json`).json();
  rmSync(folder, { recursive: true });
  return config.digest;
}

describe("teu import --from", () => {
  needs(...shared, program("podman"))(
    "containers-storage: layers of podman are put together again, and its images run",
    async () => {
      await using folder = new CallerFolder();
      const layout = await folder.makeLayout();
      // Names that are long, no UTF-8, links, and holes: what a tar of one's own making would have otherwise.
      const files = folder.at("more");
      await peer("mkdir", "-p", `${files}/${"d".repeat(120)}`);
      await peer(
        "sh",
        "-c",
        `cd ${files} && printf x >"$(printf 'n\\351')" && truncate -s 1M hole && ln -s /bin/sh link`,
      );
      await peer("umoci", "insert", "--image", `${layout}:box`, files, "/more");
      const podman = callBy(
        ...[
          "podman",
          "--root",
          folder.at("root"),
          "--runroot",
          folder.at("run"),
          "--tmpdir",
          folder.at("tmp"),
        ],
        ...["--storage-driver", "vfs", "--events-backend", "none", "--cgroup-manager", "cgroupfs"],
      );
      const place = `[vfs@${folder.at("root")}+${folder.at("run")}]`;
      await copyBySkopeo(`oci:${layout}:box`, `containers-storage:${place}localhost/box:1`);
      await copyBySkopeo(`oci:${layout}:box`, `docker-archive:${folder.at("tar")}:example.com/other:1`);
      expect((await podman("load", "-q", "-i", folder.at("tar"))).status).toBe(0);
      const { store, teu } = storeFor();
      await using _ = store;

      expect((await teu("import", "--from", `containers-storage:${place}`)).split("\n").sort()).toEqual(
        ["", "Imported image: example.com/other:1", "Imported image: localhost/box:1"].sort(),
      );
      const id = (await podman("images", "-q", "--no-trunc", "localhost/box:1")).output;
      expect(await idOf(teu, "localhost/box:1")).toBe(id);
      await teu("image", "verify", "localhost/box:1");
      const words = ["--rm", "--network", "none", "mine", "sh", "-c", "cat /more/n*; ls /more"];
      await teu("import", "-q", "--from", `containers-storage:${place}${id.slice(7, 19)}`, "mine");
      expect(await teu("run", ...words)).toContain("xd");
      // The same manifest as podman has, where that names the layers as they are.
      await teu("copy", "-q", `containers-storage:${place}example.com/other:1`, `oci:${folder.at("out")}:x`);
      await copyBySkopeo(`docker-archive:${folder.at("tar")}`, `dir:${folder.at("dir")}`);
      expect(await idOf(teu, `oci:${folder.at("out")}:x`)).toBe(id);
      const missing = await store.teu("import", "--from", `containers-storage:${place}nosuch`);
      expect(missing.stderr).toMatch(
        /^teu: Cannot find the image containers-storage:nosuch: it has .*localhost\/box:1/,
      );
      // A file that somebody changed is found by the digest.
      const [layer = ""] = (await peer("sh", "-c", `ls -d ${folder.at("root")}/vfs/dir/*/more | head -1`))
        .trim()
        .split("\n");
      await peer("sh", "-c", `printf y >"$(ls -d ${layer}/n* | head -1)"`);
      await teu("rmi", "localhost/box:1", "example.com/other:1", "mine");
      const changed = await store.teu("import", "-q", "--from", `containers-storage:${place}box:1`);
      expect(changed).toMatchObject({ status: 1, stdout: "" });
      expect(changed.stderr).toMatch(/hashes to|has not the/);
      // Podman makes a tar of its own then, which is not the one that the image names, and fails.
      await peer("sh", "-c", `rm ${folder.at("root")}/vfs-layers/*.tar-split.gz`);
      expect((await podman("save", "-o", folder.at("lost"), "localhost/box:1")).status).not.toBe(0);
      const lost = await store.teu("import", "-q", "--from", `containers-storage:${place}box:1`);
      expect(lost.stderr).toMatch(/^teu: .*what was kept of its tar is not here \(.*\nhint: .*podman export/);
    },
    CALLER_TIMEOUT_MS,
  );

  needs(...shared, program("containerd"), program("ctr"))(
    "containerd: content is taken by a second name, from a containerd that runs and one that does not",
    async () => {
      const { store, teu } = storeFor();
      await using _ = store;
      const digest = await (async () => {
        await using folder = new CallerFolder();
        const off = ["grpc.v1.cri", "internal.v1.opt", "snapshotter.v1.aufs", "snapshotter.v1.btrfs"];
        writeFileSync(
          folder.at("config.toml"),
          `version = 2\nroot = "${folder.at("root")}"\nstate = "${folder.at("state")}"
disabled_plugins = ${JSON.stringify(off.map((name) => `io.containerd.${name}`))}
[grpc]\naddress = "${folder.at("socket")}"\n`,
        );
        const ctr = callBy("ctr", "-a", folder.at("socket"));
        const isReady = async (): Promise<boolean> => (await ctr("version")).status === 0;
        await folder.serve(["containerd", "--config", folder.at("config.toml")], isReady);
        await peer("tar", "-C", await folder.makeLayout(), "-cf", folder.at("box.tar"), ".");
        const load = ["image", "import", "--snapshotter", "native", "--index-name"];
        await ctr(...load, "docker.io/library/box:latest", folder.at("box.tar"));
        await ctr("-n", "k8s.io", ...load, "registry.k8s.io/pause:3", folder.at("box.tar"));
        // More than one page of names.
        for (let tag = 0; tag < 40; tag++)
          await ctr(
            "image",
            "tag",
            "docker.io/library/box:latest",
            `example.com/${"long/".repeat(20)}box:${tag}`,
          );
        const from = `containerd:[${folder.at("root")}]`;

        expect((await teu("import", "--from", from)).split("\n")).toContain("Imported image: box:latest");
        expect(await teu("import", "--from", `${from}k8s.io/registry.k8s.io/pause:3`)).toBe(
          "Imported image: registry.k8s.io/pause:3\n",
        );
        expect((await teu("images", "-q")).trim().split("\n").length).toBeGreaterThan(41);
        const blobs = `${store.env["TEU_ROOT"]}/content/blobs/sha256`;
        for (const name of readdirSync(blobs))
          if (statSync(`${blobs}/${name}`).size > 100_000) expect(statSync(`${blobs}/${name}`).nlink).toBe(2);
        expect((await store.teu("import", "--from", `${from}moby/`)).stderr).toStartWith(
          "teu: Cannot find the image containerd:",
        );
        await teu("copy", "-q", `${from}box`, `oci:${folder.at("out")}:x`);
        const { output } = await ctr("image", "ls", "name==docker.io/library/box:latest");
        return / (sha256:[0-9a-f]{64}) /.exec(output)?.[1] ?? output;
      })();
      // containerd and all that it had is gone, and what was taken is whole.
      const images: { name: string; id: string }[] = JSON.parse(await teu("images", "--json"));
      expect(images.find(({ name }) => name === "box:latest")?.id).toBe(digest);
      expect(await teu("run", "--rm", "--network", "none", "box", "echo", "ran")).toBe("ran\n");
      await teu("system", "check");
    },
    CALLER_TIMEOUT_MS,
  );

  needs(
    ...shared,
    program("dockerd"),
    program("containerd"),
    program(DOCKER),
  )(
    "docker-daemon: images come by docker's API, layers once",
    async () => {
      await using folder = new CallerFolder();
      const socket = `unix://${folder.at("socket")}`;
      const docker = await serveDocker(folder);
      await copyBySkopeo(
        `oci:${await folder.makeLayout()}:box`,
        `docker-archive:${folder.at("tar")}:box:latest`,
      );
      expect((await docker("load", "-i", folder.at("tar"))).status).toBe(0);
      expect((await docker("tag", "box", "example.com/team/box:2")).status).toBe(0);
      const { store, teu } = storeFor({ DOCKER_HOST: socket });
      await using _ = store;

      expect((await teu("import", "--from", "docker-daemon:")).split("\n").sort()).toEqual([
        "",
        "Imported image: box:latest",
        "Imported image: example.com/team/box:2",
      ]);
      const id = (await docker("images", "-q", "--no-trunc", "box")).output;
      expect(await idOf(teu, "box")).toBe(id);
      expect(await teu("run", "--rm", "--network", "none", "box", "echo", "ran")).toBe("ran\n");
      expect(await teu("import", "--from", `docker-daemon:${id.slice(7, 19)}`, "by-id")).toBe(
        "Imported image: by-id:latest\n",
      );
      await teu("copy", "-q", "docker-daemon:box", `oci:${folder.at("out")}:x`);
      expect(await digestBySkopeo(`oci:${folder.at("out")}:x`)).toMatch(/^sha256:/);
      await expect(teu("import", "--from", "docker-daemon:nosuch")).rejects.toThrow(
        /Cannot find the image docker-daemon:nosuch: it has box:latest, example.com\/team\/box:2/,
      );
      const back = await store.teu("copy", "box", "docker-daemon:box");
      expect(back).toMatchObject({ status: 1, stdout: "" });
      expect(back.stderr).toContain("hint: teu save IMAGE | docker load");
      // The hint is right: docker of before 25 knows no layouts.
      await teu("tag", "box", "example.com/back:1");
      await teu("save", "-o", folder.at("back.tar"), "example.com/back:1", "box");
      expect((await docker("load", "-i", folder.at("back.tar"))).status).toBe(0);
      expect((await docker("images", "-q", "--no-trunc", "example.com/back:1")).output).toBe(id);
    },
    CALLER_TIMEOUT_MS,
  );
});
