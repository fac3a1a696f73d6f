/** Repositories at a registry by a part of their name. */
import type { FoundRepository } from "../../distribution/client/index.ts";
import { InvalidOption } from "../options/error.ts";
import { abortOnSignal } from "../run/signals.ts";
import { openClient, type RemoteOptions } from "./access.ts";
import { registryOf } from "./login.ts";

/** A repository that was found, with its registry in front: what `teu pull` takes. */
export interface SearchResult extends FoundRepository {
  readonly registry: string;
}

/**
 * Searches for `text`, which is `REGISTRY/TERM`, `REGISTRY/` for all that there is, or a TERM, which docker.io is asked for.
 * @param options  `limit`: so many at most.
 */
export async function searchRemote(
  text: string,
  options: RemoteOptions & { readonly limit: number },
): Promise<SearchResult[]> {
  if (options.limit < 1)
    throw new InvalidOption(
      { option: "--limit", value: `${options.limit}` },
      `Invalid number ${options.limit} of --limit: wants 1 or more`,
    );
  using interrupt = abortOnSignal();
  const { host, term } = splitTerm(text);
  if (term === "" && host === HUB)
    throw new InvalidOption(
      { option: "TERM", value: text },
      `Invalid search ${JSON.stringify(text)}: wants a part of a name, as in registry.example/app`,
    );
  const client = await openClient(registryOf(host), options);
  const found = await client.search(term, options.limit, interrupt.signal);
  return found.map((one) => ({ registry: client.registry, ...one, name: `${host}/${one.name}` }));
}

const HUB = "docker.io";

/** The registry is what stands before the first slash, if it looks like a host, as in references. */
export function splitTerm(text: string): { host: string; term: string } {
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  const isHost = first === "localhost" || /[.:]/.test(first);
  return isHost ? { host: first, term: text.slice(slash + 1) } : { host: HUB, term: text };
}
