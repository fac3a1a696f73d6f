/** Flags about registries, in skopeo's words: of the one that a command speaks to, and of a copy's two sides. */
import type { Flag, ParsedArguments } from "../base/index.ts";
import type { RegistryAccess } from "../engine/index.ts";
import { INSECURE_FLAG } from "./image-flags.ts";

const creds = (side: string): Flag & { kind: "string" } => ({
  kind: "string",
  value: "NAME:PASSWORD",
  summary: `Who we are to the registry${side}; others on this machine see it: rather teu login`,
});
const noCreds = (side: string): Flag & { kind: "boolean" } => ({
  kind: "boolean",
  summary: `Be nobody to the registry${side}`,
});
const token = (side: string): Flag & { kind: "string" } => ({
  kind: "string",
  value: "TOKEN",
  summary: `Bearer token for the registry${side}`,
});
const tlsVerify = (side: string): Flag & { kind: "boolean" } => ({
  kind: "boolean",
  summary: `=false: take any certificate of the registry${side}, and plain http`,
});
const certFolder = (side: string): Flag & { kind: "string" } => ({
  kind: "string",
  value: "DIR",
  summary: `Certificates of the registry${side} (*.crt), and ours for it (*.cert, *.key)`,
});
export const authFile = (what: string): Flag & { kind: "string" } => ({
  kind: "string",
  value: "FILE",
  summary: `File of credentials${what} (default those of docker and podman)`,
});

const RETRY_FLAG = {
  kind: "integer",
  value: "N",
  aliases: ["retry-times"],
  summary: "Attempts after the first that fails (default 4)",
} as const;

/** One registry. */
export const REGISTRY_FLAGS = {
  creds: creds(""),
  "no-creds": noCreds(""),
  "registry-token": token(""),
  authfile: authFile(""),
  "cert-dir": certFolder(""),
  "tls-verify": tlsVerify(""),
  insecure: INSECURE_FLAG,
  retry: RETRY_FLAG,
} as const;

/** What was said of it. */
export function registryAccess({
  flags,
  given,
}: Pick<ParsedArguments<typeof REGISTRY_FLAGS>, "flags" | "given">): RegistryAccess {
  return {
    isInsecure: flags.insecure,
    isTLSVerified: given.has("tls-verify") ? flags["tls-verify"] : undefined,
    credentials: flags.creds,
    hasNoCredentials: flags["no-creds"],
    token: flags["registry-token"],
    authFile: flags.authfile,
    certificates: flags["cert-dir"],
    retries: flags.retry,
  };
}

/** Both sides. */
export const SIDE_FLAGS = {
  authfile: authFile(""),
  "src-authfile": authFile(" for the source"),
  "dest-authfile": authFile(" for the destination"),
  "src-creds": creds(" of the source"),
  "dest-creds": creds(" of the destination"),
  "src-no-creds": noCreds(" of the source"),
  "dest-no-creds": noCreds(" of the destination"),
  "src-registry-token": token(" of the source"),
  "dest-registry-token": token(" of the destination"),
  "src-cert-dir": certFolder(" of the source"),
  "dest-cert-dir": certFolder(" of the destination"),
  "src-tls-verify": tlsVerify(" of the source"),
  "dest-tls-verify": tlsVerify(" of the destination"),
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
    certificates: flags[`${side}-cert-dir`],
    authFile: flags[`${side}-authfile`] ?? flags.authfile,
    retries: flags.retry,
  };
}
