/**
 * Our own suite of the distribution specification against our registry, and against distribution's, which checks the suite:
 * a test that only we pass is suspect. `REGISTRY=http://host:port` points it at any other.
 */
import { afterAll, describe } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { distributionSuite, type Skip } from "../kits/distribution/suite.ts";
import { program } from "../support/needs.ts";
import { TEU } from "./teu.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-suite-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("a listening socket has no address");
  return address.port;
}

/** A registry of `command`, killed at the end. */
async function run(command: (port: number) => readonly string[]): Promise<{
  url: () => string;
  restart: () => Promise<void>;
}> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = async (): Promise<Bun.Subprocess> => {
    const child = Bun.spawn([...command(port)], {
      env: {},
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    while (
      await fetch(`${url}/v2/`).then(
        () => false,
        () => child.exitCode === null,
      )
    )
      await Bun.sleep(10);
    return child;
  };
  let child = await start();
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  afterAll(kill);
  return {
    url: () => url,
    async restart() {
      await kill();
      child = await start();
    },
  };
}

const other = process.env["REGISTRY"];
if (other !== undefined) describe(other, () => distributionSuite({ url: () => other }));

const teu = await run((port) => [
  ...[TEU, "registry", "serve", "--listen", `127.0.0.1:${port}`],
  ...["--root", join(folder, "teu")],
]);
describe("teu", () => distributionSuite(teu));

/** Distribution 2.8.2, Debian's. */
const THEIRS: readonly Skip[] = [
  {
    reason: "it lists tags whole, whatever n and last say",
    tests: [
      "tags come in pages of n, in order, each once, and the last page has no Link",
      "last need not exist, and what it names is left out",
      "n=0 is an empty page without a Link",
      "n that is no number is refused, and one that is huge is served",
    ],
  },
  {
    reason: "the list is null",
    tests: ["a repository whose tags are gone has an empty list, not null"],
  },
  {
    reason: "it has no referrers",
    tests: [
      "referrers are complete over their pages, none larger than a manifest may be, and the filter stays",
    ],
  },
  {
    reason: "it answers 404 to a digest whose type is not accepted",
    tests: ["a digest is served whatever Accept says"],
  },
  {
    reason: "it answers 400",
    tests: ["a manifest over the limit is refused with 413 and is not there"],
  },
  {
    reason: "a name that is none is 404 in plain text",
    tests: ["every refusal is JSON with a code"],
  },
  {
    reason:
      "a tag is a file that is written in place: for a moment it is empty, and 500 when it goes meanwhile",
    tests: [
      "a tag that many move at once names one of theirs, whole, at any moment",
      "pushing and deleting the same image at once fails for nobody by the registry's fault",
    ],
  },
];

if (program("docker-registry").isMet()) {
  mkdirSync(join(folder, "theirs"));
  const configOf = (port: number): string => {
    const path = join(folder, "config.yml");
    const storage = { filesystem: { rootdirectory: join(folder, "theirs") }, delete: { enabled: true } };
    writeFileSync(
      path,
      JSON.stringify({ version: 0.1, storage, http: { addr: `127.0.0.1:${port}`, secret: "x" } }),
    );
    return path;
  };
  const theirs = await run((port) => ["docker-registry", "serve", configOf(port)]);
  describe("docker-registry", () => distributionSuite(theirs, THEIRS));
} else console.log("skipped: the suite against docker-registry, which is not installed");
