/** `ps`: the container's processes, as the host's ps shows them. */
import { TeuError } from "../../base/index.ts";
import { cgroupPids } from "../cgroup/processes.ts";
import { loadState } from "../state.ts";
import { containerArgument, runtimeCommand } from "./context.ts";
import { InvalidFormat } from "./list.ts";
import { print } from "./print.ts";

/** The host's ps failed, or printed no PID column. */
export class PsFailed extends TeuError<"ps-failed", { why: string }> {
  constructor(context: { why: string }) {
    super("ps-failed", "failed-precondition", context, context.why);
  }
}

export const ps = runtimeCommand({
  name: "ps",
  summary: "display the processes running inside a container",
  flags: {
    format: {
      kind: "string",
      short: "f",
      value: "FORMAT",
      default: "table",
      summary: "select one of: table or json",
    },
  },
  arguments: [containerArgument, { name: "ps options", isOptional: true, isRepeated: true }],
  stopsAtArgument: true,
  examples: [{ command: "runc ps ubuntu01 -o pid,args", says: "Show chosen columns" }],
  run({ flags: { format }, arguments: [id = "", ...options] }, { root }) {
    const pids = cgroupPids(loadState(root, id).cgroupPaths);
    if (format === "json") print(`${JSON.stringify(pids)}\n`);
    else if (format === "table") print(filterTable(askPs(options), new Set(pids)));
    else throw new InvalidFormat({ format });
    return 0;
  },
});

function askPs(options: readonly string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["ps", ...(options.length > 0 ? options : ["-ef"])], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  if (exitCode !== 0) throw new PsFailed({ why: `exit status ${exitCode}: ${stderr.toString().trim()}` });
  return stdout.toString();
}

/** The heading and the lines whose PID is one of `pids`. @throws {PsFailed} */
export function filterTable(table: string, pids: ReadonlySet<number>): string {
  const [heading = "", ...lines] = table.trimEnd().split("\n");
  const column = heading.trim().split(/\s+/).indexOf("PID");
  if (column < 0) throw new PsFailed({ why: "couldn't find PID field in ps output" });
  const shown = lines.filter((line) => pids.has(Number(line.trim().split(/\s+/)[column])));
  return [heading, ...shown].map((line) => `${line}\n`).join("");
}
