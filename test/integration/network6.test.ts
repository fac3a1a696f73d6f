/** Networks with IPv6, as their users meet them, in a network namespace of the test's own. */
import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { program, root } from "../support/needs.ts";
import type { OwnNetwork } from "./support/own-network.ts";
import { useOwnStore } from "./support/own-store.ts";
import type { Store } from "./support/registry.ts";
import { run } from "./teu.ts";

const WANTED = [
  root,
  { says: "IPv6", isMet: () => existsSync("/proc/sys/net/ipv6") },
  ...["busybox", "nft", "ip", "nsenter"].map((name) => program(name)),
];

const HOST = "2001:db8::1";
const OUTSIDE = "2001:db8::2";

let network: OwnNetwork;
let store: Store;
let image: string;

const there = (where: readonly string[], script: string) => run([...where, "sh", "-c", script]);

const test = useOwnStore(WANTED, async (own) => {
  ({ network, store, image } = own);
  await there(network.host, `ip addr add ${HOST}/64 dev wire nodad`);
  await there(network.outside, `ip addr add ${OUTSIDE}/64 dev wire nodad`);
  await store.done("network", "create", "--ipv6", "--subnet", "fd00:1::/64", "--label", "tier=six", "six");
});

const SERVE = (text: string) =>
  `mkdir /www; echo ${text} > /www/index.html; exec busybox httpd -f -p 80 -h /www`;
const serve = (name: string, text: string, ...flags: string[]) =>
  store.done("run", "-d", "--rm", "--name", name, ...flags, image, "sh", "-c", SERVE(text));
const sh = async (script: string, ...flags: string[]) =>
  (await store.teu("run", "--rm", ...flags, image, "sh", "-c", `${script}; exit`)).stdout.trim();
const ask = (where: readonly string[], url: string) =>
  there(where, `busybox timeout 5 busybox wget -q -O - ${url}`);

async function until(where: readonly string[], url: string, text: string): Promise<void> {
  for (const end = Date.now() + 20_000; ; ) {
    const { stdout, stderr } = await ask(where, url);
    if (stdout === `${text}\n`) return;
    if (Date.now() > end) throw new Error(`nobody answered ${text} at ${url}: ${stderr}`);
    await Bun.sleep(20);
  }
}

