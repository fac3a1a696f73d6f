/** What `network create` is told of addresses and of the bridge, as it shows in containers. In a network namespace of the test's own. */
import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { program, root } from "../support/needs.ts";
import type { OwnNetwork } from "./support/own-network.ts";
import { useOwnStore } from "./support/own-store.ts";
import type { Store } from "./support/registry.ts";
import { run } from "./teu.ts";

const WANTED = [root, program("busybox"), program("nft"), program("ip"), program("nsenter")];
const hasIPv6 = existsSync("/proc/sys/net/ipv6");
const BRIDGE = "com.docker.network.bridge";

let network: OwnNetwork;
let store: Store;
let image: string;

const test = useOwnStore(WANTED, (own) => {
  ({ network, store, image } = own);
});

const here = async (script: string, where = network.host) =>
  (await run([...where, "sh", "-c", script])).stdout.trim();
const create = (...words: string[]) => store.done("network", "create", ...words);
const said = async (...words: string[]) => (await store.teu(...words)).stderr.trim();
const sh = async (script: string, ...flags: string[]) =>
  (await store.teu("run", "--rm", ...flags, image, "sh", "-c", `${script}; exit`)).stdout.trim();
const nameOf = async (id: string) =>
  (await store.done("inspect", "--format", "{{.Name}}", id)).trim().replace("/", "");
/** Whether somebody answers there: @param seconds  How long it waits: whoever expects nobody need not wait long. */
const pings = async (seconds: number, address: string, ...flags: string[]) =>
  (await sh(`timeout ${seconds} ping -c 1 ${address} >/dev/null 2>&1; echo $?`, ...flags)) === "0";
const serve = (name: string, ...flags: string[]) =>
  store.done(
    ...["run", "-d", "--rm", "--name", name, ...flags, image, "sh", "-c"],
    `mkdir /www; echo ${name} > /www/index.html; exec busybox httpd -f -p 80 -h /www`,
  );

describe("addresses", () => {
  test("are of the range, and neither the gateway nor what others have", async () => {
    await create(
      ...["--subnet", "10.124.0.0/24", "--ip-range", "10.124.0.128/29", "--gateway", "10.124.0.254"],
      ...["--aux-address", "printer=10.124.0.129", "--aux-address", "switch=10.124.0.9", "planned"],
    );
    const script = "ip -o -4 addr show eth0; ip route; nslookup other";
    await serve("other", "--network", "planned");
    const shown = await sh(script, "--network", "planned");
    expect(shown).toContain("inet 10.124.0.130/24");
    expect(shown).toContain("default via 10.124.0.254 dev eth0");
    // Its name server is at the gateway's address, too.
    expect(shown).toContain("10.124.0.128");
    expect(await pings(5, "10.124.0.254", "--network", "planned")).toBe(true);
    expect(await said("run", "--rm", "--network", "planned", "--ip", "10.124.0.9", image, "true")).toBe(
      "teu: Cannot give address 10.124.0.9 of network planned: Address already in use",
    );
    expect(await sh("ip -o -4 addr show eth0", "--network", "planned", "--ip", "10.124.0.1")).toContain(
      "inet 10.124.0.1/24",
    );
    const [{ IPAM }] = JSON.parse(await store.done("network", "inspect", "planned"));
    expect(IPAM.Config).toEqual([
      {
        ...{ Subnet: "10.124.0.0/24", IPRange: "10.124.0.128/29", Gateway: "10.124.0.254" },
        AuxiliaryAddresses: { printer: "10.124.0.129", switch: "10.124.0.9" },
      },
    ]);
    const [{ NetworkSettings }] = JSON.parse(await store.done("inspect", "other"));
    expect(NetworkSettings.Networks.planned.Gateway).toBe("10.124.0.254");
    await store.done("rm", "-f", "other");
    await store.done("network", "rm", "planned");
  });

  test("that cannot be are refused in one line, in docker's words", async () => {
    expect(await said("network", "create", "--gateway", "10.1.0.1", "wrong")).toBe(
      "teu: every ip-range or gateway must have a corresponding subnet",
    );
    const words = ["--subnet", "10.1.0.0/24", "--aux-address", "a=10.2.0.1", "wrong"];
    expect(await said("network", "create", ...words)).toBe(
      "teu: no matching subnet for aux-address 10.2.0.1: wants an address for a device in 10.1.0.0/24",
    );
    expect(await said("network", "create", "--ipam-driver", "dhcp", "wrong")).toContain('"dhcp"');
  });
});

