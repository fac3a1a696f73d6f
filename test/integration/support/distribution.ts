/** Debian's docker-registry (distribution 2.8), a registry that is not ours and keeps no lists of referrers. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** It runs until it is disposed of; its folder goes with it. */
export interface DistributionProcess extends AsyncDisposable {
  /** Host and port, as a reference begins. */
  readonly address: string;
}

/** Starts one on a free port. */
export async function startDistribution(): Promise<DistributionProcess> {
  const folder = mkdtempSync(join(tmpdir(), "teu-distribution-"));
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const address = `127.0.0.1:${probe.port}`;
  probe.stop(true);
  const config = join(folder, "config.yml");
  const storage = { filesystem: { rootdirectory: join(folder, "root") }, delete: { enabled: true } };
  writeFileSync(config, JSON.stringify({ version: 0.1, storage, http: { addr: address, secret: "x" } }));
  const child = Bun.spawn(["docker-registry", "serve", config], {
    cwd: "/",
    env: {},
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  while (!(await fetch(`http://${address}/v2/`).catch(() => undefined))) await Bun.sleep(10);
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
