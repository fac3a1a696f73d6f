/** containerd runs containers by this runtime: its shim calls create, start, exec, kill, pause and delete, and reads the log. */
import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { needs, program, root } from "../../support/needs.ts";
import { CALLER_TIMEOUT_MS, CallerFolder, callBy } from "../support/caller.ts";
import { peer } from "../support/images.ts";
import { TESTED } from "../support/runtime.ts";

const test = needs(root, program("containerd"), program("ctr"), program("umoci"), program("busybox"));

/** Without its plugins for Kubernetes and for file systems that are not here. */
function configOf(folder: CallerFolder): string {
  const off = [
    "grpc.v1.cri",
    "internal.v1.opt",
    "snapshotter.v1.aufs",
    "snapshotter.v1.btrfs",
    "snapshotter.v1.zfs",
  ];
  return `version = 2
root = "${folder.at("root")}"
state = "${folder.at("state")}"
disabled_plugins = ${JSON.stringify(off.map((name) => `io.containerd.${name}`))}
[grpc]
address = "${folder.at("socket")}"
`;
}

describe(`containerd and ${TESTED.name}`, () => {
  test(
    "containers run, are executed in, paused, limited, killed and removed",
    async () => {
      await using folder = new CallerFolder();
      writeFileSync(folder.at("config.toml"), configOf(folder));
      const ctr = callBy("ctr", "-a", folder.at("socket"));
      const isReady = async (): Promise<boolean> => (await ctr("version")).status === 0;
      await folder.serve(["containerd", "--config", folder.at("config.toml")], isReady);
      await peer("tar", "-C", await folder.makeLayout(), "-cf", folder.at("box.tar"), ".");
      expect((await ctr("image", "import", "--index-name", "box", folder.at("box.tar"))).status).toBe(0);
      const by = ["run", "--snapshotter", "native", "--runc-binary", folder.runtime];

      expect(await ctr(...by, "--rm", "box", "one", "echo", "hello")).toEqual({ status: 0, output: "hello" });
      expect((await ctr(...by, "--rm", "box", "two", "sh", "-c", "exit 7")).status).toBe(7);
      // The last error of the log is what the client shows.
      const missing = await ctr(...by, "--rm", "box", "three", "nosuch");
      expect(missing.status).toBe(1);
      expect(missing.output).toEndWith(
        'create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
      );

      const script = "echo up; exec sleep 1000";
      const limits = ["--memory-limit", `${64 << 20}`, "--cpus", "0.5"];
      expect((await ctr(...by, "-d", ...limits, "box", "long", "sh", "-c", script)).status).toBe(0);
      const exec = await ctr("task", "exec", "--exec-id", "first", "long", "sh", "-c", "id -u; exit 3");
      expect(exec).toEqual({ status: 3, output: "0" });
      expect((await ctr("task", "exec", "--exec-id", "second", "long", "nosuch")).output).toContain(
        "executable file not found",
      );
      expect((await ctr("task", "metrics", "long")).output).toContain(`${64 << 20}`);
      expect((await ctr("task", "pause", "long")).status).toBe(0);
      expect((await ctr("task", "ls")).output).toMatch(/^long .*PAUSED/m);
      expect((await ctr("task", "resume", "long")).status).toBe(0);
      expect((await ctr("task", "ls")).output).toMatch(/^long .*RUNNING/m);

      const waited = ctr("task", "attach", "long");
      expect((await ctr("task", "kill", "-s", "SIGKILL", "long")).status).toBe(0);
      expect((await waited).status).toBe(137);
      await ctr("task", "rm", "long");
      expect((await ctr("container", "rm", "long")).status).toBe(0);
      expect((await ctr("task", "ls", "-q")).output).toBe("");
    },
    CALLER_TIMEOUT_MS,
  );
});