describe("the pre-defined network", () => {
  const shown = async () => JSON.parse(await store.done("network", "inspect", "bridge"))[0];
  const devices = () => here("ip -o link | sed -n 's/^[0-9]*: \\(teu-[^:]*\\):.*/\\1/p'");

  // A new store had none: scripts that ask for its gateway, and tools that look for it, failed.
  test("is there before anybody needs it, and is the same from then on", async () => {
    const { Id, IPAM, bridge, Created } = await shown();
    const [{ Subnet, Gateway }] = IPAM.Config;
    expect(await store.done("network", "ls", "--no-trunc", "--filter", "type=builtin", "-q")).toContain(Id);
    expect(await store.done("network", "ls")).toMatch(/ bridge +bridge +172\.\d+\.0\.0\/16 +0\n/);
    expect(await devices()).toBe("");
    await create("apart");
    const id = (await store.done("create", "--network", "apart", image, "true")).trim();
    await store.done("network", "connect", Id.slice(0, 12), id);
    const refused = await said("network", "connect", "bridge", id);
    expect(refused).toBe(`teu: endpoint with name ${await nameOf(id)} already exists in network bridge`);
    await store.done("rm", id);
    await store.done("network", "rm", "apart");
    expect(await sh("ip route", "--network", Id)).toContain(`default via ${Gateway} dev eth0`);
    expect(await shown()).toMatchObject({ Id, Created, IPAM: { Config: [{ Subnet, Gateway }] } });
    expect(await devices()).toBe(bridge);
    for (const text of ["bridge", Id, Id.slice(0, 12)])
      expect(await said("network", "rm", text)).toStartWith(
        "teu: bridge is a pre-defined network and cannot be removed\n",
      );
    // Its device goes, and it stays.
    expect(await store.done("network", "prune", "-f")).toBe("");
    expect(await devices()).toBe("");
    expect(await shown()).toMatchObject({ Id, Created });
    expect(await said("network", "rm", "bridge")).toContain("cannot be removed");
    expect(
      await store.done("events", "--since", "1h", "--until", "0s", "--filter", "type=network"),
    ).not.toMatch(/network (create|destroy) .*name=bridge/);
  });

  test("is as it is made by hand, while nobody is in it, and stays so", async () => {
    const { Id } = await shown();
    await sh("true");
    const subnets = [
      ...["--subnet", "10.128.0.0/24", ...(hasIPv6 ? ["--ipv6", "--subnet", "fd00:128::/64"] : [])],
    ];
    expect((await create(...subnets, "-o", "mtu=1300", "bridge")).trim()).toBe(Id);
    expect(await devices()).toBe("");
    const inside = await sh("ip -o addr show eth0; cat /sys/class/net/eth0/mtu");
    expect(inside).toContain("inet 10.128.0.2/24");
    if (hasIPv6) expect(inside).toContain("inet6 fd00:128::2/64");
    expect(inside).toEndWith("1300");
    await store.done("network", "prune", "-f");
    expect((await shown()).IPAM.Config[0]).toEqual({ Subnet: "10.128.0.0/24", Gateway: "10.128.0.1" });
    await serve("inside");
    expect(await said("network", "create", "bridge")).toBe("teu: network with name bridge already exists");
    await store.done("rm", "-f", "inside");
    // As it is by itself.
    expect((await create("bridge")).trim()).toBe(Id);
    expect(await sh("ip -o -4 addr show eth0")).toContain(" 172.");
  });
});

