/**
 * Containers find each other by name, and are moved between networks while they run. Everything is in a network namespace of the test's
 * own, with a resolver beside it.
 */
import { describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { needs, program, root } from "../support/needs.ts";
import { devices, type OwnNetwork } from "./support/own-network.ts";
import { useOwnStore } from "./support/own-store.ts";
import type { Store } from "./support/registry.ts";

const WANTED = [root, program("busybox"), program("nft"), program("ip"), program("nsenter")];

let network: OwnNetwork;
let store: Store;
let image: string;

const test = useOwnStore(WANTED, (own) => {
  ({ network, store, image } = own);
});

/** A resolver that tells of each question and who asked it, and answers questions for an address with 192.0.2.77. */
const RESOLVER = `await Bun.udpSocket({ hostname: "192.0.2.2", port: 53, socket: { data(socket, query, port, address) {
  console.log(address, Buffer.from(query).toString("latin1").replace(/[^a-z]+/g, " "));
  const end = query.indexOf(0, 12) + 5;
  const isAddress = query[end - 3] === 1;
  const head = Buffer.concat([query.subarray(0, 2), Buffer.of(0x81, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0), query.subarray(12, end)]);
  const record = Buffer.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 77);
  socket.send(isAddress ? Buffer.concat([head, record]) : head, port, address);
} } });`;

/** Removes all containers and networks that a test made. */
const cleanly = async (work: () => Promise<void>): Promise<void> => {
  try {
    await work();
  } finally {
    const containers = (await store.done("ps", "-aq")).split("\n").filter((id) => id !== "");
    if (containers.length > 0) await store.done("rm", "-f", ...containers);
    await store.done("network", "prune");
    expect(nameServers()).toEqual([]);
  }
};
/** Pids of the store's name servers. */
const nameServers = (): string[] =>
  readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        readFileSync(`/proc/${pid}/cmdline`, "utf8").endsWith("\0name-server\0") &&
        readFileSync(`/proc/${pid}/environ`, "utf8").includes(store.folder)
      );
    } catch {
      return false; // it has just ended
    }
  });
const start = async (name: string, ...flags: string[]): Promise<string> =>
  (await store.done("run", "-d", "--name", name, ...flags, image, "sleep", "1000")).trim();
/** What a container finds under a name: addresses, sorted. */
async function lookUp(from: string, name: string): Promise<string[]> {
  const { stdout } = await store.teu("exec", from, "busybox", "nslookup", name);
  const [, answer = ""] = stdout.split(/\n\n/s);
  return [...answer.matchAll(/^Address: (\S+)$/gm)].map(([, address = ""]) => address).sort();
}
/** The addresses that may be in the answer to a question for the container `first`. */
async function lookUpFirstByTCP(from: string): Promise<string[]> {
  // By hand: id 0x1234, recursion, one question: first A IN.
  const question =
    "\\000\\027\\022\\064\\001\\000\\000\\001\\000\\000\\000\\000\\000\\000\\005first\\000\\000\\001\\000\\001";
  const script = `g=$(busybox awk '/nameserver/ {print $2}' /etc/resolv.conf); printf '${question}' | busybox nc -w 2 $g 53 | busybox od -An -v -tu1`;
  const bytes = (await store.done("exec", from, "sh", "-c", script)).trim().split(/\s+/);
  return bytes.map((_, index) => bytes.slice(index, index + 4).join("."));
}
const addressesIn = async (name: string): Promise<string[]> =>
  (await store.done("exec", name, "sh", "-c", "ip -o -4 addr | busybox awk '/eth/ {print $4}'"))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("/")[0] ?? "");

