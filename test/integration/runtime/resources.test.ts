/** Limits as the kernel then has them, for both versions of cgroups: `linux.resources` of config.json. */
import { describe, expect } from "bun:test";
import { cgroupV2, needs, program, root } from "../../support/needs.ts";
import { changes, withNewNamespace, withResources } from "../support/bundle.ts";
import { Container, TESTED } from "../support/runtime.ts";

const testV2 = needs(root, program("busybox"), cgroupV2);

describe(`resources of a container of ${TESTED.name}`, () => {
  testV2("shares become a weight by the curve through 1, 100 and 10000", async () => {
    await using container = new Container();
    const change = changes(withNewNamespace("cgroup"), withResources({ cpu: { shares: 512 } }));
    const { stdout } = await container.configure("cat /sys/fs/cgroup/cpu.weight", change).run();
    expect(stdout).toBe("59\n");
  });

  testV2("without a cgroup namespace the container sees its own cgroup, not the host's tree", async () => {
    await using container = new Container();
    container.configure(
      "cd /sys/fs/cgroup; cat cgroup.procs; ls -d */ 2>/dev/null; touch x 2>/dev/null || echo ro",
    );
    const { stdout } = await container.run();
    expect(stdout).toMatch(/^1\n(\d+\n)?ro\n$/);
  });
});
