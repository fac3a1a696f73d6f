/** dockerd runs containers by this runtime, as its `--runtime`: its own hooks, namespaces that it made, its limits and its exit statuses. */
import { describe, expect } from "bun:test";
import { needs, program, root } from "../../support/needs.ts";
import { CALLER_TIMEOUT_MS, CallerFolder, type callBy } from "../support/caller.ts";
import { DOCKER, serveDocker } from "../support/dockerd.ts";
import { copyBySkopeo } from "../support/images.ts";
import { pushLayers } from "../support/make-image.ts";
import { startRegistry } from "../support/registry.ts";
import { TESTED } from "../support/runtime.ts";

const test = needs(
  root,
  ...["dockerd", "containerd", DOCKER, "umoci", "skopeo", "busybox"].map((name) => program(name)),
);

/** On v1, and on v2 alone. */
const PIDS_LIMIT = "cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max";

async function serve(folder: CallerFolder): Promise<ReturnType<typeof callBy>> {
  const docker = await serveDocker(
    folder,
    ...["--add-runtime", `tested=${folder.runtime}`, "--default-runtime", "tested"],
  );
  const image = folder.at("box.tar");
  await copyBySkopeo(`oci:${await folder.makeLayout()}:box`, `docker-archive:${image}:box:latest`);
  expect((await docker("load", "-i", image)).status).toBe(0);
  return docker;
}

describe(`dockerd and ${TESTED.name}`, () => {
  test(
    "containers run, are executed in, logged, paused, limited, stopped, started again and removed",
    async () => {
      await using folder = new CallerFolder();
      const docker = await serve(folder);
      const run = (...words: string[]): ReturnType<typeof docker> =>
        docker("run", "--network", "none", ...words);

      expect(await run("--rm", "box", "echo", "hello")).toEqual({ status: 0, output: "hello" });
      expect((await run("--rm", "box", "sh", "-c", "exit 7")).status).toBe(7);
      // Told by the words of our error, through containerd's shim.
      expect((await run("--rm", "box", "nosuch")).status).toBe(127);
      expect((await run("--rm", "box", "/etc/passwd")).status).toBe(126);
      expect((await run("--rm", "box", "/etc")).status).toBe(126);
      const confined = [
        "-u",
        "1000:1000",
        "--read-only",
        "--tmpfs",
        "/t",
        "-h",
        "named",
        "--cap-add",
        "NET_ADMIN",
      ];
      const script = "id -u; hostname; touch /x 2>/dev/null || touch /t/y && echo /t/*";
      expect((await run("--rm", ...confined, "--init", "box", "sh", "-c", script)).output).toBe(
        "1000\nnamed\n/t/y",
      );

      const limits = ["-m", "64m", "--pids-limit", "20", "--cpus", "0.5"];
      expect(
        (await run("-d", "--name", "long", ...limits, "box", "sh", "-c", "echo up; exec sleep 1000")).status,
      ).toBe(0);
      expect((await docker("logs", "long")).output).toBe("up");
      expect(await docker("exec", "long", "sh", "-c", "id -u; exit 3")).toEqual({ status: 3, output: "0" });
      expect((await docker("exec", "long", "nosuch")).output).toContain("executable file not found in $PATH");
      expect((await docker("exec", "long", "sh", "-c", PIDS_LIMIT)).output).toBe("20");
      expect((await docker("update", "--pids-limit", "30", "--cpus", "1", "long")).status).toBe(0);
      expect((await docker("exec", "long", "sh", "-c", PIDS_LIMIT)).output).toBe("30");
      expect((await docker("top", "long")).output).toContain("sleep 1000");

      const status = async (): Promise<string> =>
        (await docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "long")).output;
      expect((await docker("pause", "long")).status).toBe(0);
      expect(await status()).toBe("paused 0");
      expect((await docker("unpause", "long")).status).toBe(0);
      expect((await docker("stop", "-t", "0", "long")).status).toBe(0);
      expect(await status()).toBe("exited 137");
      expect((await docker("start", "long")).status).toBe(0);
      // Namespaces of another container are joined.
      const joined = ["--rm", "--network", "container:long", "--pid", "container:long"];
      expect((await docker("run", ...joined, "box", "cat", "/proc/1/comm")).output).toBe("sleep");
      expect((await docker("rm", "-f", "long")).status).toBe(0);
      expect((await docker("ps", "-aq")).output).toBe("");
    },
    CALLER_TIMEOUT_MS,
  );
});

test(
  "docker search finds repositories of our registry by a part of their name, and those alone",
  async () => {
    await using folder = new CallerFolder();
    await using registry = await startRegistry();
    for (const name of ["found/find-me", "found/other"])
      await pushLayers(`${registry.address}/${name}`, [{ file: "text" }]);
    const docker = await serveDocker(folder);
    const found = await docker("search", "--format", "{{.Name}}", `${registry.address}/find`);
    expect(found).toEqual({ status: 0, output: "found/find-me" });
  },
  CALLER_TIMEOUT_MS,
);
