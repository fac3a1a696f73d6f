/** podman and buildah run containers by this runtime: conmon reads the log and the pid file, podman the words of an error. */
import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { criu, needs, program, root } from "../../support/needs.ts";
import { CALLER_TIMEOUT_MS, CallerFolder, callBy } from "../support/caller.ts";
import { copyBySkopeo } from "../support/images.ts";
import { TESTED } from "../support/runtime.ts";

const shared = [root, ...["umoci", "skopeo", "busybox"].map((name) => program(name))];

/** On v1, and on v2 alone. */
const PIDS_LIMIT = "cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max";

/** What podman asks for by itself, a root without CAP_SYS_RESOURCE may not have. */
const ULIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];

function podmanIn(folder: CallerFolder): ReturnType<typeof callBy> {
  return callBy(
    ...["podman", "--runtime", folder.runtime, "--root", folder.at("root"), "--runroot", folder.at("run")],
    ...["--tmpdir", folder.at("tmp"), "--storage-driver", "vfs", "--events-backend", "none"],
    ...["--cgroup-manager", "cgroupfs"],
  );
}

async function loadBox(podman: ReturnType<typeof callBy>, folder: CallerFolder): Promise<void> {
  const image = folder.at("box.tar");
  await copyBySkopeo(`oci:${await folder.makeLayout()}:box`, `docker-archive:${image}:box:latest`);
  expect((await podman("load", "-q", "-i", image)).status).toBe(0);
}

