/**
 * The same scripts by teu and, where one is installed, by a dockerd of the test's own: side-by-side/rows.txt has what they print. Each row is
 * something that scripts and fingers rely on; where docker has other words, they stand beside ours.
 */
import { beforeAll, describe, expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { CallerFolder } from "./support/caller.ts";
import { DOCKER, serveDocker } from "./support/dockerd.ts";
import { busyboxLayer, tarOf } from "./support/make-image.ts";
import { Store } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const WANTED = [root, program("busybox")];
const DOCKER_WANTED = [...WANTED, program("dockerd"), program(DOCKER)];
const isAble = (wanted: typeof WANTED) => wanted.every((need) => need.isMet());
const TIMEOUT_MS = 180_000;

interface Row {
  readonly heading: string;
  readonly script: string;
  readonly prints: string;
  readonly dockerPrints: string;
}

/** The rows of a file, by its own first lines. */
function parseRows(text: string): Row[] {
  const rows: Row[] = [];
  let heading = "";
  for (const block of text.split(/\n{2,}/)) {
    if (block.startsWith("## ")) heading = block.slice(3).trim();
    if (!block.startsWith("$ ")) continue;
    const [first = "", ...lines] = block.trimEnd().slice(2).split("\n");
    const more = lines.filter((line) => line.startsWith("> ")).map((line) => line.slice(2));
    const output = lines.filter((line) => !line.startsWith("> "));
    const at = output.indexOf("~ docker");
    const ours = at < 0 ? output : output.slice(0, at);
    const theirs = at < 0 ? output : output.slice(at + 1);
    rows.push({
      heading,
      script: [first, ...more].join("\n"),
      prints: ours.join("\n"),
      dockerPrints: theirs.join("\n"),
    });
  }
  return rows;
}

const ROWS = parseRows(readFileSync(join(import.meta.dir, "side-by-side/rows.txt"), "utf8"));
const MARK = "@@@@";

const BEGIN = `
d() { "$PROGRAM" "$@"; s=$?; [ $s = 0 ] || echo "= $s"; return $s; }
until_() { n=0; until eval "$1" >/dev/null 2>&1; do sleep 0.05; n=$((n+1)); [ $n -lt 200 ] || exit 1; done; }
list() { (cd "$1" && find . | sort | tr '\\n' ' '); echo; }
inside() { d exec files sh -c "cd $1 && find . | sort | tr '\\n' ' '; echo"; }
cd "$DIR"; umask 022
d run -d --name web --network none --label a=b --label com.x=y.z -e GREETING=hi -e EMPTY= -v pages:/data -v /tmp:/host:ro --tmpfs /t -h named -w /tmp -u user --restart on-failure:3 --expose 90 --entrypoint sh box -c 'echo one; echo two >&2; exec sleep 1000' >/dev/null
d run --name ended --network none --label a=c box sh -c 'echo last words; exit 3' >/dev/null
d create --name made --network none box echo 'two words' >/dev/null
d run -d --name files --network none box sh -c 'mkdir -p /d/sub /e; echo f >/d/f; echo s >/d/sub/s; ln -s f /d/link; ln -s sub /d/way; ln -s none /d/broken; echo up; exec sleep 1000' >/dev/null
mkdir -p L/dir/sub; echo lf >L/f; echo ls >L/dir/sub/s; ln -s f L/link
until_ 'd logs files | grep up'; until_ 'd logs web 2>&1 | grep two'
`;
const END = `
echo ${MARK}
d rm -f web ended made files; d volume rm pages
`;

/** Runs all rows, one after the other. @returns the output of each, what is one program's alone left out */
async function runRows(command: string, folder: string, env: Record<string, string>): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const rows = ROWS.map(({ script }) => `echo ${MARK}\n{ ${script}\n} 2>err; sed 's/^/2: /' err`);
  writeFileSync(join(folder, "rows.sh"), `${BEGIN}${rows.join("\n")}${END}`);
  const { stdout, stderr } = await run(["sh", join(folder, "rows.sh")], {
    env: { ...env, PROGRAM: command, DIR: folder },
    stdin: "",
  });
  const outputs = stdout.split(`${MARK}\n`).slice(1, -1);
  if (outputs.length !== ROWS.length)
    throw new Error(`${command}: ${stdout.slice(-500)}${stderr.slice(-500)}`);
  return outputs.map((text) => normalize(text, folder));
}

/** Standard error comes last, and without what a program says of itself. */
function normalize(text: string, folder: string): string {
  const lines = text
    .replaceAll(folder, "DIR")
    .replace(/[0-9a-f]{64}/g, "ID")
    .split("\n")
    .map((line) => line.replace(/\s+$/, ""));
  return lines
    .map((line) =>
      line.startsWith("2: ")
        ? line
            .slice(3)
            .replace(/^(docker|teu|Error|Error response from daemon): /, "")
            .replace(/^(Error response from daemon|OCI runtime exec failed): /, "")
            .replace(/\.$/, "")
        : line,
    )
    .filter((line) => line !== "" && !/^(hint: |See '|Usage:|Run ')|Unsolicited response received/.test(line))
    .join("\n");
}

let ours: string[] = [];
let theirs: string[] = [];

beforeAll(async () => {
  if (!isAble(WANTED)) return;
  await using store = new Store();
  await using folder = new CallerFolder();
  const archive = folder.at("box.tar");
  writeFileSync(archive, tarOf(folder.at("tree"), busyboxLayer()));
  const import_ = ["import", "-c", 'CMD ["sh"]', "-c", "ENV PATH=/bin", archive, "box"];
  const byTeu = async () => {
    await store.done(...import_);
    ours = await runRows(TEU, store.path("rows"), { ...store.env });
  };
  const byDocker = async () => {
    if (!isAble(DOCKER_WANTED)) return;
    const docker = await serveDocker(folder);
    expect((await docker(...import_)).status).toBe(0);
    theirs = await runRows(DOCKER, folder.at("rows"), { DOCKER_HOST: `unix://${folder.at("socket")}` });
    // What dockerd keeps of the host's network, once it was shared.
    await run(["umount", "-l", folder.at("exec/netns/default")]);
  };
  await Promise.all([byTeu(), byDocker()]);
}, TIMEOUT_MS);

for (const heading of new Set(ROWS.map((row) => row.heading)))
  describe(heading, () => {
    const rows = ROWS.map((row, index) => ({ ...row, index })).filter((row) => row.heading === heading);
    needs(...WANTED).each(rows)("teu: $script", ({ prints, index }) => {
      expect(ours[index]).toBe(prints);
    });
    needs(...DOCKER_WANTED).each(rows)("docker: $script", ({ dockerPrints, index }) => {
      expect(theirs[index]).toBe(dockerPrints);
    });
  });
