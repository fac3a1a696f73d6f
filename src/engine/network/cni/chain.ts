/** Calls the plugins of a network one after the other. Source: CNI specification 1.1, section 3. */
import { printError } from "../../../base/index.ts";
import { type NetworkList, type PluginConfiguration, VERSIONS } from "./configuration.ts";
import { CNIPluginFailed } from "./errors.ts";
import { isObject } from "./object.ts";
import { type CNICall, callPlugin } from "./plugin.ts";

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
export async function negotiateVersion(list: NetworkList, call: CNICall): Promise<string> {
  let common = list.versions;
  for (const plugin of list.plugins) {
    const answer = await callPlugin("VERSION", plugin, { cniVersion: VERSIONS.at(-1) }, call);
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
    result = answer;
  }
  return result;
}

/** Disconnects, all plugins, whatever becomes of each: one that fails is told of, and keeps no container from going. */
export async function deleteChain(request: ChainRequest, result: object | undefined): Promise<void> {
  for (const plugin of request.list.plugins.toReversed())
    try {
      await callPlugin("DEL", plugin, inputOf(request, plugin, result), request.call);
    } catch (error) {
      if (!(error instanceof CNIPluginFailed)) throw error;
      printError(`WARNING: ${error.message}\n`);
    }
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
