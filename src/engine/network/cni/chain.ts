/** Calls the plugins of a network one after the other. Source: CNI specification 1.1, section 3. */
import { printError } from "../../../base/index.ts";
import { isFrom, type NetworkList, type PluginConfiguration, VERSIONS } from "./configuration.ts";
import { CNIPluginFailed } from "./errors.ts";
import { isObject } from "./object.ts";
import { askPlugin, type CNICall, type CNINetwork, callPlugin } from "./plugin.ts";

/** What a plugin may ask for by its `capabilities`, by their names. Source: CNI CONVENTIONS.md. */
export type RuntimeConfig = Readonly<Record<string, unknown>>;

/** What a chain is called with, kept until it has been called to disconnect. */
export interface ChainRequest {
  readonly list: NetworkList;
  readonly version: string;
  readonly runtimeConfig: RuntimeConfig;
  readonly call: CNICall;
}

/** The best version that the network and all of its plugins speak. @throws {CNIPluginFailed} */
export async function negotiateVersion(list: NetworkList, network: CNINetwork): Promise<string> {
  let common = list.versions;
  for (const plugin of list.plugins) {
    const answer = await askPlugin("VERSION", plugin, { cniVersion: VERSIONS.at(-1) }, network);
    const supported =
      isObject(answer) && Array.isArray(answer["supportedVersions"]) ? answer["supportedVersions"] : [];
    common = common.filter((version) => supported.includes(version));
    if (common.length === 0)
      throw new CNIPluginFailed({
        ...{ network: list.name, plugin: plugin.type, command: "VERSION" },
        why: `it speaks ${supported.join(", ") || "no version"}, the network ${list.versions.join(", ")}`,
      });
  }
  return common.at(-1) ?? "";
}

/** Connects. @returns the last plugin's result @throws {CNIPluginFailed} What came before it is to be taken back by `deleteChain`. */
export async function addChain(request: ChainRequest): Promise<Record<string, unknown>> {
  let result: Record<string, unknown> = {};
  for (const [index, plugin] of request.list.plugins.entries()) {
    const previous = index === 0 ? undefined : result;
    const answer = await callPlugin("ADD", plugin, inputOf(request, plugin, previous), request.call);
    if (!isObject(answer))
      throw new CNIPluginFailed({
        ...{ network: request.list.name, plugin: plugin.type, command: "ADD" },
        why: "it gives no result",
      });
    // One that does not say its version has that of what it was asked with.
    result = { cniVersion: request.version, ...answer };
    const { cniVersion } = result;
    if (typeof cniVersion !== "string" || !VERSIONS.includes(cniVersion))
      throw new CNIPluginFailed({
        ...{ network: request.list.name, plugin: plugin.type, command: "ADD" },
        why: `its result is of version ${JSON.stringify(cniVersion)}, which is none of ${VERSIONS.join(", ")}`,
      });
  }
  return result;
}

/** Disconnects, all plugins, whatever becomes of each: one that fails is told of, and keeps no container from going. */
export async function deleteChain(request: ChainRequest, result: object | undefined): Promise<void> {
  // Before 0.4.0 plugins are not told what they said.
  const previous = isFrom(request.version, "0.4.0") ? result : undefined;
  for (const plugin of request.list.plugins.toReversed())
    try {
      await callPlugin("DEL", plugin, inputOf(request, plugin, previous), request.call);
    } catch (error) {
      if (!(error instanceof CNIPluginFailed)) throw error;
      printError(`WARNING: ${error.message}\n`);
    }
}

/** Asks whether a container's place is as `result` says. @throws {CNIPluginFailed} */
export async function checkChain(request: ChainRequest, result: object): Promise<void> {
  if (request.list.disableCheck || !isFrom(request.version, "0.4.0")) return;
  for (const plugin of request.list.plugins)
    await callPlugin("CHECK", plugin, inputOf(request, plugin, result), request.call);
}

/** Asks whether plugins are able to connect a container, where they can be asked. @throws {CNIPluginFailed} */
export async function checkStatus(list: NetworkList, version: string, network: CNINetwork): Promise<void> {
  if (!isFrom(version, "1.1.0")) return;
  for (const plugin of list.plugins)
    await askPlugin("STATUS", plugin, { ...plugin, name: list.name, cniVersion: version }, network);
}

/** Has plugins give back what belongs to none of the `valid` attachments; all of them, whatever becomes of each. @returns what went wrong */
export async function collectChain(
  list: NetworkList,
  version: string,
  network: CNINetwork,
  valid: readonly object[],
): Promise<CNIPluginFailed[]> {
  const failures: CNIPluginFailed[] = [];
  for (const plugin of list.plugins)
    try {
      const input = { ...plugin, name: list.name, cniVersion: version, "cni.dev/valid-attachments": valid };
      // The first plugins that have it know it by the name of a draft.
      await askPlugin("GC", plugin, { ...input, "cni.dev/attachments": valid }, network);
    } catch (error) {
      if (!(error instanceof CNIPluginFailed)) throw error;
      failures.push(error);
    }
  return failures;
}

function inputOf(
  { list, version, runtimeConfig }: ChainRequest,
  plugin: PluginConfiguration,
  prevResult: object | undefined,
): object {
  const wanted = Object.entries(runtimeConfig).filter(([name]) => plugin.capabilities?.[name] === true);
  return {
    ...plugin,
    name: list.name,
    cniVersion: version,
    ...(wanted.length > 0 && { runtimeConfig: Object.fromEntries(wanted) }),
    ...(prevResult && { prevResult }),
  };
}
