/** Networks by CNI plugins: Debian's, and scripts that fail in their ways. In a network namespace of the test's own. */
import { afterAll, expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Need, needs, program, root } from "../support/needs.ts";
import type { OwnNetwork } from "./support/own-network.ts";
import { useOwnStore } from "./support/own-store.ts";
import { Store } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const PLUGINS = "/usr/lib/cni";
const WANTED: Need[] = [root, program("busybox"), program("nft"), program("ip"), program("nsenter")];
const REAL: Need = { says: "the CNI plugins", isMet: () => existsSync(join(PLUGINS, "bridge")) };

let network: OwnNetwork;
let store: Store;
let image: string;
const folder = mkdtempSync(join(tmpdir(), "teu-cni-"));
const files = join(folder, "net.d");
const scripts = join(folder, "plugins");

/** Notes each call with what it is told, then does as its name says. */
const SCRIPT = `#!/bin/sh
input=$(cat)
[ "$CNI_COMMAND" != VERSION ] || { echo '{"cniVersion":"1.0.0","supportedVersions":SUPPORTED}'; exit; }
echo "$CNI_COMMAND \${0##*/} $CNI_IFNAME $CNI_ARGS $input" >>LOG
case "$CNI_COMMAND \${0##*/}" in
  "ADD fails") echo '{"cniVersion":"1.0.0","code":103,"msg":"no more frogs","details":"pond empty"}'; exit 1 ;;
  "DEL undone") echo "it is stuck" >&2; exit 1 ;;
  "CHECK lame") echo '{"cniVersion":"1.1.0","code":104,"msg":"its leg is gone"}'; exit 1 ;;
  "STATUS lame") echo '{"cniVersion":"1.1.0","code":50,"msg":"no water"}'; exit 1 ;;
  "GC lame") echo "too tired" >&2; exit 1 ;;
  "ADD old") echo '{"ips":[{"version":"4","address":"10.88.0.7/16"}]}' ;;
  "ADD odd") echo '{"cniVersion":"0.2.0","ip4":{"ip":"10.88.0.7/16"}}' ;;
  "ADD hangs") sleep 20 ;;
  "ADD babbles") echo hello ;;
  ADD*) echo '{"cniVersion":"1.0.0","ips":[{"address":"10.88.0.7/16","gateway":"10.88.0.1"}],"dns":{"nameservers":["10.88.0.53"],"search":["pond.test"]}}' ;;
esac
`;

