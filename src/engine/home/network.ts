/** The network of a home: one network namespace for all bridges of the user, with one way out. See network/place.ts. */
import { closeSync, existsSync, openSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { commandIn, routeSocketIn, setUpNetwork } from "../../runtime/index.ts";
import { addAddress, addDefaultRoute, findLink, NetlinkSocket } from "../../sys/index.ts";
import { addressBytes6 } from "../network/address6.ts";
import { ipv6 } from "../network/devices.ts";
import type { ForwardedPort, HomeNetwork } from "../network/place.ts";
import { runIn } from "../network/run-in.ts";
import type { EnginePaths } from "../paths.ts";
import { selfCommand } from "../self.ts";
import { findHome } from "./home.ts";
import { findUplink, forwardPorts, startUplink, stopUplink, UPLINK_DEVICE } from "./uplink.ts";

const HAS_IPV6 = existsSync("/proc/sys/net/ipv6");
/** What root's networks set for each bridge, once for all: only who is in the namespace can write them. */
const PARAMETERS = {
  "net/ipv4/ip_forward": "1",
  "net/ipv4/conf/default/route_localnet": "1",
  ...(HAS_IPV6 && {
    "net/ipv6/conf/default/accept_ra": "0",
    // Pasta takes whoever speaks last for who is asked, and that is nobody while an address is tried.
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/disable_ipv6": "0",
    "net/ipv6/conf/all/forwarding": "1",
  }),
};

/** The network of the home that this process is in; undefined where it is in a user namespace of somebody else's. */
export function homeNetwork({ run }: EnginePaths): HomeNetwork | undefined {
  const home = findHome(run);
  if (home === undefined) return undefined;
  const path = `/proc/${home.keeper.pid}/ns/net`;
  const start = () => {
    const uplink = startUplink(run, path);
    // It waits for routers to be asked, whom nobody believes in there.
    if (uplink.kind === "slirp4netns" && HAS_IPV6) addSlirpAddress(path);
    return uplink;
  };
  return {
    lock: join(run, "network.lock"),
    socket: () => new NetlinkSocket(routeSocketIn(path)),
    socketIn: (other, parameters) => new NetlinkSocket(routeSocketIn(other, parameters)),
    run: (program, words, input) => runIn(path, program, words, input),
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
      const { owner } = found ?? start();
      return `${readlinkSync(path)} ${owner.pid} ${owner.startTime}`;
    },
    forward(ports: readonly ForwardedPort[]) {
      const uplink = findUplink(run) ?? start();
      forwardPorts(run, path, uplink, ports);
    },
    release: () => stopUplink(run),
  };
}

/** What slirp4netns expects behind its device: fd00::100, and fd00::2 leads on. */
function addSlirpAddress(path: string): void {
  using socket = new NetlinkSocket(routeSocketIn(path));
  const link = findLink(socket, UPLINK_DEVICE);
  if (link === undefined) throw new RangeError(`slirp4netns made ${UPLINK_DEVICE}, and it is not there`);
  addAddress(socket, link, ipv6((0xfd00n << 112n) + 0x100n, 64));
  addDefaultRoute(socket, link, addressBytes6((0xfd00n << 112n) + 2n));
}
