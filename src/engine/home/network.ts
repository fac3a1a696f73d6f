/** The network of a home: one network namespace for all bridges of the user, with one way out. See network/place.ts. */
import { closeSync, existsSync, openSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { commandIn, routeSocketIn, setUpNetwork } from "../../runtime/index.ts";
import { NetlinkSocket } from "../../sys/index.ts";
import type { ForwardedPort, HomeNetwork } from "../network/place.ts";
import type { EnginePaths } from "../paths.ts";
import { selfCommand } from "../self.ts";
import { findHome } from "./home.ts";
import { findUplink, forwardPorts, startUplink, stopUplink } from "./uplink.ts";

const PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
/** What root's networks set for each bridge, once for all: only who is in the namespace can write them. */
const PARAMETERS = {
  "net/ipv4/ip_forward": "1",
  "net/ipv4/conf/default/route_localnet": "1",
  ...(existsSync("/proc/sys/net/ipv6") && { "net/ipv6/conf/default/accept_ra": "0" }),
};

/** The network of the home that this process is in; undefined where it is in a user namespace of somebody else's. */
export function homeNetwork({ run }: EnginePaths): HomeNetwork | undefined {
  const home = findHome(run);
  if (home === undefined) return undefined;
  const path = `/proc/${home.keeper.pid}/ns/net`;
  return {
    lock: join(run, "network.lock"),
    socket: () => new NetlinkSocket(routeSocketIn(path)),
    socketIn: (other, parameters) => new NetlinkSocket(routeSocketIn(other, parameters)),
    run(program, words, input) {
      using command = commandIn(path, { path: program, argv: [program, ...words], env: [`PATH=${PATH}`] });
      const { success, stderr } = Bun.spawnSync([...command.command], {
        stdio: [new TextEncoder().encode(input), "ignore", "pipe", ...command.descriptors],
        env: {},
      });
      return { success, stderr: stderr?.toString() ?? "" };
    },
    startSelf(words, env) {
      const [program = "", ...before] = selfCommand();
      using command = commandIn(path, {
        path: program,
        argv: [program, ...before, ...words],
        env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      });
      const nothing = openSync("/dev/null", "r+");
      try {
        Bun.spawn([...command.command], {
          cwd: "/",
          env: {},
          stdio: [nothing, nothing, nothing, ...command.descriptors],
          detached: true,
        }).unref();
      } finally {
        closeSync(nothing);
      }
    },
    ensureUplink() {
      const found = findUplink(run);
      if (found === undefined) setUpNetwork(path, PARAMETERS);
      const { owner } = found ?? startUplink(run, path);
      return `${readlinkSync(path)} ${owner.pid} ${owner.startTime}`;
    },
    forward(ports: readonly ForwardedPort[]) {
      const uplink = findUplink(run) ?? startUplink(run, path);
      forwardPorts(run, uplink, ports);
    },
    release: () => stopUplink(run),
  };
}
