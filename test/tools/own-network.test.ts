// What a failed test had not disposed of stayed, with the output of the tests open: who read that output waited for hours.
import { expect } from "bun:test";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";

const MODULE = join(import.meta.dir, "../integration/support/own-network.ts");

needs(root, ...["unshare", "nsenter", "ip"].map((name) => program(name)))(
  "OwnNetwork goes with the process that made it, however that ends",
  async () => {
    const script = `const { OwnNetwork } = await import(${JSON.stringify(MODULE)});
      console.log(new OwnNetwork().host.at(-1)); process.kill(process.pid, "SIGKILL")`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    // It ends with the last who has it open.
    const said = await child.stdout.text();
    const holder = /\/proc\/\d+/.exec(said)?.[0] ?? "none";
    expect(await child.exited).toBe(137);
    for (const end = Date.now() + 5000; (await Bun.file(`${holder}/comm`).exists()) && Date.now() < end; )
      await Bun.sleep(5);
    expect(await Bun.file(`${holder}/comm`).exists()).toBe(false);
  },
);
