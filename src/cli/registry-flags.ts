/** Flags about the registries of a copy's two sides, in skopeo's words. */
import type { Flag, ParsedArguments } from "../base/index.ts";
import type { RegistryAccess } from "../engine/index.ts";

const creds = (side: string): Flag & { kind: "string" } => ({
  kind: "string",
  value: "NAME:PASSWORD",
  summary: `Who we are to the ${side}'s registry; others on this machine see it: rather teu login`,
});
const noCreds = (side: string): Flag & { kind: "boolean" } => ({
  kind: "boolean",
  summary: `Be nobody to the ${side}'s registry`,
});
const token = (side: string): Flag & { kind: "string" } => ({
  kind: "string",
  value: "TOKEN",
  summary: `Bearer token for the ${side}'s registry`,
});
const tlsVerify = (side: string): Flag & { kind: "boolean" } => ({
  kind: "boolean",
  summary: `=false: take any certificate of the ${side}'s registry, and plain http`,
});
const authFile = (what: string): Flag & { kind: "string" } => ({
  kind: "string",
  value: "FILE",
  summary: `File of credentials${what} (default those of docker and podman)`,
});

export const RETRY_FLAG = {
  kind: "integer",
  value: "N",
  aliases: ["retry-times"],
  summary: "Attempts after the first that fails (default 4)",
} as const;

/** Both sides. */
export const SIDE_FLAGS = {
  authfile: authFile(""),
  "src-authfile": authFile(" for the source"),
  "dest-authfile": authFile(" for the destination"),
  "src-creds": creds("source"),
  "dest-creds": creds("destination"),
  "src-no-creds": noCreds("source"),
  "dest-no-creds": noCreds("destination"),
  "src-registry-token": token("source"),
  "dest-registry-token": token("destination"),
  "src-tls-verify": tlsVerify("source"),
  "dest-tls-verify": tlsVerify("destination"),
  retry: RETRY_FLAG,
} as const;

/** What was said of one side. */
export function accessOf(
  side: "src" | "dest",
  { flags, given }: Pick<ParsedArguments<typeof SIDE_FLAGS>, "flags" | "given">,
): RegistryAccess {
  const verify = `${side}-tls-verify` as const;
  return {
    isTLSVerified: given.has(verify) ? flags[verify] : undefined,
    credentials: flags[`${side}-creds`],
    hasNoCredentials: flags[`${side}-no-creds`],
    token: flags[`${side}-registry-token`],
    authFile: flags[`${side}-authfile`] ?? flags.authfile,
    retries: flags.retry,
  };
}
