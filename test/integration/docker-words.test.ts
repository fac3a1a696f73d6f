/** Who has docker's commands in the fingers: every one is known with its flags, or says what to do instead; and a day's work goes as there. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CONTAINER_FLAGS } from "../../src/cli/container-flags.ts";
import { FOREIGN_FLAGS } from "../../src/cli/flag-checks.ts";
import { FOREIGN_FLAGS_OF_DOCKER, whyNoFlag } from "../../src/cli/foreign-flags.ts";
import { needs, program, root } from "../support/needs.ts";
import { busyboxLayer, pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const WANTED = [root, program("busybox")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

let registry: RegistryProcess;
let store: Store;
let image: string;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  image = `${registry.address}/test/box`;
  await pushLayers(image, [busyboxLayer()]);
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

const COMMANDS = [
  ..."attach commit cp create diff events exec export history images import info inspect kill load login logout logs pause port ps pull push rename restart rm rmi run save search start stats stop tag top unpause update version wait".split(
    " ",
  ),
  ...["container ls", "container prune", "container inspect", "image ls", "image prune", "image inspect"],
  ...[
    "network create",
    "network connect",
    "network disconnect",
    "network inspect",
    "network ls",
    "network prune",
    "network rm",
  ],
  ...[
    "volume create",
    "volume inspect",
    "volume ls",
    "volume prune",
    "volume rm",
    "system df",
    "system prune",
    "system events",
    "system info",
  ],
  "manifest inspect",
];

/** Docker's commands that teu has not, by group; those that say so by themselves are below. */
const NO_COMMANDS: Readonly<Record<string, string>> = {
  image: "build",
  manifest: "annotate create inspect push rm", // 'get' is inspect by our name; 'teu image index' makes one of several images; rm is of a registry here
  volume: "update", // of a cluster
  system: "dial-stdio",
};
const FOREIGN =
  "build builder buildx compose context trust checkpoint plugin swarm stack service node secret config".split(
    " ",
  );

/** The commands that the help of `words` lists. */
async function commandsOf(program: readonly string[], ...words: string[]): Promise<string[]> {
  const { stdout } = await run([...program, ...words, "--help"], { env: store.env });
  if (program[0] === TEU)
    return [...stdout.matchAll(/^ {2}(\w[\w-]*) {2,}\S/gm)].map(([, name = ""]) => name);
  const sections = stdout.split(/^(?=\S)/m).filter((section) => /^([\w ]+ )?Commands:/i.test(section));
  return sections.flatMap((section) =>
    [...section.matchAll(/^ {2}(\w[\w-]*)\*? /gm)].map(([, name = ""]) => name),
  );
}

/** Flags that help does not show, since they mean nothing here. */
const HIDDEN = ["all", "attachable", "no-prune", "verbose", "timeout", ...Object.keys(CONTAINER_FLAGS)];

describe("another machine", () => {
  const here = { PATH: process.env["PATH"] ?? "", HOME: "/nowhere" };

  test("that docker is told to work on is said, and nothing is done here", async () => {
    for (const [environment, words, status, says] of [
      [
        { DOCKER_HOST: "ssh://me@far" },
        ["rm", "-f", "web"],
        1,
        "Unsupported DOCKER_HOST=ssh://me@far: teu has no daemon",
      ],
      [
        { DOCKER_HOST: "tcp://10.0.0.2:2376" },
        ["run", "box"],
        125,
        "Unsupported DOCKER_HOST=tcp://10.0.0.2:2376",
      ],
      [{ DOCKER_CONTEXT: "far" }, ["system", "prune", "-f"], 1, "Unsupported DOCKER_CONTEXT=far"],
      [{}, ["-H", "ssh://me@far", "ps"], 1, "Unsupported flag -H before a command: teu has no daemon"],
      [{}, ["--context", "far", "ps"], 1, "Unsupported flag --context before a command"],
      [{}, ["context", "ls"], 1, "Unsupported teu context: there is no daemon to choose"],
    ] as const) {
      const said = await run([TEU, ...words], { env: { ...here, ...environment } });
      expect([said.status, said.stdout, said.stderr]).toEqual([
        status,
        "",
        expect.stringContaining(`teu: ${says}`),
      ]);
      expect(said.stderr.split("\n").length).toBeLessThanOrEqual(3);
    }
    // A store that is named is one of this machine.
    const named = await run([TEU, "ps", "-q"], { env: { ...store.env, DOCKER_HOST: "ssh://me@far" } });
    expect(named).toMatchObject({ status: 0, stdout: "" });
  });

  needs(...WANTED, program("docker"))(
    "is what docker's own flags before a command name: each is refused by name",
    async () => {
      const { stdout } = await run(["docker", "--help"]);
      const flags = [
        ...stdout.slice(stdout.indexOf("Global Options")).matchAll(/^ +(?:(-\w), |)(--[\w-]+)/gm),
      ];
      const names = flags.flatMap(([, short, long]) => [short, long]).filter((name) => name !== undefined);
      expect(names).toContain("--context");
      for (const name of names) {
        if (/^(-v|--version|--help)$/.test(name)) continue;
        const { stderr } = await run([TEU, name, "x", "ps"], { env: here });
        expect(stderr).toStartWith(`teu: Unsupported flag ${name} before a command: `);
      }
    },
  );
});