describe("a bridge", () => {
  test("has the name and the size of packets that are asked for, and goes with its network", async () => {
    await create("-o", `${BRIDGE}.name=br-shop`, "-o", "com.docker.network.driver.mtu=1400", "named");
    await serve("sized", "--network", "named");
    expect(await store.done("exec", "sized", "ip", "link", "show", "eth0")).toContain("mtu 1400");
    const links = await here("ip -o link show master br-shop; ip -o link show br-shop");
    expect(links.split("\n").map((line) => /mtu \d+/.exec(line)?.[0])).toEqual(["mtu 1400", "mtu 1400"]);
    expect(await said("network", "create", "-o", `${BRIDGE}.name=br-shop`, "rival")).toBe(
      "teu: cannot create network rival (br-shop): conflicts with network named (br-shop): networks have same bridge name",
    );
    const [{ Options }] = JSON.parse(await store.done("network", "inspect", "named"));
    expect(Options).toEqual({
      [`${BRIDGE}.name`]: "br-shop",
      "com.docker.network.driver.mtu": "1400",
    });
    await store.done("rm", "-f", "sized");
    await store.done("network", "rm", "named");
    expect(await here("ip -o link show br-shop 2>&1")).toContain("does not exist");
  });

  test("of somebody else's is used with the address that it has, and stays", async () => {
    await here("ip link add br-own type bridge; ip addr add 10.125.0.7/24 dev br-own; ip link set br-own up");
    expect(await said("network", "create", "--subnet", "10.125.0.0/24", "lent")).toContain("overlaps");
    const words = ["--subnet", "10.125.0.0/24", "--gateway", "10.125.0.7", "-o", `${BRIDGE}.name=br-own`];
    await create(...words, "lent");
    expect(await pings(5, "10.125.0.7", "--network", "lent")).toBe(true);
    await store.done("network", "rm", "lent");
    const left = await here(
      "ip -o -4 addr show br-own; cat /proc/sys/net/ipv6/conf/br-own/disable_ipv6 || echo 0",
    );
    expect(left).toContain("10.125.0.7/24");
    expect(left.split("\n").at(-1)).toBe("0");
    expect(await said("network", "create", "-o", `${BRIDGE}.name=wire`, "lent")).toBe(
      "teu: existing interface wire is not a bridge",
    );
  });

  test("without icc keeps its containers apart, but for what they publish", async () => {
    // Where the kernel's bridge netfilter is, a published port does not lead back into the bridge either.
    await here("f=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $f ] || echo 0 > $f");
    await create("--subnet", "10.126.0.0/24", "-o", `${BRIDGE}.enable_icc=false`, "single");
    await serve("shut", "--network", "single", "-p", "8090:80");
    expect(await pings(1, "10.126.0.2", "--network", "single")).toBe(false);
    // By this machine, which is a router: its bridge has the hardware address of its own.
    const detour =
      "ip route add 10.126.0.2 via 10.126.0.1; timeout 1 ping -c 1 10.126.0.2 >/dev/null; echo $?";
    expect(await sh(detour, "--network", "single", "--cap-add", "NET_ADMIN")).not.toBe("0");
    expect(await sh("timeout 5 wget -q -O - http://192.0.2.1:8090/", "--network", "single")).toBe("shut");
    expect(await pings(5, "192.0.2.2", "--network", "single")).toBe(true);
    await store.done("rm", "-f", "shut");
    await store.done("network", "rm", "single");
  });

  test("without masquerade shows the world its containers' own addresses", async () => {
    await create("--subnet", "10.127.0.0/24", "-o", `${BRIDGE}.enable_ip_masquerade=false`, "routed");
    expect(await pings(1, "192.0.2.2", "--network", "routed")).toBe(false);
    await here("ip route add 10.127.0.0/24 via 192.0.2.1", network.outside);
    expect(await pings(5, "192.0.2.2", "--network", "routed")).toBe(true);
    await store.done("network", "rm", "routed");
  });

  test("publishes ports that name no address where it is told", async () => {
    await create("-o", `${BRIDGE}.host_binding_ipv4=127.0.0.1`, "local");
    await serve("near", "--network", "local", "-p", "8091:80", "-p", "192.0.2.1:8092:80");
    expect((await store.done("port", "near")).trim().split("\n").sort()).toEqual([
      "80/tcp -> 127.0.0.1:8091",
      "80/tcp -> 192.0.2.1:8092",
    ]);
    const ask = "busybox timeout 5 busybox wget -q -O - http://192.0.2.1";
    for (const end = Date.now() + 10_000; (await here(`${ask}:8092/`, network.outside)) !== "near"; )
      if (Date.now() > end) throw new Error("nobody answered");
    expect(await here(`${ask}:8091/`, network.outside)).toBe("");
    await store.done("rm", "-f", "near");
    await store.done("network", "rm", "local");
  });

  test.each([
    [
      ["-o", "foo=bar"],
      'Invalid option "foo=bar" of driver bridge: wants one of com.docker.network.bridge.name',
    ],
    [["-o", "mtu=1000", "--ipv6"], "an MTU of 1000 is too small, 1280 is the least"],
  ])("is refused where it cannot be: %j", async (words, why) => {
    const { status, stderr } = await store.teu("network", "create", ...words, "wrong");
    expect(status).not.toBe(0);
    expect(stderr.trim().split("\n")).toEqual([expect.stringContaining(why)]);
  });
});

