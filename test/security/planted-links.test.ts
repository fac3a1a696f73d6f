/**
 * CVE-2019-18837, 2025-24965, 2025-54867, 2026-41579, 2026-47766, 2026-88264, 2026-88265: the root file system has links
 * where a runtime mounts, makes devices, makes or removes ptmx, makes the console, or changes an owner; what it does it
 * does to the host's files.
 * Guard: names below the root are looked up by openat2 in that root, and /dev is a descriptor; nothing else is opened.
 */
import { describe, expect } from "bun:test";
import { join } from "node:path";
import { type Change, changes, withProcess, withUserNamespace } from "../integration/support/bundle.ts";
import { Container, RUNC, type Runtime, TESTED } from "../integration/support/runtime.ts";
import { Canary } from "../kits/canary.ts";
import { PLANTED, plantLink } from "../kits/planted-links.ts";
import { needs, program, root } from "../support/needs.ts";
import { allCapabilities } from "./support/attacker.ts";
import { runInTerminal } from "./support/terminal.ts";

const test = needs(root, program("busybox"), program("runc"));

/** /dev is a directory of the image: what it holds is used. */
const withoutDev: Change = (config) => ({
  ...config,
  mounts: (config.mounts ?? []).filter(({ destination }) => destination !== "/dev"),
});

/** What the host's side of a link is: a file for the name of one, so that it would be used. */
function targetOf(name: string, canary: Canary): string {
  const leaf = name.slice(name.lastIndexOf("/") + 1);
  return ["null", "console", "ptmx", "pts"].includes(leaf) ? join(canary.path, leaf) : canary.path;
}

interface Attack {
  readonly name: string;
  readonly climbs: boolean;
  readonly change: Change;
}

/** What changed on the host, and whether the container saw the secret. */
async function attack(runtime: Runtime, { name, climbs, change }: Attack): Promise<string[]> {
  using canary = new Canary();
  await using container = new Container(runtime);
  const target = targetOf(name, canary);
  plantLink(container.bundle.rootfs, name, climbs ? `${"../".repeat(20)}${target}` : target);
  const script =
    "timeout 0.1 cat /dev/console; cat /dev/null /etc/secret /sys/secret /proc/secret /dev/secret </dev/null; echo x >/dev/null";
  container.configure(script, changes(withProcess({ terminal: true, ...allCapabilities }), change));
  const { output } = await runInTerminal(container);
  return [...canary.differences(), ...(output.includes(canary.secret) ? ["the secret was read"] : [])];
}

const variants: { says: string; change: Change }[] = [
  { says: "a /dev of its own", change: (config) => config },
  { says: "the image's /dev", change: withoutDev },
  { says: "the image's /dev in a user namespace", change: changes(withoutDev, withUserNamespace(100_000)) },
];

describe("2019-18837 and its heirs: links in the root file system lead nowhere", () => {
  test.each(variants)("from $says", async ({ change }) => {
    for (const name of PLANTED)
      for (const climbs of [false, true])
        expect({ name, climbs, did: await attack(TESTED, { name, climbs, change }) }).toEqual({
          name,
          climbs,
          did: [],
        });
  });

  test("2026-41579: and bites: runc 1.1 removes the host's ptmx through /dev", async () => {
    const did = await attack(RUNC, { name: "dev", climbs: true, change: withoutDev });
    expect(did.join("\n")).toContain("ptmx");
  });
});