describe("a network with IPv6", () => {
  test("gives a container an address, a route and a line in /etc/hosts, in use at once", async () => {
    const script = "ip -6 -o addr show eth0 scope global; ip -6 route show default; grep fd00 /etc/hosts";
    const [address, route, hosts] = (await sh(script, "--network", "six")).split("\n");
    expect(address).toMatch(/ inet6 fd00:1::2\/64 /);
    expect(address).not.toContain("tentative");
    expect(route).toStartWith("default via fd00:1::1 dev eth0");
    expect(hosts).toStartWith("fd00:1::2\t");
  });

  test("is told of in docker's shape, also with an address that is asked for", async () => {
    await serve("asked", "x", "--network", "six", "--ip6", "fd00:1::beef");
    const [shown] = JSON.parse(await store.done("network", "inspect", "six"));
    expect(shown).toMatchObject({ EnableIPv6: true, Labels: { tier: "six" } });
    expect(shown.IPAM.Config[1]).toEqual({ Subnet: "fd00:1::/64", Gateway: "fd00:1::1" });
    expect(Object.values(shown.Containers)).toMatchObject([{ IPv6Address: "fd00:1::beef/64" }]);
    const [container] = JSON.parse(await store.done("inspect", "asked"));
    expect(container.NetworkSettings.Networks.six).toMatchObject({
      ...{ GlobalIPv6Address: "fd00:1::beef", GlobalIPv6PrefixLen: 64, IPv6Gateway: "fd00:1::1" },
    });
    expect(await store.done("network", "ls", "-q", "--filter", "label=tier=six")).not.toBe("");
    expect(await store.done("network", "ls", "-q", "--filter", "label=tier=four")).toBe("");
    const again = await store.teu("run", "--rm", "--network", "six", "--ip6", "fd00:1::beef", image, "true");
    expect(again.stderr).toBe(
      "teu: Cannot give address fd00:1::beef of network six: Address already in use\n",
    );
    await store.done("rm", "-f", "asked");
  });

  test("answers names with both kinds of address", async () => {
    await serve("named", "six", "--network", "six");
    const script =
      "nslookup -type=AAAA named 2>&1; wget -q -O - http://[$(nslookup -type=AAAA named | awk '/^Address/ {a=$NF} END {print a}')]/";
    const answer = await sh(script, "--network", "six");
    expect(answer).toMatch(/fd00:1::\d/);
    expect(answer).toEndWith("six");
    await store.done("rm", "-f", "named");
  });

  test("reaches the world as the host does, and an internal one does not", async () => {
    const script = `timeout 5 ping -6 -c 1 ${OUTSIDE} >/dev/null 2>&1; echo $?`;
    expect(await sh(script, "--network", "six")).toBe("0");
    await store.done("network", "create", "--ipv6", "--internal", "shut");
    expect(await sh(script, "--network", "shut")).not.toBe("0");
    await store.done("network", "rm", "shut");
  });

  test("publishes ports at both kinds of address, one address alone where it is named", async () => {
    await serve(
      "web",
      "hello",
      "--network",
      "six",
      "-p",
      "8080:80",
      "-p",
      `[${HOST}]:8081:80`,
      "-p",
      "0.0.0.0:8082:80",
      ...["-p", "[::1]:8084:80"],
    );
    await until(network.outside, `http://[${HOST}]:8080/`, "hello");
    await until(network.outside, "http://192.0.2.1:8080/", "hello");
    await until(network.host, `http://[${HOST}]:8080/`, "hello");
    await until(network.outside, `http://[${HOST}]:8081/`, "hello");
    await until(network.outside, "http://192.0.2.1:8082/", "hello");
    expect((await ask(network.outside, `http://[${HOST}]:8082/`)).status).not.toBe(0);
    expect((await ask(network.host, "http://127.0.0.1:8081/")).status).not.toBe(0);
    // Also to a container without IPv6.
    await serve("beside", "beside", "-p", "[::1]:8085:80");
    await until(network.host, "http://[::1]:8084/", "hello");
    await until(network.host, "http://[::1]:8085/", "beside");
    await until(network.host, "http://[::1]:8080/", "hello");
    for (const [where, url] of [
      [network.outside, `http://[${HOST}]:8084/`],
      [network.host, `http://[${HOST}]:8084/`],
      [network.host, "http://127.0.0.1:8084/"],
      [network.host, "http://[::1]:8081/"],
    ] as const)
      expect((await ask(where, url)).status).not.toBe(0);
    // Nobody else is ::1.
    await there(network.outside, `ip route add ::1 via ${HOST} table 99; ip -6 rule add pref 1 lookup 99`);
    expect((await ask(network.outside, "http://[::1]:8084/")).status).not.toBe(0);
    await there(network.outside, "ip -6 rule del pref 1");
    await store.done("rm", "-f", "beside");
    expect((await ask(network.host, "http://[::1]:8085/")).status).not.toBe(0);
    expect(await store.done("port", "web")).toContain(`80/tcp -> [${HOST}]:8081\n`);
    const hairpin = await store.done(
      "exec",
      "web",
      "busybox",
      "wget",
      "-q",
      "-O",
      "-",
      `http://[${HOST}]:8080/`,
    );
    expect(hairpin).toBe("hello\n");
    await store.done("rm", "-f", "web");
  });

  test("is apart from other networks, and nobody from outside gets in by the back door", async () => {
    await serve("inner", "inner", "--network", "six", "--ip6", "fd00:1::77");
    await there(network.outside, `ip route add fd00:1::/64 via ${HOST}`);
    expect((await ask(network.outside, "http://[fd00:1::77]/")).status).not.toBe(0);
    await store.done("network", "create", "--ipv6", "other");
    expect(await sh("timeout 3 wget -q -O - http://[fd00:1::77]/", "--network", "other")).toBe("");
    expect(await sh("wget -q -O - http://[fd00:1::77]/", "--network", "six")).toBe("inner");
    await store.done("rm", "-f", "inner");
    await store.done("network", "rm", "other");
  });

  test.each([
    [["--subnet", "fd00:2::/64"], "it is of IPv6, which takes --ipv6"],
    [["--ipv6", "--subnet", "fd00:2::/120"], "with a prefix of 96 bits at most"],
    [["--ipv6", "--subnet", "fd00:1::/48"], "overlaps with another one"],
    [["--ipv6", "--subnet", "2001:db8::/32"], "overlaps with another one"],
  ])("is refused where it cannot be: %p", async (words, why) => {
    const { status, stderr } = await store.teu("network", "create", ...words, "wrong");
    expect(status).not.toBe(0);
    expect(stderr).toContain(why);
  });

  test("is what a port of an address of IPv6 needs", async () => {
    const { status, stderr } = await store.teu("run", "--rm", "-p", `[${HOST}]:8083:80`, image, "true");
    expect(status).not.toBe(0);
    expect(stderr).toStartWith(
      `teu: Cannot publish a port on [${HOST}]: no network of the container has IPv6`,
    );
  });
});

