/** What every command of the runtime gets beside its own flags, and how one is declared. */
import {
  type Callable,
  type Command,
  defineCommand,
  type Flags,
  type HelpPrinter,
} from "../../base/index.ts";
import type { Log } from "./log.ts";

export { runtimeSpecVersion as SPEC_VERSION } from "../../spec/index.ts";

export type CgroupManager = "cgroupfs" | "systemd" | "disabled";

export interface RuntimeContext extends HelpPrinter {
  /** How we are called: `runc`, `teu-runtime` or `teu runtime`. */
  readonly program: string;
  /** The directory of all containers' states. */
  readonly root: string;
  /** `--root` was given: then it has to exist. */
  readonly isRootGiven: boolean;
  /** `--rootless`; undefined: auto. */
  readonly rootless: boolean | undefined;
  readonly log: Log;
  /** Who makes the cgroups of new containers. */
  readonly cgroupManager: CgroupManager;
}

/** Declares a command by its own name alone; the program's goes in front when it is called. */
export function runtimeCommand<const F extends Flags>(
  command: Command<F, RuntimeContext>,
): Callable<RuntimeContext> {
  return {
    shape: command,
    call: (argv, context) =>
      defineCommand({
        ...command,
        name: `${context.program} ${command.name}`,
        takesSingleDash: true,
        run: (parsed, given: RuntimeContext) => command.run(parsed, given),
      }).call(argv, context),
  };
}

/** Of those that read a bundle, or write one. */
export const BUNDLE_FLAG = {
  kind: "string",
  short: "b",
  value: "DIR",
  default: ".",
  summary: "path to the root of the bundle directory",
} as const;

/** The one argument that most commands have. */
export const containerArgument = { name: "container-id" } as const;
