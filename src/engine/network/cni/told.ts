/**
 * What plugins are told of a container by their capabilities `dns` and `bandwidth`. Source: CNI CONVENTIONS.md; the annotations that Kubernetes has
 * for the plugin `bandwidth`.
 */
import { InvalidOption } from "../../options/error.ts";
import type { ContainerSettings } from "../../store/containers.ts";
import type { RuntimeConfig } from "./chain.ts";

const ANNOTATIONS = {
  ingress: "kubernetes.io/ingress-bandwidth",
  egress: "kubernetes.io/egress-bandwidth",
} as const;
const UNITS: Readonly<Record<string, number>> = {
  ...{ "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 },
};
/** As other engines have it: what comes at once is limited by the rate alone. */
const BURST = 2 ** 32 - 1;

/** By the names of the capabilities. @throws {InvalidOption} */
export function toldOf(
  { resolvers, searchDomains, resolverOptions }: ContainerSettings,
  annotations: Readonly<Record<string, string>>,
): RuntimeConfig {
  const dns = {
    ...(resolvers && { servers: resolvers }),
    ...(searchDomains && { searches: searchDomains }),
    ...(resolverOptions && { options: resolverOptions }),
  };
  const ingressRate = rateIn(annotations, ANNOTATIONS.ingress);
  const egressRate = rateIn(annotations, ANNOTATIONS.egress);
  const bandwidth = {
    ...(ingressRate !== undefined && { ingressRate, ingressBurst: BURST }),
    ...(egressRate !== undefined && { egressRate, egressBurst: BURST }),
  };
  return {
    ...(Object.keys(dns).length > 0 && { dns }),
    ...(Object.keys(bandwidth).length > 0 && { bandwidth }),
  };
}

/** In bits a second. */
function rateIn(annotations: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = annotations[name];
  if (text === undefined) return undefined;
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)([kMGT]i?|Ki)?$/.exec(text) ?? [];
  const rate = Math.round(Number(number) * (UNITS[unit] ?? Number.NaN));
  if (number !== "" && rate >= 1e3 && rate <= 1e15) return rate;
  throw new InvalidOption(
    { option: "--annotation", value: `${name}=${text}` },
    `Invalid annotation ${name}=${JSON.stringify(text)}: wants bits a second, from 1k to 1000T, as 10M`,
  );
}
