/** Tries what a name without a registry may mean, one after the other. */
import { hasCode, isTeuError, messageOf, TeuError } from "../../base/index.ts";

/** None of the registries in question has it. */
export class ShortNameFailed extends TeuError<
  "short-name-failed",
  { name: string; tried: readonly string[] }
> {
  constructor(name: string, failures: readonly { readonly candidate: string; readonly error: unknown }[]) {
    const last = failures.at(-1)?.error;
    super(
      "short-name-failed",
      isTeuError(last) ? last.kind : "unavailable",
      { name, tried: failures.map(({ candidate }) => candidate) },
      `Cannot find ${name} at any registry of registries.conf: ${failures
        .map(({ candidate, error }) => `${candidate}: ${messageOf(error)}`)
        .join("; ")}`,
      { cause: last },
    );
  }
}

/** What no other registry would change. */
const FINAL = ["storage-full", "signature-not-accepted", "policy-refused", "registry-blocked"];

/** What `text` may mean, in the order in which it is tried. @throws {ShortNameRefused} {InvalidReference} */
export async function fullNames(text: string): Promise<readonly string[]> {
  const { shortNameCandidates } = await import("../registries/short-names.ts");
  return shortNameCandidates(text, process.env);
}

/** Does `work` with each name that `text` may mean, until one succeeds. @throws {ShortNameFailed} {ShortNameRefused} */
export async function withFullName<T>(
  text: string,
  signal: AbortSignal | undefined,
  work: (name: string) => Promise<T>,
): Promise<T> {
  const candidates = await fullNames(text);
  const [only] = candidates;
  if (candidates.length === 1 && only !== undefined) return await work(only);
  const failures: { readonly candidate: string; readonly error: unknown }[] = [];
  for (const candidate of candidates)
    try {
      return await work(candidate);
    } catch (error) {
      signal?.throwIfAborted();
      if (FINAL.some((code) => hasCode(error, code))) throw error;
      failures.push({ candidate, error });
    }
  throw new ShortNameFailed(text, failures);
}
