/** Between two network namespaces of the test's own. */
import { expect, test } from "bun:test";

const isRoot = process.getuid?.() === 0;
const canRun = isRoot && Bun.which("ip") !== null && Bun.which("unshare") !== null;
if (!canRun) console.log(`skipped: network devices need ${isRoot ? "ip and unshare" : "root"}`);

const program = `
  import { check, closeSync, deleteLink, findLink, NetlinkSocket, O, openSync, syscall } from ${JSON.stringify(`${import.meta.dir}/../../sys/index.ts`)};
  import { MovedDevices } from ${JSON.stringify(`${import.meta.dir}/net-devices.ts`)};
  const NEWNET = 0x40000000;
  const own = openSync("/proc/thread-self/ns/net", O.RDONLY);
  check(syscall("unshare", NEWNET), "unshare");
  using there = new NetlinkSocket();
  check(syscall("setns", own, NEWNET), "setns");
  closeSync(own);
  using here = new NetlinkSocket();
  const names = ["a0", "b0", "c0"];
  const at = (socket) => names.filter((name) => findLink(socket, name) !== undefined);
  using moved = new MovedDevices(there.descriptor);
  moved.move({ a0: {}, b0: {}, c0: {} });
  const before = at(there);
  for (const name of process.env.GONE.split(" ")) deleteLink(there, findLink(there, name));
  let error;
  try { moved.moveBack(); } catch (caught) { error = caught; }
  console.log(JSON.stringify({ before, here: at(here), there: at(there), code: error.code, message: error.message }));
`;

/** What broke: after the first that could not go back, the others stayed in the container and went with its namespace. */
test.skipIf(!canRun).each([
  { gone: "b0", here: ["a0", "c0"], code: "no-net-device", names: ["b0"] },
  { gone: "b0 c0", here: ["a0"], code: "cleanup-failed", names: ["c0", "b0"] },
])(
  "moveBack() moves all others back when $gone cannot go, and tells of each",
  ({ gone, here, code, names }) => {
    const setup = ["a", "b", "c"].map((name) => `ip link add ${name}0 type veth peer name ${name}1`);
    const { stdout, stderr } = Bun.spawnSync(
      [
        "unshare",
        "--net",
        "sh",
        "-ec",
        `${setup.join("; ")}; exec "$@"`,
        "sh",
        process.execPath,
        "-e",
        program,
      ],
      { env: { ...process.env, GONE: gone } },
    );
    expect(stderr.toString()).toBe("");
    const told = JSON.parse(stdout.toString());
    expect(told).toMatchObject({ before: ["a0", "b0", "c0"], here, there: [], code });
    for (const name of names) expect(told.message).toContain(`for interface ${name} `);
  },
);