describe("a network that somebody made", () => {
  test("knows its containers by name, ID and alias, and no others", () =>
    cleanly(async () => {
      await store.done("network", "create", "--subnet", "10.77.0.0/24", "backend");
      await store.done("network", "create", "elsewhere");
      const id = await start(
        "database",
        "--network",
        "backend",
        "--network-alias",
        "db",
        "--hostname",
        "store",
        "--ip",
        "10.77.0.99",
      );
      await start("other", "--network", "elsewhere");
      await start("web", "--network", "name=backend,alias=www,alias=db");
      for (const name of [
        "database",
        "DataBase",
        id.slice(0, 12),
        "database.backend",
        "store",
        "store.backend",
      ])
        expect(await lookUp("web", name)).toEqual(["10.77.0.99"]);
      const known = "{{json .NetworkSettings.Networks.backend.DNSNames}}";
      expect(JSON.parse(await store.done("inspect", "-f", known, "database"))).toEqual([
        ...["database", "db", id.slice(0, 12), "store"],
      ]);
      expect(await lookUp("web", "www")).toEqual(await addressesIn("web"));
      expect((await lookUp("web", "db")).length).toBe(2);
      expect(await lookUp("web", "other")).toEqual([]);
      expect(await store.done("exec", "web", "busybox", "nslookup", "10.77.0.99")).toContain(
        "name = database.backend",
      );
      expect(await store.done("exec", "web", "busybox", "ping", "-c", "1", "database")).toContain(
        "(10.77.0.99)",
      );
      const twice = await store.teu(
        "run",
        "--rm",
        "--network",
        "backend",
        "--ip",
        "10.77.0.99",
        image,
        "true",
      );
      expect(twice.stderr).toContain("Address already in use");
      const outside = await store.teu(
        "run",
        "--rm",
        "--network",
        "backend",
        "--ip",
        "10.78.0.1",
        image,
        "true",
      );
      expect(outside.stderr).toContain("it is no address of a container in 10.77.0.0/24");
      await store.done("rm", "-f", "database");
      expect(await lookUp("web", "database")).toEqual([]);
      expect(nameServers().length).toBe(1);
    }));

  test("is asked by name over TCP too, and a killed server comes back with the next command", () =>
    cleanly(async () => {
      await store.done("network", "create", "plain");
      await start("first", "--network", "plain");
      await start("second", "--network", "plain");
      expect(await lookUpFirstByTCP("second")).toContain((await addressesIn("first"))[0] ?? "");
      process.kill(Number(nameServers()[0]), "SIGKILL");
      await store.done("ps");
      for (const end = Date.now() + 10_000; (await lookUp("second", "first")).length === 0; )
        if (Date.now() > end) throw new Error("the name server did not come back");
      // Another one that a command has sent for meanwhile ends at once.
      for (const end = Date.now() + 10_000; nameServers().length !== 1; await Bun.sleep(10))
        if (Date.now() > end) throw new Error(`there are ${nameServers().length} name servers`);
    }));

  test("passes other names on to the resolvers of this machine, but not those of an internal network (CVE-2024-29018)", () =>
    cleanly(async () => {
      const resolver = Bun.spawn([...network.outside, process.execPath, "-e", RESOLVER], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      try {
        await store.done("network", "create", "open");
        await store.done("network", "create", "--internal", "closed");
        await start("free", "--network", "open", "--dns", "192.0.2.2");
        await start("shut", "--network", "closed", "--dns", "192.0.2.2");
        for (const end = Date.now() + 10_000; ; ) {
          if ((await lookUp("free", "example.test")).includes("192.0.2.77")) break;
          if (Date.now() > end) throw new Error("the resolver was not asked");
        }
        expect(await lookUp("shut", "example.test")).toEqual([]);
        expect(await lookUp("shut", "secret.example.test")).toEqual([]);
      } finally {
        resolver.kill("SIGKILL");
        await resolver.exited;
      }
      const heard = await resolver.stdout.text();
      expect(heard).toContain("example");
      expect(heard).not.toContain("secret");
    }));
});

describe("a network on the wire of this machine", () => {
  const ONWIRE = [...WANTED, devices("macvlan")];
  const lan = ["network", "create", "-d", "macvlan", "-o", "parent=wire", "--subnet", "192.0.2.0/24", "lan"];

  // They had the resolvers of this machine, which know none of them.
  needs(...ONWIRE)("answers its containers, who do not reach this machine, in their own namespaces", () =>
    cleanly(async () => {
      await store.done(...lan);
      const id = await start("first", "--network", "lan", "--ip", "192.0.2.40", "--network-alias", "ink");
      await start("desk", "--network", "lan", "--ip", "192.0.2.41");
      expect(await store.done("exec", "desk", "cat", "/etc/resolv.conf")).toContain(
        "nameserver 127.0.0.11\n",
      );
      for (const name of ["first", "INK", id.slice(0, 12), "first.lan"])
        expect(await lookUp("desk", name)).toEqual(["192.0.2.40"]);
      expect(await store.done("exec", "desk", "busybox", "nslookup", "192.0.2.40")).toContain(
        "name = first.lan",
      );
      expect(await lookUpFirstByTCP("desk")).toContain("192.0.2.40");
      process.kill(Number(nameServers()[0]), "SIGKILL");
      await store.done("ps");
      for (const end = Date.now() + 10_000; (await lookUp("desk", "first")).length === 0; )
        if (Date.now() > end) throw new Error("the name server did not come back");
      // With a bridge it asks at the gateway's, and knows the containers of both.
      await store.done("network", "create", "--subnet", "10.83.0.0/24", "back");
      await store.done("network", "connect", "back", "desk");
      expect(await store.done("exec", "desk", "cat", "/etc/resolv.conf")).toContain("nameserver 10.83.0.1\n");
      expect(await lookUp("desk", "ink")).toEqual(["192.0.2.40"]);
      await store.done("network", "disconnect", "back", "desk");
      expect(await lookUp("desk", "ink")).toEqual(["192.0.2.40"]);
      // Its network is a new one by then.
      await store.done("restart", "-t", "0", "desk");
      expect(await lookUp("desk", "ink")).toEqual(["192.0.2.40"]);
      // A server of names of its own keeps its port.
      await store.done("exec", "-d", "desk", "busybox", "nc", "-ll", "-p", "53", "-e", "echo", "own");
      for (const end = Date.now() + 10_000; ; ) {
        const { stdout } = await store.teu(
          "exec",
          "first",
          "sh",
          "-c",
          "busybox nc -w 1 192.0.2.41 53 </dev/null",
        );
        if (stdout === "own\n") break;
        if (Date.now() > end) throw new Error("port 53 of the container is not its own");
      }
      expect(await lookUp("desk", "first")).toEqual(["192.0.2.40"]);
      await store.done("rm", "-f", "first");
      expect(await lookUp("desk", "first")).toEqual([]);
    }),
  );

  needs(...ONWIRE)("asks other names from where the container is, and none for one that is shut in", () =>
    cleanly(async () => {
      const resolver = Bun.spawn([...network.outside, process.execPath, "-e", RESOLVER], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      try {
        await store.done(...lan);
        await start("free", "--network", "lan", "--ip", "192.0.2.44", "--dns", "192.0.2.2");
        for (const end = Date.now() + 10_000; ; ) {
          if ((await lookUp("free", "example.test")).includes("192.0.2.77")) break;
          if (Date.now() > end) throw new Error("the resolver was not asked");
        }
        await store.done("rm", "-f", "free");
        await store.done("network", "rm", "lan");
        await store.done(...lan, "--internal");
        await start("shut", "--network", "lan", "--ip", "192.0.2.45", "--dns", "192.0.2.2");
        expect(await lookUp("shut", "shut")).toEqual(["192.0.2.45"]);
        expect(await lookUp("shut", "secret.example.test")).toEqual([]);
      } finally {
        resolver.kill("SIGKILL");
        await resolver.exited;
      }
      const heard = await resolver.stdout.text();
      expect(heard).toMatch(/^192\.0\.2\.44 .*example/m);
      expect(heard).not.toContain("192.0.2.1 ");
      expect(heard).not.toContain("secret");
    }),
  );
});

describe("a container that runs", () => {
  test("is connected and disconnected at once, and keeps it for its next run", () =>
    cleanly(async () => {
      await store.done("network", "create", "--subnet", "10.81.0.0/24", "one");
      await store.done("network", "create", "--subnet", "10.82.0.0/24", "two");
      await start("mover", "--network", "one");
      await start("stayer", "--network", "two");
      expect(await lookUp("stayer", "mover")).toEqual([]);
      await store.done("network", "connect", "--alias", "m", "--ip", "10.82.0.50", "two", "mover");
      expect(await addressesIn("mover")).toEqual(["10.81.0.2", "10.82.0.50"]);
      expect(await lookUp("stayer", "m")).toEqual(["10.82.0.50"]);
      expect(await store.done("exec", "stayer", "busybox", "ping", "-c", "1", "mover")).toContain(
        "1 packets received",
      );
      expect((await store.teu("network", "connect", "two", "mover")).stderr).toContain(
        "endpoint with name mover already exists in network two",
      );
      // The way out goes by what is left.
      await store.done("network", "disconnect", "one", "mover");
      expect(await addressesIn("mover")).toEqual(["10.82.0.50"]);
      expect(await store.done("exec", "mover", "ip", "route")).toContain("default via 10.82.0.1 dev eth1");
      expect(await store.done("exec", "mover", "cat", "/etc/resolv.conf")).toContain("nameserver 10.82.0.1");
      expect((await store.teu("network", "disconnect", "one", "mover")).stderr).toContain(
        "is not connected to network one",
      );
      await store.done("stop", "-t", "0", "mover");
      await store.done("network", "connect", "one", "mover");
      await store.done("start", "mover");
      expect((await addressesIn("mover")).sort()).toEqual(["10.81.0.3", "10.82.0.50"]);
    }));

  test("without networks of its own cannot be connected", () =>
    cleanly(async () => {
      await store.done("network", "create", "some");
      await start("lonely", "--network", "none");
      expect((await store.teu("network", "connect", "some", "lonely")).stderr).toContain(
        "cannot be connected to any other network",
      );
      const both = await store.teu("run", "--rm", "--network", "some", "--network", "host", image, "true");
      expect(both.stderr).toContain(
        "cannot be connected to multiple networks with one of the networks in host mode",
      );
    }));

  test("lends its network and its processes to another", () =>
    cleanly(async () => {
      await start("lender", "-p", "8091:80", "--hostname", "lent");
      const serve = "mkdir /www; echo lent > /www/index.html; exec busybox httpd -f -p 80 -h /www";
      const flags = ["--network", "container:lender", "--pid", "container:lender"];
      await store.done("run", "-d", "--name", "borrower", ...flags, image, "sh", "-c", serve);
      for (const end = Date.now() + 10_000; ; ) {
        if ((await network.ask(network.outside, "http://192.0.2.1:8091/")).stdout === "lent\n") break;
        if (Date.now() > end) throw new Error("the port leads nowhere");
      }
      expect(await addressesIn("borrower")).toEqual(await addressesIn("lender"));
      expect(await store.done("exec", "borrower", "sh", "-c", "hostname; cat /etc/hostname")).toBe(
        "lent\nlent\n",
      );
      expect(await store.done("exec", "borrower", "busybox", "ps")).toContain("sleep 1000");
      // Both are started anew: its network is another one by then.
      await store.done("stop", "-t", "0", "borrower", "lender");
      expect((await store.teu("start", "borrower")).stderr).toContain(
        "cannot join network of a non running container",
      );
      await store.done("start", "lender");
      await store.done("start", "borrower");
      expect(await addressesIn("borrower")).toEqual(await addressesIn("lender"));
      const refused = await store.teu(
        "run",
        "--rm",
        "--network",
        "container:lender",
        "-p",
        "80",
        image,
        "true",
      );
      expect(refused.stderr).toContain(
        "conflicting options: port publishing and the container type network mode",
      );
      expect(
        (await store.teu("run", "--rm", "--network", "container:nobody", image, "true")).stderr,
      ).toContain("No such container: nobody");
    }));

  test("publishes its ports by a network that is not internal", () =>
    cleanly(async () => {
      await store.done("network", "create", "--internal", "inner");
      await store.done("network", "create", "outer");
      const serve = "mkdir /www; echo hello > /www/index.html; exec busybox httpd -f -p 80 -h /www";
      await store.done(
        "run",
        "-d",
        "--network",
        "inner",
        "--network",
        "outer",
        "-p",
        "8090:80",
        image,
        "sh",
        "-c",
        serve,
      );
      for (const end = Date.now() + 10_000; ; ) {
        if ((await network.ask(network.outside, "http://192.0.2.1:8090/")).stdout === "hello\n") break;
        if (Date.now() > end) throw new Error("the port leads nowhere");
      }
    }));
});
