/**
 * What the signature policy of this machine says of an image, before it is pulled or run. Without a policy everything is let in; one
 * that lets everything in anyhow costs the reading of a file.
 */
import type { RegistryClient } from "../../distribution/client/index.ts";
import type { Digest, Reference } from "../../spec/index.ts";
import { existsSync, readTextSync } from "../../sys/index.ts";
import type { SignatureVerdict } from "../audit/entry.ts";

/** Where podman and skopeo look too, their user's own file first. */
const SYSTEM_POLICY = "/etc/containers/policy.json";
const USER_POLICY = ".config/containers/policy.json";

/** Asks the policy. @param path  Of a policy; absent: this machine's @throws {PolicyRefused} */
export async function admitImage(
  path: string | undefined,
  reference: Reference,
  digests: readonly Digest[],
  openClient: () => RegistryClient | Promise<RegistryClient>,
  signal?: AbortSignal,
): Promise<SignatureVerdict> {
  const file = path ?? machinePolicy();
  if (file === undefined) return "no policy";
  if (acceptsAnything(file)) return "accepted";
  const { enforcePolicy, readPolicy } = await import("../../signature/index.ts");
  const { lookasideOf } = await import("./lookaside.ts");
  const isSigned = await enforcePolicy(
    { ...(await readPolicy(file)), lookaside: (of) => lookasideOf(of, process.env) },
    await openClient(),
    reference,
    digests,
    signal,
  );
  return isSigned ? "signed" : "accepted";
}

function machinePolicy(): string | undefined {
  const home = process.env["HOME"];
  const paths = home === undefined ? [SYSTEM_POLICY] : [`${home}/${USER_POLICY}`, SYSTEM_POLICY];
  return paths.find(existsSync);
}

/** Whether the policy says that and no more: then nothing need be loaded that could judge more. */
function acceptsAnything(file: string): boolean {
  try {
    // As distributions ship it: with a word about docker's daemon, which we are not.
    const { default: requirements, transports, ...more } = JSON.parse(readTextSync(file));
    const said = JSON.stringify([requirements, transports?.docker ?? null, more]);
    return said === '[[{"type":"insecureAcceptAnything"}],null,{}]';
  } catch {
    return false; // whoever reads it next says what is wrong with it
  }
}
