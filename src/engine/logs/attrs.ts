/** What docker's json-file has beside a line. Source: docker documentation, json-file logging driver, `labels`, `env`, `tag`. */
import { InvalidOption } from "../options/error.ts";
import type { LogChoice } from "../options/log.ts";
import type { ContainerRecord } from "../store/containers.ts";
import { extrasOf } from "./extras.ts";
import { tagOf } from "./sink.ts";

/** Of the monitor: it goes before every line. */
const MOST_MEMBER_BYTES = 8192;

/** `extras` with the container's tag, if --log-opt has one. */
export function withTag(
  log: LogChoice,
  container: ContainerRecord,
  extras: readonly [string, string][],
): readonly [name: string, value: string][] {
  return log.options["tag"] === undefined ? extras : [...extras, ["tag", tagOf(log, container)]];
}

/**
 * What json-file has in every line, as docker: `"attrs":{"app":"shop"},`; undefined without options that ask for it.
 * @throws {InvalidOption} They are more than a line of the log has room for.
 */
export function jsonMembers(
  log: LogChoice,
  container: ContainerRecord,
  environment: readonly string[],
): string | undefined {
  const extras = withTag(log, container, extrasOf(log, container.settings.labels ?? {}, environment));
  if (extras.length === 0) return undefined;
  const text = `"attrs":${JSON.stringify(Object.fromEntries(extras))},`;
  const bytes = Buffer.byteLength(text);
  if (bytes > MOST_MEMBER_BYTES)
    throw new InvalidOption(
      { option: "log-opt", value: extras.map(([name]) => name).join(",") },
      `Invalid --log-opt: the labels and variables that it names are ${bytes} bytes in each line, at most ${MOST_MEMBER_BYTES} have room`,
    );
  return text;
}