/** Answers what it hears by UDP, twice, with its name before it. */
const ECHO = (name: string) =>
  `await Bun.udpSocket({ hostname: "::", port: 53, socket: { data(socket, message, port, address) {
    for (const time of [1, 2]) socket.send("${name} " + time + " " + message, port, address);
  } } }); console.log("up")`;
/** Says `word` and prints what it hears within `ms`, a line each. */
const SAY = (address: string, port: number, word: string, ms: number) =>
  `const socket = await Bun.udpSocket({ hostname: "${address.includes(":") ? "::" : "0.0.0.0"}", socket: {
    data(_socket, message) { console.log(message.toString()); if (message.toString().includes(" 2 ")) process.exit(); },
    error() {} } });
  socket.send("${word}", ${port}, "${address}"); setTimeout(() => process.exit(), ${ms})`;
const say = async (where: readonly string[], address: string, port: number, word: string, ms = 300) =>
  (await run([...where, process.execPath, "-e", SAY(address, port, word, ms)])).stdout;
const networkOf = async (name: string): Promise<string[]> => {
  const pid = (await store.done("inspect", "--format", "{{.State.Pid}}", name)).trim();
  return ["nsenter", `--net=/proc/${pid}/ns/net`];
};

describe("a port of UDP at ::1", () => {
  /** What answers there, in a container's network. */
  async function startEcho(name: string): Promise<Disposable> {
    const echo = Bun.spawn([...(await networkOf(name)), process.execPath, "-e", ECHO(name)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await echo.stdout.getReader().read();
    return { [Symbol.dispose]: () => echo.kill("SIGKILL") };
  }
  const sleep = (name: string, ...flags: string[]) =>
    store.done("run", "-d", "--name", name, ...flags, image, "sleep", "1000");

  test("leads to the container and its answers to whoever asked, also after it has been started again", async () => {
    await sleep("echo", "-p", "[::1]:5300:53/udp");
    await sleep("six-echo", "--network", "six", "-p", "5301:53/udp");
    expect(await store.done("port", "echo")).toBe("53/udp -> [::1]:5300\n");
    {
      using _echo = await startEcho("echo");
      using _six = await startEcho("six-echo");
      const words = ["one", "two", "three"];
      const heard = await Promise.all(words.map((word) => say(network.host, "::1", 5300, word, 5000)));
      expect(heard).toEqual(words.map((word) => `echo 1 ${word}\necho 2 ${word}\n`));
      // One that names no address is open there too.
      expect(await say(network.host, "::1", 5301, "x", 5000)).toBe("six-echo 1 x\nsix-echo 2 x\n");
    }
    // Who asks while nobody listens hears nothing, and that is all: the kernel tells of it when the next datagram is sent.
    const often = `const socket = await Bun.udpSocket({ hostname: "::", socket: { error() {} } });
      for (let i = 0; i < 20; i++) { for (let j = 0; j < 5; j++) socket.send("early", 5300, "::1"); await Bun.sleep(2); } process.exit()`;
    expect((await run([...network.host, process.execPath, "-e", often])).status).toBe(0);
    await store.done("restart", "-t", "0", "echo");
    using _echo = await startEcho("echo");
    expect(await say(network.host, "::1", 5300, "again", 5000)).toBe("echo 1 again\necho 2 again\n");
  });

  test("is reached by nobody else: neither by a neighbour, nor at another address, and nobody answers in its place", async () => {
    using _echo = await startEcho("echo");
    for (const [where, address] of [
      [network.outside, HOST],
      [network.host, HOST],
      [network.host, "127.0.0.1"],
      [network.outside, "192.0.2.1"],
    ] as const)
      expect(await say(where, address, 5300, "x")).toBe("");
    // A neighbour who takes this machine for ::1. What comes by the wire is counted, or the attack would prove nothing.
    const count =
      "table netdev seen { chain in { type filter hook ingress device wire priority 0; ip6 daddr ::1 counter; }; }";
    await there(network.host, `echo '${count}' | nft -f -`);
    await there(network.outside, `ip addr del ::1/128 dev lo; ip -6 route add ::1 via ${HOST} dev wire`);
    expect(await say(network.outside, "::1", 5300, "x")).toBe("");
    const { stdout: seen } = await there(
      network.host,
      "nft list table netdev seen; nft delete table netdev seen",
    );
    await there(network.outside, "ip -6 route del ::1 dev wire; ip addr add ::1/128 dev lo");
    expect(seen).toMatch(/packets [1-9]/);
    // Another container says something to the socket that hears the first one's answers.
    const heard = say(network.host, "::1", 5300, "who", 1000);
    const { stdout: sockets } = await there(
      network.host,
      "for i in $(seq 100); do grep -h ':0035 ' /proc/net/udp /proc/net/udp6 && break; sleep 0.01; done",
    );
    expect(sockets).not.toBe("");
    for (const [, gateway = "", port = ""] of sockets.matchAll(
      / ([\dA-F]{8}):([\dA-F]{4}) [\dA-F]{8}:0035/g,
    )) {
      const address = (gateway.match(/../g) ?? [])
        .map((byte) => Number.parseInt(byte, 16))
        .reverse()
        .join(".");
      await say(await networkOf("six-echo"), address, Number.parseInt(port, 16), "forged 2 answer", 50);
    }
    expect(await heard).toBe("echo 1 who\necho 2 who\n");
    await store.done("rm", "-f", "echo", "six-echo");
    expect(await say(network.host, "::1", 5300, "x")).toBe("");
  });
});

// CVE-2020-13401: a container that announces itself as a router has what this machine sends by IPv6.
test("neither this machine nor a neighbour believes a container that says that it is a router", async () => {
  await store.done("run", "-d", "--rm", "--name", "plain", image, "sh", "-c", "sleep 1000; exit");
  await store.done(
    "run",
    "-d",
    "--rm",
    "--name",
    "with",
    "--network",
    "six",
    image,
    "sh",
    "-c",
    "sleep 1000; exit",
  );
  const bridges =
    "cd /proc/sys/net/ipv6/conf; for d in teu-*; do echo $(cat $d/accept_ra) $(cat $d/disable_ipv6); done";
  const { stdout } = await there(network.host, bridges);
  expect(stdout.trim().split("\n").sort()).toEqual(["0 0", "0 1"]);
  const inside = "cd /proc/sys/net/ipv6/conf/eth0; echo $(cat accept_ra) $(cat disable_ipv6)";
  expect(await store.done("exec", "plain", "sh", "-c", inside)).toBe("0 1\n");
  expect(await store.done("exec", "with", "sh", "-c", inside)).toBe("0 0\n");
  // It forwards now, and goes on to listen to the routers that it listened to.
  const { stdout: wire } = await there(network.host, "cat /proc/sys/net/ipv6/conf/wire/accept_ra");
  expect(wire).toBe("2\n");
  await store.done("rm", "-f", "plain", "with");
});
