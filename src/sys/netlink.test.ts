/** The kernel's network configuration, in a network namespace that the test is put into. */
import { expect, test } from "bun:test";
import { AttributeBuilder, decodeAttributes, decodeText } from "./netlink-attributes.ts";

const isRoot = process.getuid?.() === 0;
const IP = Bun.which("ip");
const canRun = isRoot && IP !== null && Bun.which("unshare") !== null;
if (!canRun) console.log(`skipped: network devices need ${isRoot ? "ip and unshare" : "root"}`);

test("attributes are padded, and read back as they were", () => {
  const built = new AttributeBuilder()
    .text(3, "eth0")
    .u32(28, 7)
    .nested(18, (inner) => inner.text(1, "veth").u8(2, 5))
    .bytes(1, Uint8Array.of(1, 2, 3, 4, 5, 6))
    .finish();
  expect(built.length % 4).toBe(0);
  const read = decodeAttributes(built);
  expect(decodeText(read.get(3))).toBe("eth0");
  expect(read.get(28)?.readUInt32LE()).toBe(7);
  expect([...(read.get(1) ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
  const inner = decodeAttributes(read.get(18) ?? Buffer.alloc(0));
  expect(decodeText(inner.get(1))).toBe("veth");
  expect([...(inner.get(2) ?? [])]).toEqual([5]);
});

test("an attribute that is longer than its message is refused", () => {
  expect(() => decodeAttributes(Buffer.from([200, 0, 3, 0, 1, 2, 3, 4]))).toThrow(
    "netlink attribute of 200 bytes",
  );
  expect(() => decodeAttributes(Buffer.from([3, 0, 3, 0]))).toThrow("netlink attribute of 3 bytes");
});

/** Runs `script` of TypeScript in a network namespace of its own that `setup` has filled; gives what it prints. */
function inside(setup: string, script: string): unknown {
  const program = `
    import { NetlinkSocket } from ${JSON.stringify(`${import.meta.dir}/netlink.ts`)};
    import * as route from ${JSON.stringify(`${import.meta.dir}/rtnetlink.ts`)};
    using socket = new NetlinkSocket();
    const told = (call) => { try { return call(); } catch (error) { return error.message; } };
    console.log(JSON.stringify(await (async () => { ${script} })()));`;
  const command = `${setup}\nexec "$0" -e "$1"`;
  const { stdout, stderr } = Bun.spawnSync([
    "unshare",
    "--net",
    "sh",
    "-ec",
    command,
    process.execPath,
    program,
  ]);
  if (stdout.length === 0) throw new Error(stderr.toString());
  return JSON.parse(stdout.toString());
}

const VETH =
  "ip link add v0 type veth peer name v1; ip addr add 10.1.2.3/24 brd + dev v0; ip addr add fd00::1/64 dev v0 nodad";

test.skipIf(!canRun)("findLink() finds a device by its name, and none where there is none", () => {
  const seen = inside(
    VETH,
    `return [route.findLink(socket, "lo"), route.findLink(socket, "v0")?.name, route.findLink(socket, "nope") ?? "none"];`,
  );
  expect(seen).toEqual([{ index: 1, name: "lo", isUp: false }, "v0", "none"]);
});

test.skipIf(!canRun)(
  "changeLink() renames and sets up; what is refused is said with the kernel's own explanation",
  () => {
    const seen = inside(
      VETH,
      `const link = route.findLink(socket, "v0");
     route.changeLink(socket, link, { name: "front", isUp: true });
     const [front, back] = ["front", "v1"].map((name) => route.findLink(socket, name));
     return [front.isUp, route.findLink(socket, "v0") ?? "gone",
       told(() => route.changeLink(socket, back, { name: "lo" })),
       told(() => route.changeLink(socket, back, { namespace: 0 })),
       told(() => route.changeLink(socket, { ...link, index: 99 }, { isUp: true })),
       told(() => route.changeLink(socket, back, { name: "longer-than-sixteen" })),
       told(() => socket.request({ type: 22, flags: 0x300, about: "Cannot ask so", body: Buffer.from([2, 7, 0, 0, 0, 0, 0, 0]) }))];`,
    );
    expect(seen).toEqual([
      true,
      "gone",
      'Cannot rename network device "v1": file exists',
      expect.stringContaining('Cannot move network device "v1": '),
      'Cannot set up network device "v0": no such device',
      'Cannot rename network device "v1": numerical result out of range: Attribute failed policy validation',
      // At the end of a dump, which has a form of its own.
      expect.stringMatching(/^Cannot ask so: invalid argument: ipv4: Invalid values in header/i),
    ]);
  },
);

test.skipIf(!canRun)(
  "addressesOf() and addAddress(): what is read from one device can be given to another",
  () => {
    const seen = inside(
      VETH,
      `const [from, to] = ["v0", "v1"].map((name) => route.findLink(socket, name));
     const before = route.addressesOf(socket, from);
     for (const address of [...before, ...before]) route.addAddress(socket, to, address);
     const plain = (list) => list.map(({ family, prefixLength, scope, local, broadcast }) => [family, prefixLength, scope, [...local].join("."), [...(broadcast ?? [])].join(".")]);
     return [plain(before), plain(route.addressesOf(socket, to))];`,
    );
    const want = [
      [2, 24, 0, "10.1.2.3", "10.1.2.255"],
      [10, 64, 0, `253.0.${"0.".repeat(13)}1`, ""],
    ];
    expect(seen).toEqual([want, want]);
  },
);

test.skipIf(!canRun)("a long dump comes whole", () => {
  const setup = `ip link add v0 type veth peer name v1; for i in $(seq 1 250); do echo "addr add 10.9.$i.1/24 dev v0"; echo "addr add 10.8.$i.1/24 dev v0"; done | ip -batch -`;
  expect(inside(setup, `return route.addressesOf(socket, route.findLink(socket, "v0")).length;`)).toBe(500);
});
