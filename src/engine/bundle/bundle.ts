/** A bundle of the engine's, and the text of its config.json. Source: runtime-spec bundle.md. */
import type { HostPath } from "../../base/index.ts";
import type { RuntimeConfig } from "../../spec/index.ts";

/** A container that a runtime can create. */
export interface Bundle {
  readonly path: HostPath;
  readonly config: RuntimeConfig;
  /** That of its config.json, which says what `config` does. */
  readonly text: string;
  /** What the kernel takes for its seccomp profile, where that is known. */
  readonly program?: Uint8Array;
}

/** A limit may need more digits than a number has. */
export function encodeConfig(config: RuntimeConfig): string {
  const { rawJSON } = JSON as JSON & { rawJSON(text: string): unknown }; // younger than the compiler's library
  return JSON.stringify(config, (_, value) => (typeof value === "bigint" ? rawJSON(`${value}`) : value));
}
