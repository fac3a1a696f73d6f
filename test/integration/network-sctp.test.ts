/**
 * Published ports of SCTP, led by the real packet filter: who asks and who answers speak it by raw sockets, as no kernel here has sockets of it. In a
 * network namespace of the test's own.
 */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Need, program, root } from "../support/needs.ts";
import type { OwnNetwork } from "./support/own-network.ts";
import { useOwnStore } from "./support/own-store.ts";
import type { Store } from "./support/registry.ts";
import { run } from "./teu.ts";

const PROGRAM = join(import.meta.dir, "support/sctp.ts");
const HOST = "2001:db8::1";
const TRACKS: Need = {
  says: "a kernel that tracks connections of SCTP",
  isMet: () => existsSync("/proc/sys/net/netfilter/nf_conntrack_sctp_timeout_established"),
};
const IPV6: Need = { says: "IPv6", isMet: () => existsSync("/proc/sys/net/ipv6") };
const WANTED = [root, IPV6, TRACKS, ...["busybox", "nft", "ip", "nsenter"].map((name) => program(name))];

let network: OwnNetwork;
let store: Store;
let image: string;

const test = useOwnStore(WANTED, async (own) => {
  ({ network, store, image } = own);
  await there(network.host, `ip addr add ${HOST}/64 dev wire nodad`);
  await there(network.outside, "ip addr add 2001:db8::2/64 dev wire nodad");
  await store.done("network", "create", "--ipv6", "--subnet", "fd00:1::/64", "six");
});

const there = (where: readonly string[], script: string) => run([...where, "sh", "-c", script]);
const start = (name: string, ...flags: string[]) =>
  store.done("run", "-d", "--name", name, ...flags, image, "sleep", "1000");
const inspect = async (name: string) => JSON.parse(await store.done("inspect", name))[0];
const networkOf = async (name: string) => [
  "nsenter",
  `--net=/proc/${(await inspect(name)).State.Pid}/ns/net`,
];
/** Who answered: its address and its port; "": nobody. */
const speak = async (
  verb: "ask" | "try",
  where: readonly string[],
  address: string,
  ...ports: [port: number, own?: number]
) => (await run([...where, process.execPath, PROGRAM, verb, address, ...ports.map(String)])).stdout.trim();

/** Whether who asks is answered, by whom it asked. All at once. */
async function expectAnswers(
  ...all: readonly (readonly [where: readonly string[], address: string, port: number])[]
): Promise<void> {
  const answers = await Promise.all(all.map((one) => speak("ask", ...one)));
  expect(answers).toEqual(all.map(([, address, port]) => `${address} ${port}`));
}

/** Whether nobody answers there. */
async function expectNobody(
  ...all: readonly (readonly [where: readonly string[], address: string, port: number])[]
): Promise<void> {
  expect(await Promise.all(all.map((one) => speak("try", ...one)))).toEqual(all.map(() => ""));
}

