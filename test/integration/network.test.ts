/**
 * Networks and published ports, as their users meet them. Everything is in a network namespace of the test's own: its bridges and rules
 * are none of this machine's, and what asks for a port is in there too.
 */
import { describe, expect } from "bun:test";
import { program, root } from "../support/needs.ts";
import type { OwnNetwork } from "./support/own-network.ts";
import { useOwnStore } from "./support/own-store.ts";
import type { Store } from "./support/registry.ts";
import { run } from "./teu.ts";

const WANTED = [root, program("busybox"), program("nft"), program("ip"), program("nsenter")];

let network: OwnNetwork;
let store: Store;
let image: string;

const test = useOwnStore(WANTED, (own) => {
  ({ network, store, image } = own);
});

const SERVE = (text: string, port = 80) =>
  `mkdir /www; echo ${text} > /www/index.html; exec busybox httpd -f -p ${port} -h /www`;
const serve = (name: string, text: string, ...flags: string[]) =>
  store.done("run", "-d", "--rm", "--name", name, ...flags, image, "sh", "-c", SERVE(text));
/** Not the script's last command is PID 1, which no signal of `timeout` would end. */
const sh = async (script: string, ...flags: string[]) =>
  (await store.teu("run", "--rm", ...flags, image, "sh", "-c", `${script}; exit`)).stdout.trim();

async function addressOf(name: string): Promise<string> {
  const all = JSON.parse(await store.done("ps", "--json"));
  return all.find((container: { name: string }) => container.name === name).address;
}

/** Asks until somebody listens. */
async function until(where: readonly string[], url: string, text: string): Promise<void> {
  for (const end = Date.now() + 20_000; ; ) {
    if ((await network.ask(where, url)).stdout === `${text}\n`) return;
    if (Date.now() > end) throw new Error(`nobody answered ${text} at ${url}`);
    await Bun.sleep(20);
  }
}

