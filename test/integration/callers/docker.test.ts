/** dockerd runs containers by this runtime, as its `--runtime`: its own hooks, namespaces that it made, its limits and its exit statuses. */
import { describe, expect } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { needs, program, root } from "../../support/needs.ts";
import { CALLER_TIMEOUT_MS, CallerFolder, callBy } from "../support/caller.ts";
import { copyBySkopeo } from "../support/images.ts";
import { TESTED } from "../support/runtime.ts";

// Debian's client: one that somebody put in /usr/local may be too new for Debian's server.
const CLIENT = ["/usr/bin/docker", "docker"].find((name) => existsSync(name)) ?? "docker";
const test = needs(
  root,
  ...["dockerd", "containerd", CLIENT, "umoci", "skopeo", "busybox"].map((name) => program(name)),
);

/** On v1, and on v2 alone. */
const PIDS_LIMIT = "cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max";

/** The host's network stays as it is: no bridge, no rules. */
async function serve(folder: CallerFolder): Promise<ReturnType<typeof callBy>> {
  const socket = `unix://${folder.at("socket")}`;
  writeFileSync(folder.at("daemon.json"), "{}");
  const docker = callBy(CLIENT, "--host", socket);
  await folder.serve(
    [
      ...[
        "dockerd",
        "--host",
        socket,
        "--config-file",
        folder.at("daemon.json"),
        "--pidfile",
        folder.at("pid"),
      ],
      ...["--data-root", folder.at("data"), "--exec-root", folder.at("exec"), "--storage-driver", "vfs"],
      ...["--iptables=false", "--ip6tables=false", "--bridge=none"],
      ...["--add-runtime", `tested=${folder.runtime}`, "--default-runtime", "tested"],
    ],
    async () => (await docker("version")).status === 0,
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
