/** What is shown to a reader that has had enough: teu ends without a word, as docker and podman do, and leaves nothing behind. */
import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { program, root } from "../support/needs.ts";
import { type OwnStore, useOwnStore } from "./support/own-store.ts";
import { run, TEU } from "./teu.ts";

let own: OwnStore;

const test = useOwnStore(
  [root, ...["busybox", "bash", "nft", "ip", "nsenter"].map((name) => program(name))],
  async (opened) => {
    own = opened;
    const { store, image } = own;
    const words = (name: string) => ["run", "-d", "--network", "none", "--name", name, image, "sh", "-c"];
    await store.done(...words("talker"), "echo first; head -c 300000 /dev/zero | tr '\\0' '\\n'; sleep 1000");
    await store.done(...words("quiet"), "echo first; sleep 1000");
    await store.done(...words("ended"), "exit");
    await store.done("wait", "ended");
    for (const name of ["talker", "quiet"])
      for (const end = Date.now() + 10_000; !(await store.done("logs", name)).startsWith("first"); )
        if (Date.now() > end) throw new Error(`${name} said nothing`);
  },
);

/** 128 + SIGPIPE. */
const GONE = 141;

test.each([
  ["logs talker", "head -1", "first\n"],
  // Nothing is written any more, by which it would hear of it.
  ["logs -f quiet", "head -1", "first\n"],
  ["events --since 1h", "head -c 2", "20"],
  ["events", "true", ""],
  ["stats", "head -c 9", "CONTAINER"],
  ["stats --format '{{.Name}}' quiet", "head -1", "quiet\n"],
  ["save IMAGE", "head -c 0", ""],
  ["export talker", "head -c 0", ""],
  ["export ended", "head -c 0", ""],
  ["cp talker:/ -", "head -c 0", ""],
  ["cp ended:/ -", "head -c 0", ""],
])("teu %s | %s", async (words, reader, shown) => {
  const script = `${TEU} ${words.replace("IMAGE", own.image)} | ${reader}; echo "=\${PIPESTATUS[0]}"`;
  const command = [...own.network.host, "timeout", "-s", "KILL", "20", "bash", "-c", script];
  const { stdout, stderr } = await run(command, { env: { ...own.store.env } });
  expect([stdout, stderr]).toEqual([`${shown}=${GONE}\n`, ""]);
});

test("leaves nothing behind", async () => {
  const { store, image } = own;
  expect(await store.done("system", "check")).not.toContain("orphan");
  expect(readdirSync(store.path("root/snapshots")).filter((name) => name.startsWith("new-"))).toEqual([]);
  await store.done("rm", "-f", "talker", "quiet", "ended");
  await store.done("rmi", image);
});
