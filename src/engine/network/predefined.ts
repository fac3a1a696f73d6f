/** The networks that everybody has: one of ours, and the machine's own and none. Docker's names and drivers. */

/** The network that a container is in when nothing else is said; made when it is first needed. */
export const DEFAULT_NETWORK = "bridge";

/** By its name: what it is called in lists, the same in every store. */
export const PREDEFINED_NETWORKS = {
  host: { id: "5accd5297b035a9422f48049064e4bdb28b38992a0000c87adc54762614d79bf", driver: "host" },
  none: { id: "cc1c7fc0365da1714d25b04ddea899cd93c7b540ddbc7743f9e1b24ca50c74e4", driver: "null" },
} as const;

export type PredefinedNetwork = keyof typeof PREDEFINED_NETWORKS;

export const PREDEFINED_NAMES = ["host", "none"] as const satisfies readonly PredefinedNetwork[];

/** The one that `text` means: by its name, its ID or as much of that as lists show. */
export function predefinedNetwork(text: string): PredefinedNetwork | undefined {
  const isID = /^[0-9a-f]{12,64}$/.test(text);
  return PREDEFINED_NAMES.find(
    (name) => name === text || (isID && PREDEFINED_NETWORKS[name].id.startsWith(text)),
  );
}
