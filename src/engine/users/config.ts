/**
 * What of config.json is other where a container's users are not the host's: who they are, and what of the host's namespaces it can only
 * be shown. Source: runtime-spec config-linux.md, User namespace mappings; user_namespaces(7); podman's libpod.
 */
import { existsSync } from "node:fs";
import type { RuntimeConfig } from "../../spec/index.ts";
import { nodeOf } from "../home/conditions.ts";
import { boundDevices, mountInUserNamespace } from "../home/config.ts";
import type { ContainerUsers } from "../store/containers.ts";
import { checkMapped, isMapped } from "./process.ts";

/** Of terminals. */
const TERMINAL_GROUP = 5;

/** @param joined  The user namespace of another container, whose users they are. @throws {InvalidOption} it runs as nobody of them */
export function withUsers(
  config: RuntimeConfig,
  users: ContainerUsers,
  joined: string | undefined,
): RuntimeConfig {
  checkMapped(users, config.process?.user ?? { uid: 0, gid: 0 });
  const { linux = {}, mounts = [] } = config;
  const isHosts = (wanted: string) => !linux.namespaces?.some(({ type }) => type === wanted);
  const shared = { network: isHosts("network"), pid: isHosts("pid"), ipc: isHosts("ipc") };
  const hasTerminalGroup = isMapped(users.gids, TERMINAL_GROUP);
  const nodes = boundDevices(linux.devices ?? [], { nodeOf });
  return {
    ...config,
    mounts: [
      ...mounts
        .filter(({ type }) => type !== "mqueue" || !shared.ipc || existsSync("/dev/mqueue"))
        .map((mount) => mountInUserNamespace(mount, { shared, hasTerminalGroup })),
      ...nodes.mounts,
    ],
    linux: {
      ...linux,
      ...(linux.devices && { devices: nodes.devices }),
      namespaces: [
        ...(linux.namespaces ?? []),
        { type: "user", ...(joined !== undefined && { path: joined }) },
      ],
      ...(joined === undefined && { uidMappings: users.uids, gidMappings: users.gids }),
    },
  };
}
