/** Our own runtime: one more process in a container. */
import type { HostPath } from "../../base/index.ts";
import { execProcess } from "../../runtime/index.ts";
import { duplicate } from "../../sys/index.ts";
import type { Created, ExecProcessRequest } from "./driver.ts";
import { inOurWords } from "./own-errors.ts";

export async function exec(
  state: HostPath,
  { id, process, stdio, onTerminal, isDetached = false, parent }: ExecProcessRequest,
): Promise<Created> {
  const pid = await inOurWords(() =>
    execProcess(state, id, process, {
      stdio,
      dieWithParent: !isDetached,
      ...(parent && { parent }),
      onConsole: (master) => onTerminal(duplicate(master)),
    }),
  );
  return { pid };
}