describe("a container's device in a network", () => {
  const IFNAME = "com.docker.network.endpoint.ifname";
  const SYSCTLS = "com.docker.network.endpoint.sysctls";
  const placesOf = async (name: string) =>
    JSON.parse(await store.done("inspect", name))[0].NetworkSettings.Networks;

  test("has the name and the parameters that are asked for, and no other has them", async () => {
    await create("--subnet", "10.131.0.0/24", ...(hasIPv6 ? ["--ipv6"] : []), "tuned");
    await create("--subnet", "10.132.0.0/24", "plain");
    const parameters = [
      ...["net.ipv4.conf.IFNAME.log_martians=1", "net.ipv4.neigh.ifname.gc_stale_time=77"],
      ...(hasIPv6 ? ["net.ipv6.conf.IFNAME.accept_ra=2"] : []),
    ].join(",");
    await store.done(
      ...["run", "-d", "--name", "tuned", "-p", "8095:80", "--network", "plain"],
      // The other is eth0, whatever is asked for first.
      ...[
        "--network",
        `name=tuned,gw-priority=5,driver-opt=${IFNAME}=wan0,"driver-opt=${SYSCTLS}=${parameters}"`,
      ],
      ...[image, "sh", "-c", "mkdir /www; echo tuned >/www/index.html; exec busybox httpd -f -h /www"],
    );
    const inside = (script: string) => store.done("exec", "tuned", "sh", "-c", script);
    expect(await inside("ls /sys/class/net | sort; ip route | grep default")).toBe(
      "eth0\nlo\nwan0\ndefault via 10.131.0.1 dev wan0 \n",
    );
    const read =
      "cd /proc/sys/net; for d in wan0 eth0; do cat ipv4/conf/$d/log_martians ipv4/neigh/$d/gc_stale_time; done";
    expect(await inside(read)).toBe("1\n77\n0\n60\n");
    if (hasIPv6) expect(await inside("cat /proc/sys/net/ipv6/conf/wan0/accept_ra")).toBe("2\n");
    const { tuned, plain } = await placesOf("tuned");
    expect(tuned.DriverOpts).toEqual({ [IFNAME]: "wan0", [SYSCTLS]: parameters });
    expect([tuned.GwPriority, plain.GwPriority, plain.DriverOpts]).toEqual([5, 0, null]);
    // A published port leads where the world is reached from.
    expect((await network.ask(network.outside, "http://192.0.2.1:8095/")).stdout).toBe("tuned\n");
    await store.done("restart", "-t", "0", "tuned");
    expect(await inside("cat /proc/sys/net/ipv4/conf/wan0/log_martians")).toBe("1\n");
    await store.done("rm", "-f", "tuned");
    if (hasIPv6)
      expect(
        await sh(
          "ip -6 -o addr show dev x0; ip -6 route show dev x0",
          ...[
            "--network",
            `name=tuned,driver-opt=${IFNAME}=x0,driver-opt=${SYSCTLS}=net.ipv6.conf.IFNAME.disable_ipv6=1`,
          ],
        ),
      ).toBe("");
  });

  test("is chosen, and the way out with it, while the container runs", async () => {
    await store.done("run", "-d", "--name", "moved", "--network", "plain", image, "sleep", "1000");
    const routes = async () =>
      (await store.done("exec", "moved", "sh", "-c", "ip route | grep default")).trim();
    await store.done(
      ...["network", "connect", "--gw-priority", "1", "--driver-opt", `${IFNAME}=up`],
      ...["--driver-opt", `${SYSCTLS}=net.ipv4.conf.IFNAME.forwarding=0`, "tuned", "moved"],
    );
    expect(await routes()).toBe("default via 10.131.0.1 dev up");
    expect(await pings(5, "192.0.2.2", "--network", "container:moved")).toBe(true);
    expect(await store.done("exec", "moved", "cat", "/proc/sys/net/ipv4/conf/up/forwarding")).toBe("0\n");
    await create("--subnet", "10.133.0.0/24", "third");
    const address = "02:00:00:00:00:2a";
    await store.done("network", "connect", "--gw-priority", "-1", "--mac-address", address, "third", "moved");
    expect(await store.done("exec", "moved", "cat", "/sys/class/net/eth1/address")).toBe(`${address}\n`);
    expect(await routes()).toBe("default via 10.131.0.1 dev up");
    expect((await placesOf("moved")).third.GwPriority).toBe(-1);
    await store.done("network", "disconnect", "tuned", "moved");
    expect(await routes()).toBe("default via 10.132.0.1 dev eth0");
    await store.done("network", "connect", "--gw-priority", "1", "tuned", "moved");
    await store.done("restart", "-t", "0", "moved");
    expect(await routes()).toMatch(/^default via 10\.131\.0\.1 dev eth\d$/);
    // What cannot be leaves it as it was.
    await store.done("network", "disconnect", "tuned", "moved");
    const before = await store.done("exec", "moved", "ip", "-o", "link");
    const connect = (...words: string[]) => said("network", "connect", ...words, "tuned", "moved");
    expect(await connect("--driver-opt", `${IFNAME}=eth1`)).toBe(
      'teu: Cannot name a network interface of the container "eth1": it has another of that name',
    );
    expect(await connect("--driver-opt", `${SYSCTLS}=net.ipv4.conf.IFNAME.nothing=1`)).toBe(
      'teu: Cannot set net.ipv4.conf.eth0.nothing of the container\'s network interface to "1": the kernel has no such parameter',
    );
    expect(await connect("--driver-opt", `${SYSCTLS}=net.ipv4.conf.IFNAME.forwarding=x`)).toBe(
      'teu: Cannot set net.ipv4.conf.eth0.forwarding of the container\'s network interface to "x": invalid argument',
    );
    expect(await connect("--driver-opt", "foo=bar")).toStartWith('teu: Invalid driver option "foo=bar"');
    expect(await connect("--gw-priority", "x")).toBe("teu: invalid gw-priority: x");
    expect(await store.done("exec", "moved", "ip", "-o", "link")).toBe(before);
    await store.done("rm", "-f", "moved");
    for (const name of ["tuned", "plain", "third"]) await store.done("network", "rm", name);
  });
});
