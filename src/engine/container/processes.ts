/** `teu top`: the processes of a container, as the ps of this machine shows them. */
import { TeuError } from "../../base/index.ts";
import { notePassing } from "../store/passing-events.ts";
import type { Store } from "../store/store.ts";
import { driverOf } from "./driver-of.ts";
import { ContainerNotRunning, findContainer } from "./find.ts";

/** The machine's ps failed, or printed no PID column. Docker's words for the latter. */
export class PsFailed extends TeuError<"ps-failed", { why: string }> {
  constructor(context: { why: string }) {
    super("ps-failed", "failed-precondition", context, `Cannot list the processes: ${context.why}`);
  }
}

/** What `ps` with these words says of the container's processes, with its heading. @throws {ContainerNotRunning} {PsFailed} */
export async function listProcesses(store: Store, text: string, words: readonly string[]): Promise<string> {
  const container = findContainer(store, text);
  const { id, phase, settings } = container;
  if (phase !== "running") throw new ContainerNotRunning({ id });
  const pids = new Set(await (await driverOf(store, settings.runtime)).pidsOf(id));
  const asked = words.length === 0 ? ["-ef"] : words;
  const { stdout, stderr, exitCode } = Bun.spawnSync(["ps", ...asked], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  if (exitCode !== 0) throw new PsFailed({ why: `ps: ${stderr.toString().trim()}` });
  notePassing(store, container, { top: {} });
  const [heading = "", ...lines] = stdout.toString().trimEnd().split("\n");
  const column = heading.trim().split(/\s+/).indexOf("PID");
  if (column < 0) throw new PsFailed({ why: "Couldn't find PID field in ps output" });
  const shown = lines.filter((line) => pids.has(Number(line.trim().split(/\s+/)[column])));
  return [heading, ...shown].map((line) => `${line}\n`).join("");
}
