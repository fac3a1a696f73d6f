/**
 * Writes `src/engine/generated/default-filter.ts`: the default seccomp profile as the kernel takes it, for a container with the default
 * capabilities. Most containers have it, and to compile it anew for each takes two milliseconds. A test compares it.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CAPABILITIES } from "../src/engine/bundle/defaults.ts";
import { defaultSeccomp } from "../src/engine/default-seccomp.ts";
import { compileSeccomp } from "../src/runtime/seccomp/compile.ts";
import type { Architecture } from "../src/sys/index.ts";

const OUT = join(import.meta.dir, "../src/engine/generated/default-filter.ts");
const LINE_CHARACTERS = 100;

function program(architecture: Architecture): string {
  const profile = defaultSeccomp({ capabilities: CAPABILITIES, architecture });
  const { program } = compileSeccomp(profile, { architecture, supportedFlags: 0 });
  const lines = program.toBase64().match(new RegExp(`.{1,${LINE_CHARACTERS}}`, "g")) ?? [];
  return lines.join("\\\n");
}

writeFileSync(
  OUT,
  `// Generated from src/engine/default-seccomp.ts by \`bun scripts/generate-filter.ts\`; do not edit.
import type { Architecture } from "../../sys/index.ts";

/** The default profile's program, \`struct sock_filter[]\`, for a container with the default capabilities, in base64. */
export const DEFAULT_FILTER: Readonly<Record<Architecture, string>> = {
  x64: \`${program("x64")}\`,
  arm64: \`${program("arm64")}\`,
};
`,
);
