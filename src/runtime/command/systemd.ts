/**
 * What systemd gives to the service that it starts by our environment, passed on to the container: open sockets
 * (LISTEN_FDS) and the socket on which it waits for READY=1 (NOTIFY_SOCKET).
 * Source: sd_listen_fds(3), sd_notify(3); runc does the same.
 */
import type { RuntimeConfig } from "../../spec/index.ts";
import type { CreateOptions } from "../machine/create.ts";
import type { NotifySocket } from "../machine/notify.ts";
import { stateDirectory } from "../state.ts";

type FromSystemd = Partial<Pick<CreateOptions, "preserveFds" | "amend">>;

/** Nothing where systemd gave nothing. The sockets come before the descriptors of `--preserve-fds`. */
export async function fromSystemd(preserveFds: number): Promise<FromSystemd> {
  const sockets = listenFds();
  const { NOTIFY_SOCKET: notify } = process.env;
  if (sockets === 0 && !notify) return {};
  const addNotify = notify ? (await import("../machine/notify.ts")).addNotifySocket : undefined;
  return {
    preserveFds: preserveFds + sockets,
    amend: (config, directory) => {
      const amended =
        sockets === 0 ? config : withEnvironment(config, [`LISTEN_FDS=${sockets}`, "LISTEN_PID=1"]);
      return addNotify?.(amended, directory) ?? amended;
    },
  };
}

/** How many descriptors from 3 on are sockets for us: LISTEN_PID says for whom they are. */
function listenFds(): number {
  const { LISTEN_FDS: count, LISTEN_PID: pid } = process.env;
  return pid === String(process.pid) && /^\d{1,4}$/.test(count ?? "") ? Number(count) : 0;
}

function withEnvironment(config: RuntimeConfig, more: readonly string[]): RuntimeConfig {
  const { process } = config;
  return process === undefined
    ? config
    : { ...config, process: { ...process, env: [...(process.env ?? []), ...more] } };
}

/** The container's side of NOTIFY_SOCKET, when there is one. */
export async function notifySocket(root: string, containerID: string): Promise<NotifySocket | undefined> {
  const { NOTIFY_SOCKET: host } = process.env;
  if (!host) return undefined;
  const { NotifySocket: Socket } = await import("../machine/notify.ts");
  return Socket.bind(stateDirectory(root, containerID), host);
}
