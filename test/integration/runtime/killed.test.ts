/**
 * What is left when the runtime itself is killed, and when many of them work at once. strace kills it at the nth answer to
 * init, which is where it has half of everything.
 */
import { describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root, swift } from "../../support/needs.ts";
import {
  type Change,
  changes,
  mount,
  withLinux,
  withMounts,
  withNewNamespace,
  withProcess,
  withUserNamespace,
} from "../support/bundle.ts";
import { findLeftovers } from "../support/leftovers.ts";
import { Container, TESTED } from "../support/runtime.ts";

const isSlow = process.env["VM_GUEST"] !== undefined;
/** The specification of this test: what the killed runtime had started is gone after so long. */
const GONE_MS = isSlow ? 10_000 : 1000;

const documents: { says: string; change: Change }[] = [
  { says: "a plain container", change: (config) => config },
  {
    says: "a container in a user namespace, its cgroup elsewhere",
    change: changes(
      withUserNamespace(100_000),
      withNewNamespace("cgroup"),
      withMounts(mount("/tmp", "tmpfs", "tmpfs", "tmpcopyup"), mount("/made/deep/er", "tmpfs", "tmpfs")),
      withProcess({ oomScoreAdj: 5 }),
    ),
  },
];

/** create under strace, which kills it at its nth sending of a message. */
async function createKilledAt(container: Container, nth: number): Promise<number> {
  const inject = nth === 0 ? [] : ["-e", `inject=sendmsg:signal=SIGKILL:when=${nth}`];
  const trace = join(container.bundle.path, "trace");
  const words = [
    "strace",
    "-o",
    trace,
    "-e",
    "trace=sendmsg",
    ...inject,
    ...container.words("create", container.id),
  ];
  const child = Bun.spawn(words, {
    cwd: container.bundle.path,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  await child.exited;
  return readFileSync(trace, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("sendmsg(")).length;
}

/** Processes and mounts of the container, looked for until there are none or the time is over. */
async function livingAfter(container: Container, boundMs: number): Promise<string[]> {
  const until = Bun.nanoseconds() + boundMs * 1e6;
  for (;;) {
    const left = findLeftovers([container.id, container.bundle.path]).filter(
      (line) => !line.startsWith("cgroup: "),
    );
    if (left.length === 0 || Bun.nanoseconds() > until) return left;
    await Bun.sleep(5);
  }
}

describe(`a create of ${TESTED.name} that is killed`, () => {
  needs(root, program("busybox"), program("strace")).each(documents)(
    "leaves no process and no mount, and delete --force removes the rest: $says",
    async ({ change }) => {
      let messages = 1;
      for (let nth = 0; nth <= messages; nth++) {
        await using container = new Container();
        Bun.spawnSync(["chown", "-R", "100000:100000", container.bundle.rootfs]);
        container.configure(
          "true",
          changes(change, withLinux({ cgroupsPath: `/teu-killed/${container.id}` })),
        );
        const sent = await createKilledAt(container, nth);
        if (nth === 0) {
          messages = sent;
          expect(messages).toBeGreaterThan(1);
          continue; // Nobody was killed: the container is there, and goes with the others.
        }
        expect({ nth, left: await livingAfter(container, GONE_MS) }).toEqual({ nth, left: [] });
        expect(readdirSync(container.stateFolder)).toEqual([container.id]);
        const { status, stderr } = await container.call(["delete", "--force", container.id]);
        expect({ nth, status, stderr }).toEqual({ nth, status: 0, stderr: "" });
        expect(readdirSync(container.stateFolder)).toEqual([]);
        expect(findLeftovers([container.id, container.bundle.path])).toEqual([]);
      }
      Bun.spawnSync(["sh", "-c", "rmdir /sys/fs/cgroup/teu-killed /sys/fs/cgroup/*/teu-killed"], {
        stderr: "ignore",
      });
    },
  );
});

describe(`many containers of ${TESTED.name} at once`, () => {
  const count = 200;
  const atOnce = 8;

  needs(root, program("busybox"), swift)(
    `${count} creates and deletes, ${atOnce} at a time, leave nothing`,
    async () => {
      await using container = new Container();
      container.configure("true");
      const numbers = Array.from({ length: count }, (_, index) => index).values();
      const failures: string[] = [];
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          for (const number of numbers) {
            const id = `${container.id}-${number}`;
            for (const words of [
              ["create", id],
              ["delete", id],
            ]) {
              const { status, stderr } = await container.call(words);
              if (status !== 0 || stderr !== "") failures.push(`${words.join(" ")}: ${status} ${stderr}`);
            }
          }
        }),
      );
      expect(failures.slice(0, 3)).toEqual([]);
      expect(readdirSync(container.stateFolder)).toEqual([]);
      expect(findLeftovers([container.id, container.bundle.path])).toEqual([]);
    },
    120_000,
  );
});
