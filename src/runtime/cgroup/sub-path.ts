/** Where `exec --cgroup` puts a process: in a cgroup below the container's own. Source: runc exec, --cgroup. */
import { TeuError } from "../../base/index.ts";
import { type CgroupPaths, cleanPath } from "./path.ts";

/** `--cgroup` cannot be what it should be. The words are runc's. */
export class InvalidSubCgroup extends TeuError<"invalid-sub-cgroup", { argument: string }> {
  constructor(context: { argument: string }, words: string) {
    super("invalid-sub-cgroup", "invalid", context, words);
  }
}

/**
 * The container's directories, each with the sub-path that was given for its controller.
 * @param given  `path`, for all; or `controller[,controller]:path` for some, once each.
 * @throws {InvalidSubCgroup}
 */
export function subCgroupPaths(paths: CgroupPaths, given: readonly string[]): CgroupPaths {
  const changed: Record<string, string> = { ...paths };
  const seen = new Set<string>();
  for (const argument of given) {
    const colon = argument.indexOf(":");
    const refuse = (words: string): never => {
      throw new InvalidSubCgroup({ argument }, words);
    };
    if (colon < 0 && given.length > 1) refuse("invalid --cgroup argument: missing <controller>: prefix");
    const path = argument.slice(colon + 1);
    const controllers = colon < 0 ? Object.keys(paths) : argument.slice(0, colon).split(",");
    for (const controller of controllers) {
      if (colon >= 0 && controller === "")
        refuse(`invalid --cgroup argument: ${argument} (empty <controller> prefix)`);
      if (seen.has(controller))
        refuse(`invalid --cgroup argument(s): controller ${controller} specified multiple times`);
      seen.add(controller);
      const own = paths[controller];
      if (own === undefined) return refuse(`unknown controller ${controller} in SubCgroupPaths`);
      const whole = cleanPath(`${own}/${path}`);
      if (whole !== own && !whole.startsWith(`${own}/`)) refuse(`bad sub cgroup path: ${path}`);
      // Controllers of one hierarchy have one membership.
      for (const [other, directory] of Object.entries(paths)) if (directory === own) changed[other] = whole;
    }
  }
  return changed;
}
