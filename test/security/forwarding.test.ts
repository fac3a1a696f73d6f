/**
 * Containers need a kernel that passes packets on, and one that does is a router for whoever is on a wire of it: a neighbour in one network
 * reaches those in another, or what is behind a tunnel, by this machine. Docker drops what is forwarded and not its own, when it turned that on.
 * Guard: docs/decisions/0016-forwarding.md. Each attack is tried once more without the guard, where it works.
 */
import { afterAll, expect } from "bun:test";
import { devices, OwnNetwork } from "../integration/support/own-network.ts";
import { type OwnStore, useOwnStore } from "../integration/support/own-store.ts";
import { run } from "../integration/teu.ts";
import { program, root } from "../support/needs.ts";

const WANTED = [
  root,
  ...["busybox", "nft", "ip", "nsenter"].map((name) => program(name)),
  devices("macvlan"),
];

let own: OwnStore;
/** Its `outside` is the victim: on another wire of the machine. */
let behind: OwnNetwork | undefined;
let victim: readonly string[];

const sh = (where: readonly string[], script: string) => run([...where, "sh", "-c", script]);
const here = (script: string) => sh(own.network.host, script);
/** Whether the neighbour reaches somebody. */
const reaches = async (address: string, seconds: number) =>
  (await sh(own.network.outside, `busybox timeout ${seconds} busybox ping -c 1 ${address}`)).status === 0;
const start = () =>
  own.store.done(
    ...["run", "-d", "--rm", "--name", "web", "-p", "8080:80", own.image, "sh", "-c"],
    "mkdir /www; echo web > /www/index.html; exec busybox httpd -f -p 80 -h /www",
  );
const pidOf = (where: readonly string[]) => /\/proc\/(\d+)\//.exec(where.join(" "))?.[1];

const test = useOwnStore(WANTED, async (opened) => {
  own = opened;
  behind = new OwnNetwork();
  victim = behind.outside;
  await here(`echo 0 > /proc/sys/net/ipv4/ip_forward
    ip link add lan type veth peer name lan netns ${pidOf(victim)} && ip addr add 198.51.100.1/24 dev lan && ip link set lan up`);
  await sh(
    victim,
    "ip link del wire; ip addr add 198.51.100.2/24 dev lan && ip link set lan up && ip route add default via 198.51.100.1",
  );
  for (const subnet of ["198.51.100.0/24", "203.0.113.0/24", "10.200.0.0/24"])
    await sh(own.network.outside, `ip route add ${subnet} via 192.0.2.1`);
});
afterAll(() => behind?.[Symbol.dispose]());

test("a neighbour does not reach another network of this machine by it, nor by a device that comes later, as that of a tunnel", async () => {
  await start();
  expect((await here("cat /proc/sys/net/ipv4/ip_forward")).stdout).toBe("1\n");
  expect(await reaches("198.51.100.2", 1)).toBe(false);
  await here(
    "ip link add link lan name later type macvlan; ip addr add 203.0.113.1/24 dev later; ip link set later up",
  );
  await sh(victim, "ip addr add 203.0.113.2/24 dev lan");
  expect(await reaches("203.0.113.2", 1)).toBe(false);
});

test("containers reach the world, and what they publish is reached", async () => {
  const script =
    "for a in 192.0.2.2 198.51.100.2; do timeout 5 ping -c 1 $a >/dev/null || exit 1; done; exit";
  expect((await own.store.teu("run", "--rm", own.image, "sh", "-c", script)).status).toBe(0);
  const { stdout } = await own.network.ask(own.network.outside, "http://192.0.2.1:8080/");
  expect(stdout).toBe("web\n");
});

test("what others' engines have made later is theirs to guard", async () => {
  await here(
    `ip link add machine type veth peer name machine netns ${pidOf(victim)}; ip addr add 10.200.0.1/24 dev machine; ip link set machine up`,
  );
  await sh(
    victim,
    "ip addr add 10.200.0.2/24 dev machine; ip link set machine up; ip route replace default via 10.200.0.1",
  );
  expect(await reaches("10.200.0.2", 5)).toBe(true);
  await sh(victim, "ip link del machine; ip route replace default via 198.51.100.1");
});

// The rules came back with the next command, and the guard did not: until the next boot the machine was a router.
test("the guard is there again with the next command after all rules were flushed", async () => {
  await here("nft flush ruleset");
  expect(await reaches("198.51.100.2", 5)).toBe(true);
  // What is not as it was before the flush counts, too.
  await own.store.done("run", "--rm", "-p", "8081:80", own.image, "true");
  expect(await reaches("198.51.100.2", 1)).toBe(false);
});

test("and bites: without the guard the neighbour reaches both", async () => {
  await here("nft delete table ip teu_forwarding");
  expect(await reaches("198.51.100.2", 5)).toBe(true);
  expect(await reaches("203.0.113.2", 5)).toBe(true);
});

test("where forwarding was on before, nothing is guarded, nor made again", async () => {
  await own.store.done("rm", "-f", "web");
  await start();
  expect((await here("nft list tables")).stdout).not.toContain("teu_forwarding");
  expect(await reaches("198.51.100.2", 5)).toBe(true);
  await own.store.done("rm", "-f", "web");
});
