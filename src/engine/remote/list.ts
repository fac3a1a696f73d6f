/** Names at a registry: the tags of a repository, its repositories. */
import { parseReference } from "../../spec/index.ts";
import { InvalidOption } from "../options/error.ts";
import { abortOnSignal } from "../run/signals.ts";
import { openClient, type RemoteOptions } from "./access.ts";
import { registryOf } from "./login.ts";

/** How many at most; absent: all. */
export interface ListOptions extends RemoteOptions {
  readonly limit?: number | undefined;
}

/** As many as registries put on a page without being asked twice. */
const MAX_PAGE = 1000;

/** The tags of a repository. */
export async function* listRemoteTags(text: string, options: ListOptions): AsyncGenerator<string> {
  using interrupt = abortOnSignal();
  const client = await openClient(parseReference(text), options);
  yield* first(options, (pageSize) => client.tags(interrupt.signal, pageSize));
}

/** The repositories of a registry. */
export async function* listRemoteRepositories(text: string, options: ListOptions): AsyncGenerator<string> {
  using interrupt = abortOnSignal();
  const client = await openClient(registryOf(text), options);
  yield* first(options, (pageSize) => client.repositories(interrupt.signal, pageSize));
}

async function* first(
  { limit }: ListOptions,
  list: (pageSize: number | undefined) => AsyncGenerator<string>,
): AsyncGenerator<string> {
  if (limit !== undefined && limit < 1)
    throw new InvalidOption(
      { option: "--limit", value: `${limit}` },
      `Invalid number ${limit} of --limit: wants 1 or more`,
    );
  let count = 0;
  for await (const name of list(limit === undefined ? undefined : Math.min(limit, MAX_PAGE))) {
    yield name;
    count += 1;
    if (count === limit) return;
  }
}
