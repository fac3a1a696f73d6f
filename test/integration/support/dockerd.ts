/** A dockerd of a test's own, which leaves the machine's network as it is: no bridge, no rules. */
import { existsSync, writeFileSync } from "node:fs";
import { type CallerFolder, callBy } from "./caller.ts";

/** Debian's client: one that somebody put in /usr/local may be too new for Debian's server. */
export const DOCKER = ["/usr/bin/docker", "docker"].find((name) => existsSync(name)) ?? "docker";

/** Starts it, as long as `folder` is there. @param more  Further flags. @returns its client */
export async function serveDocker(
  folder: CallerFolder,
  ...more: readonly string[]
): Promise<ReturnType<typeof callBy>> {
  const socket = `unix://${folder.at("socket")}`;
  writeFileSync(folder.at("daemon.json"), "{}");
  const docker = callBy(DOCKER, "--host", socket);
  await folder.serve(
    [
      ...[
        "dockerd",
        "--host",
        socket,
        "--config-file",
        folder.at("daemon.json"),
        "--pidfile",
        folder.at("pid"),
      ],
      ...["--data-root", folder.at("data"), "--exec-root", folder.at("exec"), "--storage-driver", "vfs"],
      ...["--iptables=false", "--ip6tables=false", "--bridge=none", ...more],
    ],
    async () => (await docker("version")).status === 0,
  );
  return docker;
}
