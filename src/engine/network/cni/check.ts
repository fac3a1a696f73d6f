/** What plugins have against the places that containers have in CNI networks, and what is left there of none. */
import { isTeuError } from "../../../base/index.ts";
import { CNI_PREFIX } from "../../options/network.ts";
import { type CNIAttachment, listCNIAttachments } from "../../store/cni.ts";
import { findContainers } from "../../store/containers.ts";
import type { Store } from "../../store/store.ts";
import { holdNetworks, validAttachments } from "./attachments.ts";
import { checkChain, checkStatus, collectChain, negotiateVersion } from "./chain.ts";
import { isFrom, placesOf, readLists } from "./configuration.ts";
import { CNIPluginFailed } from "./errors.ts";

/** One thing that a plugin has told. */
export interface CNIProblem {
  /** A network, by its name among ours. */
  readonly network: string;
  readonly problem: string;
  readonly hint: string;
}

/** Asks the plugins of the networks that containers are in (`STATUS`), and for each container (`CHECK`). */
export async function* cniProblems(store: Store): AsyncGenerator<CNIProblem> {
  const all = listCNIAttachments(store.database);
  const asked = new Set<string>();
  for (const attachment of all) {
    const { network, request } = attachment;
    const name = `${CNI_PREFIX}${network}`;
    if (!asked.has(network)) {
      asked.add(network);
      const problem = await failureOf(() => checkStatus(request.list, request.version, request.call));
      if (problem !== undefined)
        yield { network: name, problem, hint: "What serves the network says what it lacks" };
    }
    const problem = await failureOf(() => checkOne(attachment));
    if (problem === undefined) continue;
    const [container] = findContainers(store.database, store.namespace, attachment.container);
    const text = container?.name ?? attachment.container;
    yield {
      ...{ network: name, problem: `container ${text}: ${problem}` },
      hint: `'teu restart ${text}' connects it anew`,
    };
  }
}

/** One of which the plugins have not all been called yet is somebody's work. */
async function checkOne({ request, result }: CNIAttachment): Promise<void> {
  if (result !== undefined) await checkChain(request, result);
}

async function failureOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof CNIPluginFailed) return error.message;
    throw error;
  }
}

/**
 * Has the plugins of all networks give back what belongs to no container (`GC`), those that can and whose files do not forbid it.
 * @returns what went wrong
 */
export async function collectCNI(store: Store): Promise<string[]> {
  const { configurations, plugins: path } = placesOf(process.env);
  const failures: string[] = [];
  for (const list of readLists(configurations).lists) {
    if (list.disableGC || !list.versions.some((version) => isFrom(version, "1.1.0"))) continue;
    const network = { network: list.name, path };
    try {
      const version = await negotiateVersion(list, network);
      if (!isFrom(version, "1.1.0")) continue;
      using _alone = await holdNetworks();
      const failed = await collectChain(list, version, network, validAttachments(store, list.name));
      failures.push(...failed.map(({ message }) => message));
    } catch (error) {
      if (!isTeuError(error)) throw error;
      failures.push(error.message);
    }
  }
  return failures;
}