describe(`podman and ${TESTED.name}`, () => {
  needs(...shared, program("podman"))(
    "containers run, are executed in, logged, paused, limited, stopped, started again and removed",
    async () => {
      await using folder = new CallerFolder();
      const podman = podmanIn(folder);
      await loadBox(podman, folder);
      const run = (...words: string[]): ReturnType<typeof podman> =>
        podman("run", "--network", "none", ...ULIMITS, ...words);

      expect(await run("--rm", "box", "echo", "hello")).toEqual({ status: 0, output: "hello" });
      expect((await run("--rm", "box", "sh", "-c", "exit 7")).status).toBe(7);
      expect((await run("--rm", "box", "nosuch")).status).toBe(127);
      expect((await run("--rm", "box", "/etc/passwd")).status).toBe(126);
      expect((await run("--rm", "box", "/etc")).status).toBe(126);
      const confined = [
        "-u",
        "1000:1000",
        "--read-only",
        "--read-only-tmpfs=false",
        "-h",
        "named",
        "--security-opt",
        "no-new-privileges",
      ];
      const script = "id -u; hostname; touch /tmp/x 2>/dev/null || echo read-only";
      expect((await run("--rm", ...confined, "box", "sh", "-c", script)).output).toBe(
        "1000\nnamed\nread-only",
      );
      // Its tmpfs on /tmp begins with what the image has there.
      const temporary = "touch /x 2>/dev/null || touch /tmp/y && echo /tmp/*";
      expect((await run("--rm", "--read-only", "box", "sh", "-c", temporary)).output).toBe("/tmp/y");
      expect((await run("--rm", "-t", "box", "tty")).output).toBe("/dev/pts/0");

      const limits = ["-m", "64m", "--pids-limit", "20", "--cpus", "0.5"];
      expect(
        (await run("-d", "--name", "long", ...limits, "box", "sh", "-c", "echo up; exec sleep 1000")).status,
      ).toBe(0);
      expect(await podman("exec", "long", "sh", "-c", "id -u; exit 3")).toEqual({ status: 3, output: "0" });
      expect((await podman("exec", "long", "nosuch")).status).toBe(127);
      expect((await podman("logs", "long")).output).toBe("up");
      expect((await podman("exec", "long", "sh", "-c", PIDS_LIMIT)).output).toBe("20");
      expect((await podman("update", "--cpus", "1", "long")).status).toBe(0);
      expect((await podman("top", "long", "args")).output).toContain("sleep 1000");

      const status = async (): Promise<string> =>
        (await podman("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "long")).output;
      expect((await podman("pause", "long")).status).toBe(0);
      expect(await status()).toBe("paused 0");
      expect((await podman("unpause", "long")).status).toBe(0);
      expect((await podman("stop", "-t", "0", "long")).status).toBe(0);
      expect(await status()).toBe("exited 137");
      expect((await podman("start", "long")).status).toBe(0);
      const joined = ["--rm", "--network", "container:long", "--pid", "container:long"];
      expect((await podman("run", ...ULIMITS, ...joined, "box", "cat", "/proc/1/comm")).output).toBe("sleep");
      expect((await podman("rm", "-f", "-t", "0", "long")).status).toBe(0);
      expect((await podman("ps", "-aq")).output).toBe("");
    },
    CALLER_TIMEOUT_MS,
  );

  needs(...shared, program("podman"), criu())(
    "a container is saved and goes on, here, and from an archive as on another machine",
    async () => {
      await using folder = new CallerFolder();
      const podman = podmanIn(folder);
      await loadBox(podman, folder);
      const script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done";
      const words = ["--name", "counts", "--network", "none", ...ULIMITS, "box", "sh", "-c", script];
      expect((await podman("run", "-d", ...words)).status).toBe(0);
      const lines = async (): Promise<string[]> => (await podman("logs", "counts")).output.split("\n");
      const grows = async (): Promise<void> => {
        const { length } = await lines();
        while ((await lines()).length <= length) await Bun.sleep(50);
        const all = await lines();
        expect(all).toEqual(all.map((_, index) => String(index + 1)));
      };
      await grows();
      expect((await podman("container", "checkpoint", "--leave-running", "counts")).status).toBe(0);
      await grows();
      expect((await podman("container", "checkpoint", "counts")).status).toBe(0);
      const status = await podman("inspect", "-f", "{{.State.Status}} {{.State.Checkpointed}}", "counts");
      expect(status.output).toBe("exited true");
      expect((await podman("container", "restore", "counts")).status).toBe(0);
      await grows();
      expect((await podman("exec", "counts", "hostname")).status).toBe(0);

      const archive = folder.at("counts.tar.gz");
      expect((await podman("container", "checkpoint", "--export", archive, "counts")).status).toBe(0);
      expect((await podman("rm", "counts")).status).toBe(0);
      expect((await podman("container", "restore", "--import", archive)).status).toBe(0);
      await grows();
      expect((await podman("rm", "-f", "-t", "0", "counts")).status).toBe(0);
    },
    CALLER_TIMEOUT_MS,
  );
});

describe(`buildah and ${TESTED.name}`, () => {
  needs(...shared, program("buildah"))(
    "the steps of a build run in containers",
    async () => {
      await using folder = new CallerFolder();
      folder.makeRoot();
      const buildah = callBy(
        ...["buildah", "--root", folder.at("root"), "--runroot", folder.at("run"), "--storage-driver", "vfs"],
      );
      const build = (script: string): ReturnType<typeof buildah> => {
        const steps = ["FROM scratch", "COPY box /", "ENV PATH=/bin", `RUN ${script}`];
        writeFileSync(folder.at("Containerfile"), `${steps.join("\n")}\n`);
        const by = ["--runtime", folder.runtime, "--isolation", "oci", "--network", "none"];
        return buildah("build", ...by, "-t", "built", "-f", folder.at("Containerfile"), folder.path);
      };
      expect((await build("echo made >/file; echo $(id -u) $(cat /file)")).output).toContain("\n0 made\n");
      expect((await build("exit 7")).output).toContain("exit status 7");
      expect((await build("nosuch")).output).toContain("not found");
      expect((await buildah("rmi", "-a")).status).toBe(0);
    },
    CALLER_TIMEOUT_MS,
  );
});
