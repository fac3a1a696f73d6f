/** `teu healthcheck run`: a check that somebody asks for counts as one of the container's own. Source: podman-healthcheck-run(1). */
import { TeuError } from "../../base/index.ts";
import { ContainerNotRunning, findContainer } from "../container/find.ts";
import type { Store } from "../store/store.ts";
import { actOn } from "./act.ts";
import { noteResult, runCheck } from "./check.ts";

/** It has no health check. Podman's words. */
export class NoHealthCheck extends TeuError<"no-health-check", { id: string }> {
  constructor(context: { id: string }) {
    super(
      "no-health-check",
      "failed-precondition",
      context,
      `container ${context.id} has no defined healthcheck`,
    );
  }
}

/** Checks the container that `text` names once, by hand, and does what is to follow. @returns whether it is well. @throws {NoHealthCheck} {ContainerNotRunning} */
export async function checkByHand(store: Store, text: string): Promise<boolean> {
  const container = findContainer(store, text);
  const { health } = container.settings;
  if (health === undefined) throw new NoHealthCheck({ id: container.id });
  if (container.phase !== "running") throw new ContainerNotRunning({ id: container.id });
  const result = await runCheck(store, container, health);
  if (noteResult(store, container, health, result)) await actOn(store, container, health);
  return result.exitStatus === 0;
}
