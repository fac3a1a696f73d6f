/** Networks on the wire of this machine: macvlan, ipvlan. In a network namespace of the test's own. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { type Need, needs, program, root } from "../support/needs.ts";
import { devices, type OwnNetwork } from "./support/own-network.ts";
import { useOwnStore } from "./support/own-store.ts";
import type { Store } from "./support/registry.ts";
import { run } from "./teu.ts";

const IPV6: Need = { says: "IPv6", isMet: () => existsSync("/proc/sys/net/ipv6") };
const WANTED = [
  root,
  program("busybox"),
  program("nft"),
  program("ip"),
  program("nsenter"),
  devices("macvlan"),
];

let network: OwnNetwork;
let store: Store;
let image: string;

const test = useOwnStore(WANTED, (own) => {
  ({ network, store, image } = own);
});

const sh = async (script: string, ...flags: string[]) =>
  (await store.teu("run", "--rm", ...flags, image, "sh", "-c", `${script}; exit`)).stdout.trim();
const links = async () => (await run([...network.host, "ip", "-o", "link"])).stdout;
const said = async (...words: string[]) => (await store.teu(...words)).stderr.trim();

test("macvlan: containers are on the wire, beside this machine, and leave nothing on it", async () => {
  const before = await links();
  await store.done(
    "network",
    "create",
    "-d",
    "macvlan",
    "-o",
    "parent=wire",
    "--subnet",
    "192.0.2.0/24",
    "lan",
  );
  // 192.0.2.1 is this machine's, .2 the neighbour's, of whom teu does not know.
  const flags = ["--network", "lan", "--ip", "192.0.2.40"];
  const [address, route, ping] = (
    await sh(
      "ip -o -4 addr show eth0; ip route | head -n 1; ping -c 1 -W 5 192.0.2.2 >/dev/null; echo $?",
      ...flags,
    )
  ).split("\n");
  expect(address).toContain("inet 192.0.2.40/24");
  expect(route).toBe("default via 192.0.2.1 dev eth0 ");
  expect(ping).toBe("0");
  const endpoint = "driver-opt=com.docker.network.endpoint";
  const tuned = `name=lan,${endpoint}.ifname=lan0,${endpoint}.sysctls=net.ipv4.conf.IFNAME.log_martians=1`;
  expect(
    await sh("ls /sys/class/net; cat /proc/sys/net/ipv4/conf/lan0/log_martians", "--network", tuned),
  ).toBe("lan0\nlo\n1");
  await store.done("run", "-d", "--name", "first", ...flags, image, "busybox", "sleep", "1000");
  expect(
    await sh("ping -c 1 -W 5 192.0.2.40 >/dev/null; echo $?", "--network", "lan", "--ip", "192.0.2.41"),
  ).toBe("0");
  expect(JSON.parse(await store.done("network", "inspect", "lan"))).toMatchObject([
    { Driver: "macvlan", Options: { parent: "wire", macvlan_mode: "bridge" }, Internal: false },
  ]);
  // Ports lead nowhere, and that is said.
  const published = await store.teu(
    "run",
    "--rm",
    "-p",
    "80",
    "--network",
    "lan",
    "--ip",
    "192.0.2.42",
    image,
    "true",
  );
  expect(published).toMatchObject({
    status: 0,
    stderr: expect.stringContaining("WARNING: Ports are not published"),
  });
  // It moves between networks while it runs.
  await store.done("network", "create", "back");
  await store.done("network", "connect", "back", "first");
  await store.done("network", "disconnect", "lan", "first");
  const moved = await store.done("exec", "first", "sh", "-c", "ip -o -4 addr; ip route | head -n 1");
  expect(moved).not.toContain("192.0.2.40");
  expect(moved).toMatch(/default via 172\.\d+\.0\.1 dev eth1/);
  await store.done("network", "connect", "--ip", "192.0.2.40", "lan", "first");
  expect(await store.done("exec", "first", "ip", "-o", "-4", "addr", "show", "eth0")).toContain(
    "192.0.2.40/24",
  );
  await store.done("rm", "-f", "first");
  await store.done("network", "rm", "lan", "back");
  expect(await links()).toBe(before);
});

// The kernel kept the namespace for a minute or more, and in it the device with its address.
test("macvlan: a container starts again at its address, whatever connections it had", async () => {
  await store.done(
    ...["network", "create", "-d", "macvlan", "-o", "parent=wire", "--subnet", "192.0.2.0/24", "lan"],
  );
  const flags = ["--network", "lan", "--ip", "192.0.2.43"];
  await store.done("run", "-d", "--name", "talker", ...flags, image, "busybox", "sleep", "1000");
  const server = Bun.spawn([...network.outside, "busybox", "nc", "-ll", "-p", "7000", "-e", "sleep", "100"]);
  const talk = "(echo hello; sleep 1000) | busybox nc 192.0.2.2 7000";
  await store.done("exec", "-d", "talker", "sh", "-c", talk);
  const there = (script: string) => run([...network.outside, "sh", "-c", script]);
  for (const end = Date.now() + 10_000; !(await there("ss -tn")).stdout.includes("192.0.2.43"); )
    if (Date.now() > end) throw new Error("there was no connection");
  // The neighbour no longer answers to it.
  const drop = "type filter hook input priority 0; }'; nft add rule ip deaf in tcp dport 7000 drop";
  expect((await there(`nft add table ip deaf; nft add chain ip deaf in '{ ${drop}`)).status).toBe(0);
  await store.done("restart", "-t", "0", "talker");
  const ping = "busybox timeout 5 busybox ping -c 1 192.0.2.2";
  expect((await store.teu("exec", "talker", "sh", "-c", ping)).status).toBe(0);
  await there("nft delete table ip deaf");
  server.kill("SIGKILL");
  await store.done("rm", "-f", "talker");
  await store.done("network", "rm", "lan");
});

needs(...WANTED, IPV6)("with IPv6: an address of the wire, and its router", async () => {
  await run([...network.outside, "ip", "addr", "add", "2001:db8:5::2/64", "dev", "wire", "nodad"]);
  const subnets = ["--ipv6", "--subnet", "192.0.2.0/24", "--subnet", "2001:db8:5::/64"];
  const parent = ["-o", "parent=wire"];
  await store.done(
    ...["network", "create", "-d", "macvlan", ...parent, ...subnets, "--gateway", "2001:db8:5::2", "lan6"],
  );
  const script = "ip -6 -o addr show eth0 scope global; ip -6 route show default";
  const reach = "ping -6 -c 1 -W 5 2001:db8:5::2 >/dev/null; echo $?";
  const shown = await sh(`${script}; ${reach}`, "--network", "lan6", "--ip", "192.0.2.50");
  const [address, route, status] = shown.split("\n");
  expect(address).toMatch(/ inet6 2001:db8:5::32\/64 /);
  expect(route).toStartWith("default via 2001:db8:5::2 dev eth0");
  expect(status).toBe("0");
  await store.done("network", "rm", "lan6");
});

needs(
  ...WANTED,
  IPV6,
  devices("ipvlan"),
)("with IPv6 the parent is the way out in mode l3, of both kinds", async () => {
  const subnets = ["--ipv6", "--subnet", "192.0.2.0/24", "--subnet", "2001:db8:5::/64"];
  const l3 = ["-d", "ipvlan", "-o", "ipvlan_mode=l3", "-o", "parent=wire"];
  await store.done("network", "create", ...l3, ...subnets, "routed6");
  const script = "ip -6 -o addr show eth0 scope global; ip -6 route show default; ip route show default";
  expect(await sh(script, "--network", "routed6", "--ip", "192.0.2.51")).toMatch(
    / 2001:db8:5::33\/64 .*\ndefault dev eth0.*\ndefault dev eth0/,
  );
  await store.done("network", "rm", "routed6");
});

test("what cannot be is refused in one line", async () => {
  const create = (...words: string[]) => said("network", "create", "-d", ...words);
  expect(await create("macvlan", "-o", "parent=wire", "-o", "macvlan_mode=odd", "odd")).toBe(
    'teu: Invalid option "macvlan_mode=odd" of driver macvlan: wants one of bridge, private, vepa, passthru',
  );
  expect(await create("overlay", "odd")).toContain('Unsupported network driver "overlay"');
  expect(await create("ipvlan", "-o", "macvlan_mode=bridge", "odd")).toContain("ipvlan_mode=MODE");
  await store.done("network", "create", "-d", "macvlan", "-o", "parent=gone", "lost");
  expect(await said("run", "--rm", "--network", "lost", image, "true")).toBe(
    'teu: Cannot connect to network "lost": its parent device "gone" is not on this machine',
  );
  expect(await create("macvlan", "-o", "parent=gone", "second")).toBe(
    "teu: network lost is already using parent interface gone",
  );
  expect(await store.done("ps", "-aq")).toBe("");
  await store.done("network", "rm", "lost");
});

needs(...WANTED, devices("vlan", "id", "7"))(
  "the device of a VLAN comes and goes with the network",
  async () => {
    await store.done(
      "network",
      "create",
      "-d",
      "macvlan",
      "-o",
      "parent=wire.9",
      "--subnet",
      "10.77.0.0/24",
      "v9",
    );
    expect(await sh("ip -o -4 addr show eth0", "--network", "v9")).toContain("10.77.0.2/24");
    expect(await links()).toContain("wire.9@wire");
    await store.done("network", "rm", "v9");
    expect(await links()).not.toContain("wire.9@wire");
  },
);

needs(...WANTED, devices("ipvlan"))("ipvlan: containers share the address of the wire's device", async () => {
  for (const [mode, route] of [
    ["l2", "default via 10.78.0.1 dev eth0"],
    ["l3", "default dev eth0 scope link"],
  ] as const) {
    const options = ["-o", "parent=wire", "-o", `ipvlan_mode=${mode}`, "--subnet", "10.78.0.0/24"];
    await store.done("network", "create", "-d", "ipvlan", ...options, mode);
    expect(await sh("ip route | head -n 1", "--network", mode)).toStartWith(route);
    expect(
      await said("run", "--rm", "--mac-address", "02:00:00:00:00:01", "--network", mode, image, "true"),
    ).toContain("ipvlan interfaces do not support custom mac address assignment");
    await store.done("network", "rm", mode);
  }
});

needs(...WANTED, devices("dummy"))("without a parent the network is internal", async () => {
  await store.done("network", "create", "-d", "macvlan", "nowhere");
  expect(await sh("ip route", "--network", "nowhere")).not.toContain("default");
  expect(await store.done("network", "ls")).toContain("macvlan (internal)");
  await store.done("network", "rm", "nowhere");
  expect(await links()).not.toContain("teu-");
});