/** What hears SCTP in a container's network, and answers. */
class Peer implements Disposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #lines: string[] = [];
  readonly #reads: Promise<void>;

  private constructor(where: readonly string[], address: string, up: () => void) {
    this.#child = Bun.spawn([...where, process.execPath, PROGRAM, "serve", address], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#reads = this.#read(up);
  }

  static async in(name: string, address: string): Promise<Peer> {
    const where = await networkOf(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    const peer = new Peer(where, address, resolve);
    await promise;
    return peer;
  }

  async #read(up: () => void): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop() ?? "";
      this.#lines.push(...lines);
      up();
    }
  }

  /** Of what it heard, from where it seemed to come, and to which port. */
  async heard(): Promise<Set<string>> {
    this.#child.kill();
    await this.#reads;
    return new Set(this.#lines.filter((line) => line !== "up").map((line) => line.replace(/ \d+ /, " ")));
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

test("ports of SCTP lead to a container from a neighbour, this machine and itself, and its answers back", async () => {
  await start(
    "diameter",
    ...["-p", "3868:3867/sctp", "-p", "192.0.2.1:3870:3867/sctp", "-p", "127.0.0.1:3871:3867/sctp"],
    ...["-p", "4000-4001:5000-5001/sctp", "--expose", "6000/sctp", "-P"],
  );
  const { NetworkSettings, HostConfig, Config } = await inspect("diameter");
  const { IPAddress: inside, Gateway: gateway } = NetworkSettings;
  using peer = await Peer.in("diameter", inside);
  const any = Number(NetworkSettings.Ports["6000/sctp"][0].HostPort);
  const own = await networkOf("diameter");
  const { outside, host } = network;
  await expectAnswers(
    [outside, "192.0.2.1", 3868],
    [host, "192.0.2.1", 3868],
    [host, "127.0.0.1", 3868],
    [own, "192.0.2.1", 3868],
    [outside, "192.0.2.1", 3870],
    [host, "127.0.0.1", 3871],
    [outside, "192.0.2.1", 4001],
    [outside, "192.0.2.1", any],
  );
  // Of one address alone.
  await expectNobody([host, "127.0.0.1", 3870], [outside, "192.0.2.1", 3871]);
  // The same port of another protocol is another.
  await start("web", "-p", "3868:80", "-p", "3868:80/udp");
  const taken = await store.teu("run", "--rm", "-p", "3868:1/sctp", image, "true");
  expect(taken.stderr).toContain("Bind for 0.0.0.0:3868 failed: port is already allocated");
  // What asks from its own network, or from a loopback address, is this machine for it: its answer has to come back this way.
  expect(await peer.heard()).toEqual(
    new Set([...["192.0.2.2 3867", "192.0.2.1 3867", `${gateway} 3867`, "192.0.2.2 5001", "192.0.2.2 6000"]]),
  );
  expect(HostConfig.PortBindings["3867/sctp"]).toContainEqual({ HostIp: "192.0.2.1", HostPort: "3870" });
  expect(Config.ExposedPorts).toHaveProperty(["6000/sctp"]);
  expect(await store.done("port", "diameter", "3867/sctp")).toBe(
    "0.0.0.0:3868\n127.0.0.1:3871\n192.0.2.1:3870\n",
  );
  expect(await store.done("ps", "--filter", "publish=4001/sctp")).toContain("0.0.0.0:4001->5001/sctp");
  await store.done("rm", "-f", "diameter", "web");
  await expectNobody([outside, "192.0.2.1", 3868]);
  await store.done("network", "prune", "-f");
  expect((await there(network.host, "nft list ruleset; ip -o link")).stdout).not.toMatch(/sctp|3868|veth/);
  await store.done("network", "create", "--ipv6", "--subnet", "fd00:1::/64", "six");
});

test("ports of SCTP are at addresses of IPv6, too", async () => {
  await start("six", "--network", "six", "-p", "3868:3867/sctp", "-p", `[${HOST}]:3869:3867/sctp`);
  const { GlobalIPv6Address: inside } = (await inspect("six")).NetworkSettings.Networks.six;
  using peer = await Peer.in("six", inside);
  const address = "2001:db8:0:0:0:0:0:1";
  await expectAnswers(
    [network.outside, address, 3868],
    [network.outside, address, 3869],
    [await networkOf("six"), address, 3868],
  );
  expect(await peer.heard()).toEqual(new Set(["2001:db8:0:0:0:0:0:2 3867", "fd00:1:0:0:0:0:0:1 3867"]));
  const { stderr } = await store.teu("run", "--rm", "-p", "[::1]:3870:1/sctp", image, "true");
  expect(stderr).toBe('teu: Unsupported port "[::1]:3870:1/sctp": at ::1 a process leads on tcp and udp\n');
  await store.done("rm", "-f", "six");
});

test("SCTP of one network reaches another one by published ports alone", async () => {
  await store.done("network", "create", "apart");
  await start("inner", "-p", "3868:3867/sctp");
  await start("other", "--network", "apart");
  const { IPAddress: inside } = (await inspect("inner")).NetworkSettings;
  using peer = await Peer.in("inner", inside);
  const other = await networkOf("other");
  await there(network.outside, `ip route add ${inside} via 192.0.2.1`);
  await expectNobody([other, inside, 3867], [network.outside, inside, 3867]);
  await expectAnswers([other, "192.0.2.1", 3868]);
  expect((await peer.heard()).size).toBe(1);
  await store.done("rm", "-f", "inner", "other");
});

// The kernel leads all packets of a connection where it led the first: to an address that another container may have by then.
test("who goes on asking from one port is led to the container that is there, and to no other", async () => {
  await store.done("network", "create", "--subnet", "10.135.0.0/24", "--ipv6", "fixed");
  const own = ["--network", "fixed", "--ip", "10.135.0.9"];
  const again = (verb: "ask" | "try") => speak(verb, network.outside, "192.0.2.1", 3868, 3868);
  await start("one", ...own, "-p", "3868:3867/sctp");
  using one = await Peer.in("one", "10.135.0.9");
  expect(await again("ask")).toBe("192.0.2.1 3868");
  expect((await one.heard()).size).toBe(1);
  await store.done("rm", "-f", "one");
  // It has the address, and publishes nothing.
  await start("heir", ...own);
  using heir = await Peer.in("heir", "10.135.0.9");
  expect(await again("try")).toBe("");
  expect((await heir.heard()).size).toBe(0);
  await start("two", "--network", "fixed", "-p", "3868:3867/sctp");
  using two = await Peer.in("two", (await inspect("two")).NetworkSettings.Networks.fixed.IPAddress);
  expect(await again("ask")).toBe("192.0.2.1 3868");
  expect((await two.heard()).size).toBe(1);
  await store.done("rm", "-f", "heir", "two");
});
