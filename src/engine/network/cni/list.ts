/** CNI networks as they are listed beside ours. */
import { digestEncoded, digestOf } from "../../../spec/index.ts";
import { CNI_PREFIX } from "../../options/network.ts";
import { listCNIAttachments } from "../../store/cni.ts";
import { nameOfContainer } from "../../store/containers.ts";
import type { Store } from "../../store/store.ts";
import type { NetworkSummary } from "../list.ts";
import { type NetworkList, placesOf, readLists } from "./configuration.ts";
import { readResult } from "./result.ts";

/** Files have no IDs; the same name has the same one, as podman and nerdctl have it. */
export function networkIDOf(name: string): string {
  return digestEncoded(digestOf(name));
}

/** The networks that files describe; files that describe none are left out: who names their network is told why. Plain users have none of them. */
export function describeCNINetworks(store: Store): NetworkSummary[] {
  if (store.home !== undefined) return [];
  const { lists } = readLists(placesOf(process.env).configurations);
  return lists.map((list) => describe(store, list));
}

function describe({ database }: Store, { name, createdAt, plugins }: NetworkList): NetworkSummary {
  return {
    ...{ id: networkIDOf(`${CNI_PREFIX}${name}`), name: `${CNI_PREFIX}${name}`, driver: "cni", createdAt },
    options: { plugins: plugins.map(({ type }) => type).join(",") },
    ...{ subnet: "", gateway: "", isInternal: false },
    containers: listCNIAttachments(database)
      .filter(({ network }) => network === name)
      .map((attachment) => ({
        id: attachment.container,
        name: nameOfContainer(database, attachment.container),
        address: readResult(attachment).addresses[0]?.replace(/\/.*/, "") ?? "",
      })),
  };
}
