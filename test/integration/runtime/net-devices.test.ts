/** Network devices that move into a container. Each call of the runtime is in a network namespace of its own, with devices made for it. */
import { describe, expect } from "bun:test";
import type { Linux } from "../../../src/spec/index.ts";
import { type Need, needs, program, root } from "../../support/needs.ts";
import { type Change, changes, withLinux, withProcess, withUserNamespace } from "../support/bundle.ts";
import { Container, TESTED } from "../support/runtime.ts";

const veth: Need = {
  says: "a kernel with veth devices",
  isMet: () =>
    Bun.spawnSync(["unshare", "--net", "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"])
      .success,
};
const knowsDevices: Need = {
  says: "a runtime that moves network devices",
  isMet: () =>
    Bun.spawnSync([...TESTED.command, "features"])
      .stdout.toString()
      .includes('"netDevices"'),
};
const test = needs(root, program("busybox"), program("ip"), program("unshare"), veth, knowsDevices);

const SETUP = [
  "ip link add v0 type veth peer name v1",
  "ip link set v0 mtu 1400 address 02:00:00:00:00:07 up",
  "ip link set v1 up",
  "ip addr add 10.1.2.3/24 brd + dev v0",
  "ip addr add fd00::1/64 dev v0 nodad",
  "ip addr add 10.1.2.9/24 dev v0 valid_lft 1000 preferred_lft 1000",
];
/** Told by the kernel's own words, one line a device or address, without what differs by chance. */
const LOOK = "ip -o link show dev NAME; ip -o addr show dev NAME";

/** Runs a container in a namespace with the devices; `after` looks at the namespace when it has ended. */
async function run(
  script: string,
  change: Change,
  after = "true",
): Promise<{ status: number; stdout: string; stderr: string }> {
  const command = [
    "unshare",
    "--net",
    "sh",
    "-c",
    `${SETUP.join(" && ")} || exit 99; "$@"; code=$?; ${after}; exit $code`,
    "sh",
  ];
  await using container = new Container({ name: TESTED.name, command: [...command, ...TESTED.command] });
  return await container.configure(script, change).run();
}

const withDevices = (netDevices: NonNullable<Linux["netDevices"]>): Change => withLinux({ netDevices });
const look = (name: string): string => LOOK.replaceAll("NAME", name);

describe(`network devices of a container of ${TESTED.name}`, () => {
  const users: readonly { says: string; change: Change }[] = [
    { says: "with the host's user namespace", change: (config) => config },
    { says: "with a user namespace of its own", change: withUserNamespace(100_000) },
  ];
  test.each([...users])(
    "config-linux.md#network-devices: one is moved, renamed, has its addresses and is up, $says",
    async ({ change }) => {
      const { status, stdout, stderr } = await run(
        `${look("eth0")}; ls /sys/class/net`,
        changes(change, withDevices({ v0: { name: "eth0" } })),
        "echo --; ls /sys/class/net; ip -o link show dev v0",
      );
      expect(status).toBe(0);
      const [inside = "", outside = ""] = stdout.split("--\n");
      expect(inside).toContain("mtu 1400");
      expect(inside).toContain("02:00:00:00:00:07");
      expect(inside).toMatch(/<[^>]*\bUP\b/);
      expect(inside).toContain("inet 10.1.2.3/24 brd 10.1.2.255");
      expect(inside).toContain("inet6 fd00::1/64");
      // What is only lent belongs to the network that lent it.
      expect(inside).not.toContain("10.1.2.9");
      expect(inside).toEndWith("eth0\nlo\n");
      expect(stderr).toContain("v0");
      // The container has ended, and the kernel has removed both ends.
      expect(outside).not.toContain("v0");
    },
  );

  test("config-linux.md#network-devices: without a new name it keeps its own", async () => {
    const { status, stdout } = await run("ls /sys/class/net", withDevices({ v0: {}, v1: {} }));
    expect({ status, stdout }).toEqual({ status: 0, stdout: "lo\nv0\nv1\n" });
  });

  const HOST_LOOK = `echo --; for d in v0 v1; do ip -o addr show dev $d; ip -o link show dev $d | grep -o '<[^>]*>'; done`;
  const failures: readonly { says: string; change: Change; want: string }[] = [
    {
      says: "there is no such device",
      change: withDevices({ v1: {}, nothing: {} }),
      want: "link not found for interface nothing",
    },
    {
      says: "its new name is taken",
      change: withDevices({ v1: {}, v0: { name: "lo" } }),
      want: "file exists",
    },
    {
      says: "the create fails later",
      change: changes(withDevices({ v0: { name: "eth0" }, v1: {} }), withProcess({ args: ["/nothing"] })),
      want: "/nothing",
    },
  ];
  test.each([...failures])("all go back to where they were, when $says", async ({ change, want }) => {
    const { status, stdout, stderr } = await run("true", change, HOST_LOOK);
    expect(status).not.toBe(0);
    expect(stderr).toContain(want);
    const [, host = ""] = stdout.split("--\n");
    expect(host).toContain("inet 10.1.2.3/24 brd 10.1.2.255");
    expect(host).toContain("inet6 fd00::1/64");
    expect(host.match(/\bUP\b/g)).toHaveLength(2);
  });

  test("a name that is none is refused before anything is made", async () => {
    const { status, stderr } = await run("true", withDevices({ v0: { name: "a:b" } }));
    expect(status).toBe(1);
    expect(stderr).toContain('invalid network device name "a:b"');
  });
});
