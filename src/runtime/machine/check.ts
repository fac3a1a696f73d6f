/** What create would refuse of a bundle, all of it at once: for people, before they run it. Nothing is made. */
import { TeuError, Unsupported } from "../../base/index.ts";
import { encodePath, InvalidDocument, parseRuntimeConfig, type RuntimeConfig } from "../../spec/index.ts";
import { existsSync, realpathSync, statSync } from "../../sys/index.ts";
import { unsupportedFields } from "../unsupported.ts";
import { type ConfigIssue, InvalidConfig, validateConfig } from "../validate.ts";
import { validateRootless } from "../validate-rootless.ts";
import { planContainer, readConfig } from "./create.ts";
import { refuseForKernel } from "./kernel.ts";
import { isRootless } from "./rights.ts";

/** @param wordsOf  What an error without a list of issues says. */
export function checkBundle(bundle: string, wordsOf: (error: unknown) => string): ConfigIssue[] {
  const read: { config?: RuntimeConfig } = {};
  const unread = issuesOf(() => {
    read.config = parseRuntimeConfig(readConfig(realpathSync(bundle)));
  }, wordsOf);
  const { config } = read;
  if (config === undefined) return unread;
  const issues = [
    ...issuesOf(() => validateConfig(config), wordsOf),
    ...(isRootless()
      ? issuesOf(() => validateRootless(config, { gid: process.getegid?.() ?? 0 }), wordsOf)
      : []),
    ...issuesOf(() => refuseForKernel(config.process ?? {}, config.linux), wordsOf),
    ...unsupportedFields(config).map(({ what, why }) => ({ field: what, says: why })),
    ...rootIssues(bundle, config),
  ];
  // Compiling takes a document without issues, and finds what it cannot say in this machine's calls.
  return issues.length > 0
    ? issues
    : issuesOf(() => planContainer({ root: "/", containerID: "check", bundle }), wordsOf);
}

/** The root file system is a directory. */
function rootIssues(bundle: string, { root }: RuntimeConfig): ConfigIssue[] {
  if (root === undefined || root.path === "") return []; // told by validateConfig
  const path = root.path.startsWith("/") ? root.path : `${realpathSync(bundle)}/${root.path}`;
  if (existsSync(path) && statSync(path).isDirectory) return [];
  return [{ field: "root.path", says: `there is no directory ${path}` }];
}

/** What `step` throws, as issues. */
function issuesOf(step: () => void, wordsOf: (error: unknown) => string): ConfigIssue[] {
  try {
    step();
    return [];
  } catch (error) {
    if (error instanceof InvalidConfig) return [...error.context.issues];
    if (error instanceof InvalidDocument)
      return error.context.issues.map(({ path, found, wants }) => ({
        field: path.length === 0 ? "config.json" : encodePath(path),
        says: `found ${found}, wants ${wants}`,
      }));
    if (error instanceof Unsupported) return [{ field: error.context.what, says: error.context.why }];
    return [{ field: fieldOf(error), says: wordsOf(error) }];
  }
}

/** The field that an error names, if it names one. */
function fieldOf(error: unknown): string {
  const { field } = error instanceof TeuError ? (error.context as { field?: unknown }) : {};
  return typeof field === "string" ? field : "config.json";
}
