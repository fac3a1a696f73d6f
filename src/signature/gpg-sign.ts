/**
 * Signs with a key of gpg's, in the home of whoever runs us: what `skopeo copy --sign-by` and `podman push --sign-by` make.
 * Source: containers/image docs/containers-signature.5.md; GnuPG doc/DETAILS, Format of the --status-fd output.
 */
import type { Digest } from "../spec/index.ts";
import { SigningFailed } from "./errors.ts";
import { type GPGAnswer, runGPG } from "./gpg-program.ts";
import { encodePayload, GPG_TYPE } from "./simple-signing.ts";

/** Who signs. */
export interface GPGSigner {
  /** As gpg finds it: a fingerprint, an address. */
  readonly key: string;
  /** Absent: gpg's agent knows it, or asks for it. */
  readonly passphrase?: string | undefined;
  /** Of this process: gpg's home and its agent are found by it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** By which gpg finds its home, its agent, and where to ask for a passphrase. */
const TAKEN = [
  "HOME",
  "GNUPGHOME",
  "PATH",
  "GPG_TTY",
  "TERM",
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XAUTHORITY",
  "DBUS_SESSION_BUS_ADDRESS",
  "XDG_RUNTIME_DIR",
];
const CREATOR = "teu";

/** Refuses a key that cannot sign, before anything is pushed. @throws {SigningFailed} @throws {Unsupported} gpg is not here */
export async function requireSigner(signer: GPGSigner, signal?: AbortSignal): Promise<void> {
  const { code } = await run(signer, ["--list-secret-keys", "--", signer.key], undefined, signal);
  if (code !== 0) throw new SigningFailed({ key: signer.key, reason: NO_KEY });
}

/** Signs `digest` under the name `identity`. @returns a signed message, not armoured @throws {SigningFailed} */
export async function signByGPG(
  signer: GPGSigner,
  identity: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const optional = { creator: CREATOR, timestamp: Math.floor(Date.now() / 1000) };
  const payload = encodePayload(identity, digest, GPG_TYPE, optional);
  const words = ["--no-armor", "--local-user", signer.key, "--output", "-", "--sign"];
  const answer = await run(signer, words, payload, signal);
  if (answer.code === 0 && answer.status.some(([word]) => word === "SIG_CREATED")) return answer.output;
  throw failed(signer, answer);
}

async function run(
  { key, passphrase, environment }: GPGSigner,
  words: readonly string[],
  input: Uint8Array = new Uint8Array(),
  signal?: AbortSignal,
): Promise<GPGAnswer> {
  const taken = TAKEN.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const secret = passphrase === undefined ? undefined : new TextEncoder().encode(passphrase);
  const asks = secret === undefined ? [] : ["--pinentry-mode", "loopback", "--passphrase-fd", "4"];
  return await runGPG(
    {
      words: [...asks, ...words],
      input,
      environment: Object.fromEntries(taken),
      secret,
      purpose: `signing with the key ${JSON.stringify(key)}`,
    },
    signal,
  );
}

const NO_KEY = "gpg has no secret key that goes by that name";
/** By the numbers of libgpg-error. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [11, "the passphrase is wrong"],
  [86, "it wants a passphrase, and there is no pinentry to ask for it"],
  [99, "nobody gave its passphrase"],
]);
const NUMBER_BITS = 0xffff;

function failed({ key, passphrase }: GPGSigner, { code, status }: GPGAnswer): SigningFailed {
  if (status.some(([word]) => word === "INV_SGNR")) return new SigningFailed({ key, reason: NO_KEY });
  // FAILURE WHERE ERROR, of which the upper bits say who found it
  const [, , error = ""] = status.find(([word]) => word === "FAILURE") ?? [];
  const reason = REASONS.get(Number(error) & NUMBER_BITS) ?? `gpg ended with status ${code}`;
  return new SigningFailed(
    { key, reason },
    passphrase === undefined ? { hint: "Where nobody can be asked: --sign-passphrase-file FILE" } : {},
  );
}