describe("a container", () => {
  test("has an address, a route and a name of its own, and an address is not given again at once", async () => {
    const script = "ip -o -4 addr show eth0; ip route; tail -n 1 /etc/hosts; hostname";
    const [first = "", route = "", , hosts = "", hostname = ""] = (await sh(script)).split("\n");
    const [, address] = /inet (172\.\d+\.0\.2)\/16/.exec(first) ?? [];
    expect(address).toBeDefined();
    expect(route).toMatch(/^default via 172\.\d+\.0\.1 dev eth0/);
    expect(hosts).toStartWith(`${address}\t${hostname} `);
    expect(await sh("ip -o -4 addr show eth0")).toMatch(/inet 172\.\d+\.0\.3\//);
    const names = "tail -n 1 /etc/hosts | cut -f 2; hostname; hostname -f; hostname -d; cat /etc/hostname";
    expect(await sh(names, "--name", "called", "--hostname", "web", "--domainname", "example.com")).toBe(
      "web.example.com web called\nweb\nweb.example.com\nexample.com\nweb",
    );
    expect(await sh(names, "--name", "called", "--hostname", "web.example.com")).toStartWith(
      "web.example.com web called\nweb.example.com\n",
    );
  });

  test("lets every user serve every port and ping, as docker does, unless something else is asked for", async () => {
    const script = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range";
    expect(await sh(script)).toBe("0\n0\t2147483647");
    expect(await sh(script, "--network", "none", "--sysctl", "net.ipv4.ip_unprivileged_port_start=99")).toBe(
      "99\n0\t2147483647",
    );
    expect(await sh(script, "--network", "host")).not.toContain("2147483647");
    const serve = "httpd -p 80 && wget -q -O - http://127.0.0.1/etc/hostname";
    expect(await sh(serve, "--user", "1234:1234", "--hostname", "low", "--cap-drop", "ALL")).toBe("low");
    await store.done("run", "-d", "--name", "asks", image, "sleep", "1000");
    expect(await store.done("inspect", "-f", "{{json .HostConfig.Sysctls}}", "asks")).toBe("{}\n");
    await store.done("rm", "-f", "asks");
  });

  test("reaches the world as the host does", async () => {
    const seen = Promise.withResolvers<string>();
    const script = `busybox nc -l -p 7000 -e sh -c 'netstat -tn | grep :7000'`;
    const listener = Bun.spawn([...network.outside, "sh", "-c", script], {
      stdout: "ignore",
      stderr: "ignore",
    });
    const asked = sh("for i in 1 2 3 4 5 6 7 8 9; do nc 192.0.2.2 7000 </dev/null && break; sleep 0.1; done");
    asked.then(seen.resolve, seen.reject);
    expect(await seen.promise).toContain("::ffff:192.0.2.1:");
    listener.kill();
  });

  // It was refused as no address.
  test("reaches this machine by the name that --add-host gives host-gateway", async () => {
    const add = ["--add-host", "here:host-gateway", "--add-host", "db:10.1.2.3"];
    const script = "ip route | awk '/default/ {print $3}'; awk '/\\t(here|db)$/ {print $1, $2}' /etc/hosts";
    const [gateway, ...hosts] = (await sh(script, ...add)).split("\n");
    expect(gateway).toMatch(/^172\.\d+\.0\.1$/);
    expect(hosts).toEqual([`${gateway} here`, "10.1.2.3 db"]);
    const listener = Bun.spawn([...network.host, "busybox", "nc", "-l", "-p", "7001", "-e", "echo", "hello"]);
    const ask = "for i in 1 2 3 4 5 6 7 8 9; do nc here 7001 </dev/null && break; sleep 0.1; done";
    expect(await sh(ask, ...add)).toBe("hello");
    listener.kill();
    const refused = await store.teu("run", "--network", "none", ...add, image, "true");
    expect(refused.stderr).toStartWith("teu: Unsupported --add-host with host-gateway and --network none");
  });

  test("with --network none has nothing but lo, with host what the host has", async () => {
    expect(await sh("ls /sys/class/net", "--network", "none")).toBe("lo");
    expect((await sh("ls /sys/class/net", "--network", "host")).split("\n")).toContain("wire");
  });
});

describe("-p", () => {
  test("leads every address of the host to the container, and ends with it", async () => {
    await serve("web", "hello", "-p", "8080:80");
    await until(network.outside, "http://192.0.2.1:8080/", "hello");
    await until(network.host, "http://127.0.0.1:8080/", "hello");
    await until(network.host, "http://192.0.2.1:8080/", "hello");
    expect(await sh("wget -q -O - http://192.0.2.1:8080/")).toBe("hello");
    // The container asks for itself by the published port.
    expect(
      await store.done("exec", "web", "busybox", "wget", "-q", "-O", "-", "http://192.0.2.1:8080/"),
    ).toBe("hello\n");
    expect(await store.done("port", "web")).toBe("80/tcp -> 0.0.0.0:8080\n");
    expect(await store.done("ps")).toContain("0.0.0.0:8080->80/tcp");
    await store.done("rm", "-f", "web");
    expect((await network.ask(network.host, "http://127.0.0.1:8080/")).status).not.toBe(0);
  });

  test("of 127.0.0.1 is for this machine alone", async () => {
    await serve("local", "mine", "-p", "127.0.0.1:8081:80");
    await until(network.host, "http://127.0.0.1:8081/", "mine");
    expect((await network.ask(network.outside, "http://192.0.2.1:8081/")).status).not.toBe(0);
    // A neighbour that sends to 127.0.0.1 by the wire (CVE-2020-8558).
    const route = "ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via 192.0.2.1 dev wire";
    const trick = `sysctl -qw net.ipv4.conf.all.route_localnet=1; ${route}; busybox timeout 3 busybox wget -q -O - http://127.0.0.1:8081/`;
    expect((await run([...network.outside, "unshare", "--mount", "sh", "-c", trick])).stdout).toBe("");
    expect(await sh("timeout 3 wget -q -O - http://127.0.0.1:8081/")).toBe("");
    await store.done("rm", "-f", "local");
  });

  test("without a port of the host takes a free one, and udp is its own", async () => {
    await serve("any", "free", "-p", "80", "-p", "5353:53/udp");
    const [, port] = /80\/tcp -> 0\.0\.0\.0:(\d+)/.exec(await store.done("port", "any")) ?? [];
    await until(network.outside, `http://192.0.2.1:${port}/`, "free");
    expect(await store.done("port", "any")).toContain("53/udp -> 0.0.0.0:5353\n");
    await store.done("rm", "-f", "any");
  });

  // Whoever went on asking from one port of UDP asked the address that the first one had had.
  test("of udp leads who has asked another container before to the one that is there", async () => {
    const ask = `const socket = await Bun.udpSocket({ port: 7777, connect: { hostname: "192.0.2.1", port: 5354 }, socket: {
      data(_socket, message) { console.log(message.toString()); process.exit(); }, error() {} } });
      setInterval(() => socket.send("who"), 50); setTimeout(() => process.exit(), 5000)`;
    for (const name of ["one", "two"]) {
      await store.done("run", "-d", "--rm", "--name", name, "-p", "5354:53/udp", image, "sleep", "1000");
      const pid = (await store.done("inspect", "--format", "{{.State.Pid}}", name)).trim();
      const answer = `await Bun.udpSocket({ hostname: "0.0.0.0", port: 53, socket: {
        data(socket, _, port, address) { socket.send("${name}", port, address); } } }); console.log("up")`;
      await using server = Bun.spawn(
        ["nsenter", `--net=/proc/${pid}/ns/net`, process.execPath, "-e", answer],
        {
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      await server.stdout.getReader().read();
      expect((await run([...network.outside, process.execPath, "-e", ask])).stdout).toBe(`${name}\n`);
      await store.done("rm", "-f", name);
    }
  });

  // The rules were taken to be in force as long as the machine was up: after a reload of nftables.service containers had no network.
  test("is there again with the next command after the packet filter was flushed", async () => {
    await serve("flushed", "again", "-p", "8084:80");
    await run([...network.host, "nft", "flush", "ruleset"]);
    expect((await network.ask(network.outside, "http://192.0.2.1:8084/")).status).not.toBe(0);
    await store.done("run", "--rm", image, "true");
    await until(network.outside, "http://192.0.2.1:8084/", "again");
    await store.done("rm", "-f", "flushed");
  });

  test("is refused where the port is taken, by a container or by a program, and nothing stays", async () => {
    await serve("first", "first", "-p", "8082:80");
    const second = await store.teu("run", "-d", "--name", "second", "-p", "127.0.0.1:8082:80", image, "true");
    expect(second).toMatchObject({
      status: 125,
      stderr: "teu: Bind for 127.0.0.1:8082 failed: port is already allocated\n",
    });
    await store.done("rm", "-f", "first");
    expect((await store.teu("run", "--rm", "-p", "198.51.100.1:8082:80", image, "true")).stderr).toBe(
      'teu: bind "198.51.100.1:8082": cannot assign requested address\n',
    );
    const listener = Bun.spawn([...network.host, "busybox", "nc", "-l", "-p", "8083"], { stdin: "ignore" });
    const taken = async () => (await store.teu("run", "--rm", "-p", "8083:80", image, "true")).stderr;
    for (const end = Date.now() + 10_000; !(await taken()).includes("port is already allocated"); )
      if (Date.now() > end) throw new Error("the port was not seen to be taken");
    listener.kill();
    expect(await store.done("ps", "-aq")).toBe("");
  });
});

describe("networks", () => {
  test("are apart: what is in one does not reach the other, nor does a neighbour get in by the back door", async () => {
    await store.done("network", "create", "--subnet", "10.123.0.0/24", "apart");
    await serve("inner", "secret", "--network", "apart");
    const address = await addressOf("inner");
    expect(address).toBe("10.123.0.2");
    await until(network.host, `http://${address}/`, "secret");
    expect(await sh(`timeout 3 wget -q -O - http://${address}/`, "--network", "apart")).toBe("secret");
    expect(await sh(`timeout 3 wget -q -O - http://${address}/`)).toBe("");
    const route = `ip route replace 10.123.0.0/24 via 192.0.2.1; busybox timeout 3 busybox wget -q -O - http://${address}/`;
    expect((await run([...network.outside, "sh", "-c", route])).stdout).toBe("");
    expect((await store.teu("network", "rm", "apart")).stderr).toContain("has active endpoints");
    await store.done("rm", "-f", "inner");
    expect(await store.done("network", "rm", "apart")).toBe("apart\n");
  });

  test("that are internal reach nothing, but each other's containers", async () => {
    await store.done("network", "create", "--internal", "closed");
    await serve("closed-server", "inside", "--network", "closed");
    const address = await addressOf("closed-server");
    await until(network.host, `http://${address}/`, "inside");
    expect(await sh(`wget -q -O - http://${address}/`, "--network", "closed")).toBe("inside");
    expect(
      await sh("timeout 2 ping -c 1 192.0.2.2 >/dev/null 2>&1; echo $?", "--network", "closed"),
    ).not.toBe("0");
    expect(await sh("timeout 5 ping -c 1 192.0.2.2 >/dev/null 2>&1; echo $?")).toBe("0");
    await store.done("rm", "-f", "closed-server");
    await store.done("network", "rm", "closed");
  });

  test("are listed, inspected and refused in docker's words", async () => {
    const id = (await store.done("network", "create", "listed")).trim();
    expect(await store.done("network", "ls")).toMatch(/^NETWORK ID +NAME +DRIVER +SUBNET +CONTAINERS\n/);
    expect(JSON.parse(await store.done("network", "inspect", "listed"))).toMatchObject([
      { id, name: "listed" },
    ]);
    const said = async (...words: string[]) => (await store.teu(...words)).stderr;
    expect(await said("network", "create", "listed")).toBe("teu: network with name listed already exists\n");
    expect(await said("network", "create", "--subnet", "192.0.2.0/24", "wire")).toContain(
      "overlaps with another one",
    );
    expect(await said("run", "--rm", "--network", "nowhere", image, "true")).toBe(
      "teu: network nowhere not found\n",
    );
    expect(await said("run", "--rm", "--network", "host", "-p", "80", image, "true")).toBe(
      "WARNING: Published ports are discarded when using host network mode\n",
    );
    await store.done("network", "rm", "listed");
  });

  // Go reads a key into a field that differs in its case alone: clients of docker's failed at our list beside docker's map.
  test("are inspected without keys that docker's clients take for others", async () => {
    const kindOf = (value: unknown) => (Array.isArray(value) ? "list" : typeof value);
    await store.done("run", "-d", "--name", "shown", image, "sleep", "1000");
    for (const words of [
      ["network", "inspect", "bridge"],
      ["inspect", "shown"],
      ["inspect", image],
    ]) {
      const [shown] = JSON.parse(await store.done(...words)) as Record<string, unknown>[];
      const kinds = new Map<string, string>();
      for (const [key, value] of Object.entries(shown ?? {})) {
        const known = kinds.get(key.toLowerCase());
        if (known !== undefined && value !== null)
          expect(`${key}: ${kindOf(value)}`).toBe(`${key}: ${known}`);
        kinds.set(key.toLowerCase(), kindOf(value));
      }
      expect(kinds.size).toBeGreaterThan(9);
    }
    await store.done("rm", "-f", "shown");
  });

  // "Cannot make network device: file exists", when it was started again sooner than the kernel had taken away its last one.
  test("a device of a container's last run that is still there is no matter", async () => {
    await store.done("run", "-d", "--name", "again", image, "sleep", "1000");
    const inside = async (script: string) => (await run([...network.host, "sh", "-c", script])).stdout.trim();
    const device = await inside("ip -o link | sed -n 's/.*: \\(veth[0-9a-f]*\\)@.*/\\1/p'");
    expect(device).toMatch(/^veth[0-9a-f]+$/);
    await store.done("stop", "-t", "0", "again");
    for (
      const end = Date.now() + 5000;
      (await inside(`ip link add ${device} type bridge && echo made`)) === "";
    )
      if (Date.now() > end) throw new Error("the kernel keeps the device");
    await store.done("start", "again");
    expect(await store.done("exec", "again", "ip", "-o", "-4", "addr", "show", "eth0")).toMatch(
      /inet (172\.\d+)\.\d+\.\d+\/16 brd \1\.255\.255 /,
    );
    const named = '{{index .Options "com.docker.network.bridge.name"}}';
    const bridge = (await store.done("network", "inspect", "-f", named, "bridge")).trim();
    expect(await inside(`ip link show ${bridge}`)).toContain("state UP");
    const script = "{{range .Containers}}{{.IPv4Address}} {{.MacAddress}}{{end}}";
    expect(await store.done("network", "inspect", "-f", script, "bridge")).toMatch(
      /^172\.\d+\.\d+\.\d+\/16 02:42:ac:[0-9a-f:]{8}\n$/,
    );
    await store.done("rm", "-f", "again");
  });

  test("that nobody is in are pruned, and nothing of them is left", async () => {
    await sh("true");
    await store.done("network", "prune");
    const { stdout } = await run([...network.host, "sh", "-c", "ip -o link; nft list ruleset"]);
    expect(stdout).not.toContain("teu");
    expect(await sh("ip -o -4 addr show eth0")).toContain("172.");
  });

  test("of many containers at once give each an address", async () => {
    const all = await Promise.all(
      Array.from({ length: 6 }, () => sh("ip -o -4 addr show eth0 | sed 's/.*inet //; s/ .*//'; sleep 0.2")),
    );
    expect(new Set(all).size).toBe(6);
  });
});