const test = useOwnStore(
  WANTED,
  (own) => {
    ({ network, store, image } = own);
    mkdirSync(files);
    mkdirSync(scripts);
    const versions = { lame: ["1.0.0", "1.1.0"], modern: ["1.0.0", "1.1.0"], old: ["0.3.0", "0.3.1"] };
    for (const name of ["notes", "fails", "undone", "hangs", "babbles", "odd", ...Object.keys(versions)]) {
      const supported = JSON.stringify(versions[name as keyof typeof versions] ?? ["0.4.0", "1.0.0"]);
      const script = SCRIPT.replace("LOG", join(scripts, "log")).replace("SUPPORTED", supported);
      writeFileSync(join(scripts, name), script);
      chmodSync(join(scripts, name), 0o755);
    }
  },
  ["env", `NETCONFPATH=${files}`, `CNI_PATH=${scripts}:${PLUGINS}`, "TEU_CNI_TIMEOUT=1"],
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function describeNetwork(name: string, ...plugins: object[]): void {
  describeAs({ cniVersion: "1.0.0" }, name, ...plugins);
}
function describeAs(more: object, name: string, ...plugins: object[]): void {
  writeFileSync(join(files, `${name}.conflist`), JSON.stringify({ ...more, name, plugins }));
}

/** What the scripts were called with since the last look. */
function calls(): string[] {
  const log = join(scripts, "log");
  const lines = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
  writeFileSync(log, "");
  return lines.filter((line) => line !== "");
}
const briefly = () => calls().map((line) => line.split(" ").slice(0, 2).join(" "));

needs(...WANTED, REAL)(
  "Debian's plugins connect a container, publish its port, and give all back",
  async () => {
    const data = join(scripts, "leases");
    const ipam = {
      type: "host-local",
      dataDir: data,
      ranges: [[{ subnet: "10.89.0.0/24" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    };
    describeNetwork(
      "pods",
      {
        type: "bridge",
        bridge: "cni-test0",
        isGateway: true,
        ipMasq: true,
        capabilities: { ips: true },
        ipam,
      },
      { type: "portmap", capabilities: { portMappings: true } },
    );
    expect(await store.done("network", "ls")).toMatch(/cni:pods +cni /);
    const serve = "mkdir /www; echo pods > /www/index.html; exec busybox httpd -f -p 80 -h /www";
    const flags = ["--network", "cni:pods", "--ip", "10.89.0.9", "-p", "8085:80", "-p", "3868:3867/sctp"];
    await store.done("run", "-d", "--name", "pod", ...flags, image, "sh", "-c", serve);
    const seen = await store.done(
      "exec",
      "pod",
      "sh",
      "-c",
      "ip -o -4 addr show eth0; ip route; tail -n 1 /etc/hosts",
    );
    expect(seen).toContain("inet 10.89.0.9/24");
    expect(seen).toContain("default via 10.89.0.1 dev eth0");
    expect(seen).toMatch(/10\.89\.0\.9\t\S+ pod\n$/);
    const [pod] = JSON.parse(await store.done("inspect", "pod"));
    expect(pod.NetworkSettings).toMatchObject({
      IPAddress: "10.89.0.9",
      Networks: { "cni:pods": { IPAddress: "10.89.0.9", IPPrefixLen: 24, Gateway: "10.89.0.1" } },
      Ports: { "80/tcp": [{ HostPort: "8085" }], "3867/sctp": [{ HostPort: "3868" }] },
    });
    const rules = await run([...network.host, "iptables-save", "-t", "nat"]);
    expect(rules.stdout).toMatch(/-p sctp .*--dport 3868 .*--to-destination 10\.89\.0\.9:3867$/m);
    for (const end = Date.now() + 10_000; ; ) {
      if ((await network.ask(network.outside, "http://192.0.2.1:8085/")).stdout === "pods\n") break;
      if (Date.now() > end) throw new Error("nobody answered at the published port");
    }
    await store.done("rm", "-f", "pod");
    expect(readdirSync(join(data, "pods")).filter((name) => name.startsWith("10."))).toEqual([]);
    const { stdout } = await run([...network.host, "sh", "-c", "ip -o link; iptables-save -t nat"]);
    expect(stdout).not.toMatch(/veth|10\.89\.0\.9/);
    await run([...network.host, "ip", "link", "del", "cni-test0"]);
  },
);

test("a chain is called in order, with each one's result for the next, and undone from its end", async () => {
  describeNetwork("pond", { type: "notes", capabilities: { mac: true } }, { type: "undone" });
  calls();
  const flags = ["--network", "cni:pond", "--mac-address", "02:00:00:00:00:07"];
  const { stdout, stderr } = await store.teu("run", "--rm", ...flags, image, "cat", "/etc/resolv.conf");
  expect(stdout).toContain("nameserver 10.88.0.53");
  expect(stdout).toContain("search pond.test");
  // What cannot be taken back keeps no container from going.
  expect(stderr).toBe("WARNING: CNI network pond: DEL of plugin undone failed: it is stuck\n");
  const lines = calls();
  expect(lines.map((line) => line.split(" ").slice(0, 3).join(" "))).toEqual([
    ...["ADD notes eth0", "ADD undone eth0", "DEL undone eth0", "DEL notes eth0"],
  ]);
  expect(lines[0]).toContain("IgnoreUnknown=1;MAC=02:00:00:00:00:07");
  expect(lines[0]).toContain('"runtimeConfig":{"mac":"02:00:00:00:00:07"}');
  expect(lines[0]).toContain('"name":"pond","cniVersion":"1.0.0"');
  for (const line of lines.slice(1)) expect(line).toContain('"prevResult":{');
});

test("plugins are told of resolvers and of rates, when they have the capability", async () => {
  describeNetwork("told", { type: "notes", capabilities: { dns: true, bandwidth: true } }, { type: "notes" });
  calls();
  const flags = ["--network", "cni:told", "--dns", "192.0.2.53", "--dns-search", "a.test"];
  const limit = (rate: string) => ["--annotation", `kubernetes.io/egress-bandwidth=${rate}`];
  await store.done("run", "--rm", ...flags, ...limit("10M"), image, "true");
  const [first, second] = calls();
  expect(first).toContain(
    '"runtimeConfig":{"dns":{"servers":["192.0.2.53"],"searches":["a.test"]},"bandwidth":{"egressRate":10000000,"egressBurst":4294967295}}',
  );
  expect(second).not.toContain("runtimeConfig");
  expect((await store.teu("run", "--rm", ...flags, ...limit("much"), image, "true")).stderr).toBe(
    'teu: Invalid annotation kubernetes.io/egress-bandwidth="much": wants bits a second, from 1k to 1000T, as 10M\n',
  );
});

test("a plugin that fails, hangs, babbles or is missing is one line, and what was made is undone", async () => {
  const attempt = async (name: string, ...words: string[]) =>
    (await store.teu("run", "--rm", "--network", `cni:${name}`, ...words, image, "true")).stderr;
  for (const type of ["fails", "hangs", "babbles"]) describeNetwork(type, { type: "notes" }, { type });
  describeNetwork("lacks", { type: "notes" }, { type: "nowhere" });
  calls();
  expect(await attempt("fails")).toBe(
    "teu: CNI network fails: ADD of plugin fails failed: no more frogs: pond empty (code 103)\n",
  );
  expect(briefly()).toEqual(["ADD notes", "ADD fails", "DEL fails", "DEL notes"]);
  expect(await attempt("hangs")).toBe(
    "teu: CNI network hangs: ADD of plugin hangs failed: it has not ended within 1 s\n",
  );
  expect(await attempt("babbles")).toBe(
    'teu: CNI network babbles: ADD of plugin babbles failed: its answer is no JSON object: "hello"\n',
  );
  calls();
  expect(await attempt("lacks")).toContain("VERSION of plugin nowhere failed: there is no such program in");
  expect(briefly()).toEqual([]);
  expect(await attempt("none")).toContain('teu: CNI network none not found: no file in "');
  expect(await attempt("pond", "-p", "80")).toContain("none of its plugins has the capability portMappings");
  writeFileSync(join(files, "bad.conf"), '{"name":"bad","cniVersion":"9.9","type":"notes"}');
  expect(await attempt("bad")).toContain('/bad.conf": cniVersion: found "9.9", wants one of 0.3.0');
  expect(await store.done("ps", "-aq")).toBe("");
});

test("system check asks the plugins of networks that containers are in, and about each container", async () => {
  const newest = { cniVersion: "1.0.0", cniVersions: ["1.0.0", "1.1.0"] };
  describeAs(newest, "healthy", { type: "modern" }, { type: "modern" });
  describeAs(newest, "ill", { type: "modern" }, { type: "lame" });
  describeAs({ ...newest, disableCheck: true }, "unasked", { type: "lame" });
  const start = (name: string) =>
    store.done("run", "-d", "--name", name, "--network", `cni:${name}`, image, "busybox", "sleep", "1000");
  await start("healthy");
  calls();
  expect((await store.teu("system", "check")).status).toBe(0);
  expect(briefly()).toEqual(["STATUS modern", "STATUS modern", "CHECK modern", "CHECK modern"]);
  await start("ill");
  await start("unasked");
  calls();
  const { status, stdout } = await store.teu("system", "check");
  expect(status).toBe(1);
  expect(stdout).toContain("CNI network ill: STATUS of plugin lame failed: no water (code 50)");
  expect(stdout).toContain(
    "container ill: CNI network ill: CHECK of plugin lame failed: its leg is gone (code 104)",
  );
  const lines = calls();
  // What the containers were connected with is what they are checked with.
  expect(lines.find((line) => line.startsWith("CHECK lame"))).toMatch(
    /^CHECK lame eth0 IgnoreUnknown=1 .*"cniVersion":"1.1.0","prevResult":\{"cniVersion":"1.0.0","ips":/,
  );
  const asked = lines.filter((line) => line.startsWith("STATUS lame")).sort();
  expect(asked[0]).toStartWith('STATUS lame   {"type":"lame","name":"ill"');
  expect(lines.filter((line) => line.startsWith("CHECK lame"))).toHaveLength(1);
  await store.done("rm", "-f", "healthy", "ill", "unasked");
  for (const name of ["healthy", "ill", "unasked"]) rmSync(join(files, `${name}.conflist`));
});

needs(...WANTED, REAL)("and Debian's plugins tell of what a container has lost", async () => {
  const ipam = {
    type: "host-local",
    dataDir: join(scripts, "leases"),
    ranges: [[{ subnet: "10.90.0.0/24" }]],
  };
  describeNetwork("checked", { type: "bridge", bridge: "cni-test1", isGateway: true, ipam });
  const flags = ["--cap-add", "NET_ADMIN", "--network", "cni:checked"];
  await store.done("run", "-d", "--name", "loser", ...flags, image, "busybox", "sleep", "1000");
  expect((await store.teu("system", "check")).stdout).not.toContain("cni:checked");
  await store.done("exec", "loser", "ip", "addr", "flush", "dev", "eth0");
  expect((await store.teu("system", "check")).stdout).toContain(
    "container loser: CNI network checked: CHECK of plugin bridge failed: ",
  );
  await store.done("restart", "-t", "0", "loser");
  expect((await store.teu("system", "check")).stdout).not.toContain("cni:checked");
  await store.done("rm", "-f", "loser");
  await run([...network.host, "ip", "link", "del", "cni-test1"]);
});

test("network prune has plugins give back what is nobody's, and tells them whose the rest is", async () => {
  const newest = { cniVersion: "1.1.0" };
  describeAs(newest, "pool", { type: "modern" }, { type: "lame" }, { type: "modern" });
  describeAs({ ...newest, disableGC: true }, "shared", { type: "modern" });
  describeAs({ ...newest, cniVersion: "1.0.0" }, "earlier", { type: "modern" });
  await store.done("run", "-d", "--name", "duck", "--network", "cni:pool", image, "busybox", "sleep", "1000");
  const [{ Id }] = JSON.parse(await store.done("inspect", "duck"));
  // Another store's container, and one of another program's.
  await using other = new Store([...network.host, "env", `NETCONFPATH=${files}`, `CNI_PATH=${scripts}`]);
  const cached = `/var/lib/cni/results/pool-${"e".repeat(8)}-eth7`;
  mkdirSync(join(cached, ".."), { recursive: true });
  try {
    const info = { kind: "cniCacheV1", containerId: "e".repeat(8), ifName: "eth7", networkName: "pool" };
    writeFileSync(cached, JSON.stringify(info));
    calls();
    const pruned = await other.teu("network", "prune");
    expect(pruned).toMatchObject({
      status: 0,
      stderr: "WARNING: CNI network pool: GC of plugin lame failed: too tired\n",
    });
    const valid = `[{"containerID":"${Id}","ifname":"eth0"},{"containerID":"eeeeeeee","ifname":"eth7"}]`;
    const lines = calls();
    expect(lines.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      ...["GC modern", "GC lame", "GC modern"],
    ]);
    for (const line of lines) expect(line).toContain(`"cni.dev/valid-attachments":${valid}`);
    // Whose it is, is not to be guessed.
    writeFileSync(cached, "{}");
    expect((await other.teu("network", "prune")).stderr).toBe(
      `WARNING: Cannot collect what is left in CNI network pool: "${cached}" does not say whose attachment it is\n`,
    );
    expect(calls()).toEqual([]);
    await store.done("rm", "-f", "duck");
    rmSync(cached);
    await other.teu("network", "prune");
    expect(calls().at(-1)).toContain('"cni.dev/valid-attachments":[]');
    await other.done("network", "prune", "--filter", "label=x");
    expect(briefly()).toEqual([]);
  } finally {
    rmSync(cached, { force: true });
  }
});

test("plugins of earlier versions, and lists whose plugins are files of their own", async () => {
  describeAs({ cniVersion: "0.3.1" }, "past", { type: "old" });
  calls();
  const [, address = ""] = /inet|(10\.88\.0\.7)/.exec(
    await store.done("run", "--rm", "--network", "cni:past", image, "cat", "/etc/hosts"),
  ) ?? ["", ""];
  expect(address).toBe("10.88.0.7");
  const [add, del] = calls();
  expect(add).toContain('"cniVersion":"0.3.1"');
  // Plugins of before 0.4.0 know of no earlier result.
  expect(del).not.toContain("prevResult");
  describeNetwork("wrong", { type: "odd" });
  expect((await store.teu("run", "--rm", "--network", "cni:wrong", image, "true")).stderr).toContain(
    'ADD of plugin odd failed: its result is of version "0.2.0", which is none of 0.3.0, 0.3.1,',
  );
  calls();
  mkdirSync(join(files, "parts"));
  writeFileSync(join(files, "parts", "20.conf"), JSON.stringify({ type: "notes", second: true }));
  writeFileSync(join(files, "parts", "10.conf"), JSON.stringify({ type: "notes", first: true }));
  writeFileSync(join(files, "parts.conflist"), JSON.stringify({ cniVersion: "1.0.0", name: "parts" }));
  await store.done("run", "--rm", "--network", "cni:parts", image, "true");
  const lines = calls();
  expect(lines).toHaveLength(4);
  expect(lines[0]).toContain('"first":true');
  expect(lines[1]).toContain('"second":true');
  describeAs({ cniVersion: "1.0.0", loadOnlyInlinedPlugins: true }, "parts", { type: "notes" });
  await store.done("run", "--rm", "--network", "cni:parts", image, "true");
  expect(calls()).toHaveLength(2);
});

test("a container that runs is connected and disconnected", async () => {
  describeNetwork("lake", { type: "notes" });
  await store.done("run", "-d", "--name", "swan", "--network", "none", image, "busybox", "sleep", "1000");
  expect((await store.teu("network", "connect", "cni:lake", "swan")).stderr).toContain("cannot be connected");
  await store.done("rm", "-f", "swan");
  await store.done("run", "-d", "--name", "swan", image, "busybox", "sleep", "1000");
  calls();
  await store.done("network", "connect", "cni:lake", "swan");
  expect((await store.teu("network", "connect", "cni:fails", "swan")).stderr).toContain("no more frogs");
  const [swan] = JSON.parse(await store.done("inspect", "swan"));
  expect(Object.keys(swan.NetworkSettings.Networks)).toEqual(["bridge", "cni:lake"]);
  await store.done("network", "disconnect", "cni:lake", "swan");
  expect(calls().map((line) => line.split(" ").slice(0, 3).join(" "))).toEqual([
    ...[
      "ADD notes eth1",
      "ADD notes eth2",
      "ADD fails eth2",
      "DEL fails eth2",
      "DEL notes eth2",
      "DEL notes eth1",
    ],
  ]);
  expect(readdirSync(join(store.folder, "run/netns"))).toEqual([]);
  await store.done("rm", "-f", "swan");
});

test("what a teu that was killed has connected is undone by the next command", async () => {
  describeNetwork("slow", { type: "notes" }, { type: "hangs" });
  calls();
  const env = { ...store.env, NETCONFPATH: files, CNI_PATH: scripts };
  const words = [...network.host, TEU, "run", "--rm", "--network", "cni:slow", image, "true"];
  const killed = Bun.spawn(words, { env, stdio: ["ignore", "ignore", "ignore"] });
  for (const end = Date.now() + 10_000; !readFileSync(join(scripts, "log"), "utf8").includes("ADD hangs"); ) {
    if (Date.now() > end) throw new Error("the plugin was not called");
    await Bun.sleep(10);
  }
  killed.kill("SIGKILL");
  await killed.exited;
  await store.done("ps");
  expect(briefly()).toEqual(["ADD notes", "ADD hangs", "DEL hangs", "DEL notes"]);
  expect(readdirSync(join(store.folder, "run/netns"))).toEqual([]);
});
