/** The entry of a container's start. */
import { digestOf } from "../../spec/index.ts";
import type { Bundle } from "../bundle/bundle.ts";
import type { ContainerRecord } from "../store/containers.ts";
import type { Store } from "../store/store.ts";
import { appendAudit } from "./append.ts";

/** Before its program runs: what cannot be told of is not done. @param planDigest  Absent: another runtime's. */
export function noteStart(
  store: Store,
  { id, name, image, imageTarget, settings }: ContainerRecord,
  { config, text }: Bundle,
  planDigest: string | undefined,
): void {
  const { uid = 0, gid = 0 } = config.process?.user ?? {};
  appendAudit(store.paths.root, {
    ...{ action: "start", container: id, name, image, imageDigest: imageTarget.digest },
    ...{ args: settings.command, user: `${uid}:${gid}`, configDigest: digestOf(text) },
    ...(planDigest !== undefined && { planDigest }),
  });
}
