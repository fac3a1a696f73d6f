/** `teu rm` is killed at every one of its removals of a file, and the next command finishes it: no container without files is left to be seen. */
import { expect } from "bun:test";
import { busyboxLayer, pushLayers } from "../integration/support/make-image.ts";
import { Store, startRegistry } from "../integration/support/registry.ts";
import { run, TEU } from "../integration/teu.ts";
import { needs, program, root } from "../support/needs.ts";

/** More than a removal of this container takes. */
const MOST_CALLS = 100;
const KILLED_BY_SIGKILL = 137;

needs(root, program("busybox"), program("strace"))(
  "a removal that is cut off is finished by the next command, and keeps the volumes that it was to keep",
  async () => {
    await using registry = await startRegistry();
    const image = `${registry.address}/test/box`;
    await pushLayers(image, [busyboxLayer()]);
    await using store = new Store();
    const volumes = async () => (await store.done("volume", "ls", "-q")).split("\n").filter(Boolean);
    let cuts = 0;
    for (let nth = 1; ; nth++) {
      const takesVolumes = nth % 2 === 0;
      const script = "mkdir -p /d/e; touch /d/e/f; echo up";
      await store.done("run", "--name", "one", "--network", "none", "-v", "/v", image, "sh", "-c", script);
      const cut = ["strace", "-f", "-qq", "-e", "trace=unlinkat,unlink,rmdir"];
      const inject = ["-e", `inject=unlinkat,unlink,rmdir:signal=KILL:when=${nth}`];
      const words = ["rm", ...(takesVolumes ? ["-v"] : []), "one"];
      const { status } = await run([...cut, ...inject, "-o", "/dev/null", TEU, ...words], {
        env: { ...store.env },
      });
      // Cut off before it began, it has done nothing; and afterwards the container is none any more.
      const left = (await store.done("ps", "-aq")).trim();
      expect(await store.done("system", "check")).toBe("Everything is right\n");
      if (left !== "") expect(await store.done("start", "-a", "one")).toBe("up\n");
      if (left !== "") await store.done("rm", ...(takesVolumes ? ["-v"] : []), "one");
      expect((await volumes()).length, `${nth}`).toBe(takesVolumes ? 0 : 1);
      await store.done("volume", "prune", "--all", "-f");
      if (status === 0) break;
      expect(status).toBe(KILLED_BY_SIGKILL);
      if (left === "") cuts++;
      expect(nth).toBeLessThan(MOST_CALLS);
    }
    expect(cuts).toBeGreaterThan(3);
  },
  120_000,
);
