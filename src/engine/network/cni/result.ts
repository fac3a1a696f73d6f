/** What is read of the result of a chain. Source: CNI specification 1.1, section 5. */
import { isObject } from "./object.ts";

/** What a result says of a container's place: addresses as `10.0.0.2/24`, and whom to ask for names. */
export function readResult({ result = {} }: { readonly result?: Readonly<Record<string, unknown>> }): {
  readonly addresses: readonly string[];
  readonly gateway: string;
  readonly servers: readonly string[];
  readonly searchDomains: readonly string[];
  readonly options: readonly string[];
} {
  const ips = Array.isArray(result["ips"]) ? result["ips"].filter(isObject) : [];
  const dns = isObject(result["dns"]) ? result["dns"] : {};
  const texts = (value: unknown) =>
    Array.isArray(value)
      ? value.filter((text): text is string => typeof text === "string" && /^[^\s\p{Cc}]+$/u.test(text))
      : [];
  return {
    addresses: texts(ips.map(({ address }) => address)),
    gateway: texts(ips.map(({ gateway }) => gateway))[0] ?? "",
    servers: texts(dns["nameservers"]),
    searchDomains: texts([
      ...texts(dns["search"]),
      ...(typeof dns["domain"] === "string" ? [dns["domain"]] : []),
    ]),
    options: texts(dns["options"]),
  };
}