describe("docker's commands", () => {
  const withDocker = needs(...WANTED, program("docker"));
  withDocker.each(COMMANDS)("%s: each flag is known, or has a reason why not", async (name) => {
    const words = name.split(" ");
    const docker = (await run(["docker", ...words, "--help"])).stdout;
    const flags = [...docker.matchAll(/^ +(?:-\w, )?(--[a-z0-9-]+)/gm)].map(([, flag = ""]) => flag);
    expect(docker).toContain("Usage:");
    const ours = (await store.teu(...words, "--help")).stdout;
    expect(ours).toContain("Usage:");
    const known = new Set([
      "--help",
      ...HIDDEN.map((word) => `--${word}`),
      ...(ours.match(/--[a-z0-9-]+/g) ?? []),
    ]);
    const excused = Object.keys(FOREIGN_FLAGS_OF_DOCKER)
      .filter((key) => key.startsWith("* --") || key.startsWith(`${name} --`))
      .flatMap((key) => key.match(/--[a-z0-9-]+/g) ?? []);
    expect(flags.filter((flag) => !known.has(flag) && !excused.includes(flag))).toEqual([]);
  });

  withDocker("each command of each group is there, or has a reason", async () => {
    const groups = ["container", "image", "manifest", "network", "system", "volume"];
    const missing = await Promise.all(
      [[], ...groups.map((group) => [group])].map(async (words) => {
        const ours = new Set(await commandsOf([TEU], ...words));
        const excused = words.length === 0 ? FOREIGN : (NO_COMMANDS[words[0] ?? ""] ?? "").split(" ");
        const theirs = await commandsOf(["docker"], ...words);
        expect({ words, some: theirs.length > 0 }).toEqual({ words, some: true });
        return theirs
          .filter((name) => !ours.has(name) && !excused.includes(name))
          .map((name) => [...words, name].join(" "));
      }),
    );
    expect(missing.flat()).toEqual([]);
  });

  test("the page for docker's users names every flag that is not there, and those that are refused", () => {
    const page = readFileSync(join(import.meta.dir, "../../docs/how-to/use-dockers-commands.md"), "utf8");
    const flags = [
      ...Object.keys(FOREIGN_FLAGS_OF_DOCKER),
      ...Object.keys(FOREIGN_FLAGS).map((name) => `run --${name}`),
    ].flatMap((key) => key.match(/--[a-z0-9-]+/g) ?? []);
    const named = new Set(page.match(/--[a-z0-9-]+/g) ?? []);
    expect(flags.filter((flag) => !named.has(flag))).toEqual([]);
  });

  test("a flag that is docker's or podman's is refused by name, with what to do instead", async () => {
    const { stderr, status } = await store.teu("run", "--cpu-count", "2", image);
    expect({ stderr, status }).toEqual({
      stderr: "teu: Unsupported flag --cpu-count of teu run: it is of Windows\n",
      status: 125,
    });
    expect((await store.teu("create", "--replace", image)).stderr).toBe(
      "teu: Unsupported flag --replace of teu create: use 'teu rm -f NAME' before it\n",
    );
    expect((await store.teu("volume", "ls", "--cluster")).stderr).toContain("it is of a cluster");
    expect((await store.teu("ps", "--replace")).stderr).toContain("Unknown flag --replace of teu ps");
  });

  const withPodman = needs(...WANTED, program("podman"));
  withPodman("podman's flags of run are known, or say what to do instead", async () => {
    const podman = (await run(["podman", "run", "--help"])).stdout;
    const flags = [...podman.matchAll(/^ +(?:-\w, )?(--[a-z0-9-]+)/gm)].map(([, flag = ""]) => flag);
    expect(flags.length).toBeGreaterThan(100);
    const help = (await store.teu("run", "--help")).stdout;
    const known = new Set([
      ...["--help", ...HIDDEN.map((word) => `--${word}`)],
      ...(help.match(/--[a-z0-9-]+/g) ?? []),
    ]);
    expect(flags.filter((flag) => !known.has(flag) && whyNoFlag("teu run", flag) === undefined)).toEqual([]);
  });

  test.each(FOREIGN)("%s says what to do instead", async (word) => {
    const { status, stderr } = await store.teu(word, "x");
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^teu: Unsupported teu ${word}: .+\n$`));
  });
});

describe("the first minute", () => {
  test("teu alone says where to begin, on a small terminal", async () => {
    const { stdout, status } = await store.teu();
    expect(status).toBe(0);
    expect(stdout).toContain("teu run --rm -it");
    const lines = stdout.split("\n");
    expect(lines.length).toBeLessThanOrEqual(20);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(110);
    for (const [, command = ""] of stdout.matchAll(/^ {2}teu (\w+(?: df)?)/gm))
      expect((await store.teu(...command.split(" "), "--help")).status).toBe(0);
  });

  test.each([
    [["rnu", "x"], "Did you mean run?"],
    [["run", "--detahc", image], "Did you mean --detach?"],
    [["network", "conect"], "Did you mean connect?"],
    [["nothing-like-it"], 'hint: See "teu --help"'],
  ])("%p: %s", async (words, says) => {
    const { status, stderr } = await store.teu(...words.map((word) => word ?? "image"));
    expect(status).not.toBe(0);
    expect(stderr).toContain(says);
  });
});

describe("what a repository, a platform and a list have more of", () => {
  const repository = () => image.replace(/box$/, "many");

  test("push and pull --all-tags take every tag of a repository, and no tag with it", async () => {
    await store.done("pull", "-q", image);
    for (const tag of ["one", "two"]) await store.done("tag", image, `${repository()}:${tag}`);
    const pushed = await store.done("push", "-q", "-a", repository());
    expect(pushed.replace(/ size: \d+/g, "")).toMatch(
      /many:one: digest: sha256:\S+\n.*many:two: digest: sha256:\S+\n$/,
    );
    await store.done("rmi", `${repository()}:one`, `${repository()}:two`);
    expect(await store.done("pull", "-q", "--all-tags", repository())).toBe(
      `${repository()}:one\n${repository()}:two\n`,
    );
    for (const command of ["pull", "push"]) {
      const { status, stderr } = await store.teu(command, "-a", `${repository()}:one`);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: "teu: tag can't be used with --all-tags/-a\n",
      });
    }
    expect((await store.teu("push", "-a", repository().replace("many", "none"))).stderr).toContain(
      "No such image",
    );
  });

  test("inspect and history --platform are of that platform, or says that it is not here", async () => {
    expect(await store.done("inspect", "--platform", "linux/amd64", "-f", "{{.Os}}", image)).toBe("linux\n");
    expect((await store.teu("image", "inspect", "--platform", "linux/s390x", image)).stderr).toContain(
      "linux/s390x",
    );
    expect(await store.done("history", "-q", "--platform", "linux/amd64", image)).not.toBe("");
    const other = await store.teu("image", "history", "--platform", "linux/s390x", image);
    expect(other.stderr).toContain("linux/s390x");
  });

  test("network prune --filter goes by labels and time", async () => {
    await store.done("network", "create", "--label", "team.job=a", "words-a");
    await store.done("network", "create", "words-b");
    expect(
      await store.done(
        "network",
        "ls",
        "--filter",
        "label=team.job",
        "--format",
        'table {{.Name}} {{.Label "team.job"}}',
      ),
    ).toBe("NAME job\nwords-a a\n");
    expect(
      await store.done("network", "prune", "-f", "--filter", "until=1h", "--filter", "label=team.job"),
    ).toBe("");
    expect(await store.done("network", "prune", "-f", "--filter", "label!=team.job")).toContain("words-b\n");
    expect(await store.done("network", "prune", "-f", "--filter", "label=team.job=a")).toBe("words-a\n");
    expect((await store.teu("network", "prune", "--filter", "name=x")).stderr).toContain(
      "invalid filter 'name=x'",
    );
  });

  test("system df --format", async () => {
    expect(await store.done("system", "df", "--format", "{{.Type}} {{.TotalCount}}")).toContain(
      "Containers 0\n",
    );
    expect(await store.done("system", "df", "--format", "table {{.Type}}\t{{.Reclaimable}}")).toStartWith(
      "TYPE ",
    );
    expect((await store.teu("system", "df", "-v", "--format", "json")).stderr).toContain("options conflict");
  });
});

test("alias docker=teu: a day's work", async () => {
  const script = `set -e
docker() { ${TEU} "$@"; }
docker pull -q $IMAGE
docker tag $IMAGE box
docker images --filter reference='box' --format '{{.Repository}}:{{.Tag}}'
docker images -q $IMAGE | wc -l
docker run -d --name web --network none -e GREETING=hello --label app=shop box sh -c 'echo $GREETING; sleep 1000'
docker ps --filter label=app=shop --format '{{.Names}} {{.State}}'
until docker logs web | grep hello; do sleep 0.05; done
docker exec web sh -c 'echo in >/file; cat /file'
docker exec -d web sh -c 'sleep 0.1; echo later >/later'
docker cp web:/file $DIR/file && cat $DIR/file
docker inspect -f '{{.State.Running}} {{.Config.Labels.app}}' web
docker inspect --type container -f '{{.Name}}' web
docker diff web | grep file
docker pause web && docker ps --format '{{.Status}}' | grep -o Paused && docker unpause web >/dev/null
docker top web | grep -c sleep
docker stats --no-stream --format '{{.Name}}' web
until docker exec web cat /later 2>/dev/null; do sleep 0.05; done
docker exec --privileged web sh -c 'grep -c CapEff:.*ff /proc/self/status'
docker commit web shot >/dev/null && docker run --rm --network none shot cat /file
docker stop --timeout 0 web && docker start web && docker restart -t 0 web && docker kill web && docker wait web
docker rm web
docker volume create pages && docker run --rm --network none -v pages:/p box sh -c 'echo kept >/p/x' && docker run --rm --network none -v pages:/p box cat /p/x
docker volume inspect -f '{{.Name}} {{.Driver}}' pages && docker volume rm pages
docker network create back >/dev/null && docker network ls --filter name=back --format '{{.Name}}' && docker network inspect -f '{{.Driver}} {{(index .IPAM.Config 0).Gateway}}' back && docker network rm back
docker save -o $DIR/box.tar box && docker rmi box shot >/dev/null && docker load -q -i $DIR/box.tar && docker history -q box | wc -l
docker version --format '{{.Server.Os}}' && docker info --format '{{.OSType}} {{.ContainersRunning}}' && docker system info --format '{{.Driver}}'
[ "$(docker info -f '{{.ServerVersion}}')" = "$(docker version -f '{{.Client.Version}}')" ] && docker version -f '{{.Server.Version}}' | cut -d. -f1
docker version -f '{{.Client.APIVersion}} {{.Server.APIVersion}}' && docker --version '' | head -n 1 | cut -d' ' -f1,2
docker image prune -f >/dev/null && docker container prune -f >/dev/null && docker system df >/dev/null
`;
  const path = store.path("day.sh");
  writeFileSync(path, script);
  const { stdout, stderr, status } = await run(["sh", path], {
    env: { ...store.env, PATH: process.env["PATH"] ?? "", IMAGE: image, DIR: store.folder },
  });
  expect(
    `${stderr
      .split("\n")
      .filter((line) => !line.includes("Digest"))
      .join("\n")}`,
  ).toBe("");
  expect(status).toBe(0);
  expect(
    stdout
      .replaceAll(image, "IMAGE")
      .replaceAll(/[0-9a-f]{64}/g, "ID")
      .replace(/^bridge (172\.\d+\.0\.1|192\.168\.\d+\.1)$/m, "bridge GATEWAY"),
  ).toBe(`IMAGE:latest
box:latest
1
ID
web running
hello
in
in
true shop
/web
A /file
web
Paused
1
web
later
1
in
web
web
web
web
137
web
pages
kept
pages local
pages
back
bridge GATEWAY
back
Loaded image: box:latest
1
linux
linux 0
overlay2
28
1.50 1.50
teu version
`);
  expect(existsSync(`${store.folder}/file`) && readFileSync(`${store.folder}/file`, "utf8")).toBe("in\n");
});
