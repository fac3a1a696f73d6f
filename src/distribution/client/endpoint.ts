/**
 * Where a registry answers: its origin, and which addresses it may send us to.
 * Plain http is spoken to loopback registries and to those that the caller names insecure; nobody else can talk us into it.
 * Source: distribution-spec spec.md, API (Authorization is not forwarded across hosts); the classes of attack are
 * SSRF by realm, Location or redirect (go-containerregistry #2243, #2292, #2332), credentials over http (CVE-2019-10214).
 */
import { isIPv4, isIPv6 } from "node:net";
import type { RegistryName } from "../../spec/index.ts";
import { UntrustedAddress } from "./errors.ts";

/** @param isSecure  https to a registry on this machine too. @returns the origin that speaks for `registry`: `https://registry-1.docker.io` for docker.io. */
export function originOf(registry: RegistryName, insecure: boolean, isSecure = false): string {
  if (registry === "docker.io") return "https://registry-1.docker.io";
  const plain = insecure || (!isSecure && isLoopback(new URL(`http://${registry}`).hostname));
  return new URL(`${plain ? "http" : "https"}://${registry}`).origin;
}

/**
 * Resolves the upload `location` that a registry gave against the request's URL. It must stay on the registry's host;
 * a proxy in front may have hidden from the registry that we speak https, so its scheme is replaced by ours.
 * @throws {UntrustedAddress}
 */
export function uploadLocation(registry: RegistryName, origin: string, base: string, location: string): URL {
  const url = parseURL(registry, "upload location", location, base);
  const home = new URL(origin);
  if (url.hostname !== home.hostname || (url.port !== home.port && url.port !== ""))
    throw new UntrustedAddress({
      registry,
      role: "upload location",
      address: url.origin,
      reason: "it is on another host",
    });
  url.protocol = home.protocol;
  url.port = home.port;
  return url;
}

/** Resolves a redirect. It must not lead from https to http, nor from a public registry into this machine. */
export function redirectTarget(registry: RegistryName, base: string, location: string): URL {
  const url = parseURL(registry, "redirect", location, base);
  const from = new URL(base);
  const reason =
    from.protocol === "https:" && url.protocol !== "https:"
      ? "it leads from https to http"
      : reachesInside(url.hostname, false) && url.hostname !== from.hostname && !isLoopback(from.hostname)
        ? "it leads to an address of this machine or its link"
        : undefined;
  if (reason !== undefined)
    throw new UntrustedAddress({ registry, role: "redirect", address: url.origin, reason });
  return url;
}

/**
 * Parses the token server's address, to which we may send a password: https unless the registry itself is spoken to
 * over http, and no internal address unless it is the registry's own host.
 */
export function realmURL(registry: RegistryName, origin: string, realm: string): URL {
  const url = parseURL(registry, "realm", realm);
  const home = new URL(origin);
  const reason =
    url.protocol === "http:" && home.protocol === "https:"
      ? "it is not https"
      : url.username !== "" || url.password !== ""
        ? "it holds credentials of its own"
        : reachesInside(url.hostname, true) && url.hostname !== home.hostname
          ? "it is an internal address on another host"
          : undefined;
  if (reason !== undefined)
    throw new UntrustedAddress({ registry, role: "realm", address: url.origin, reason });
  return url;
}

/** Whether `hostname` (as a URL spells it) can only be this machine. */
export function isLoopback(hostname: string): boolean {
  const name = unbracket(hostname);
  return (
    name === "localhost" ||
    name.endsWith(".localhost") ||
    name === "::1" ||
    (isIPv4(name) && name.startsWith("127."))
  );
}

/** Literal addresses only: what a name resolves to is decided by whoever runs the resolver. */
function reachesInside(hostname: string, privateToo: boolean): boolean {
  if (isLoopback(hostname)) return true;
  const name = unbracket(hostname);
  if (isIPv6(name)) return inside6(name, privateToo);
  return isIPv4(name) && inside4(name, privateToo);
}

function inside4(address: string, privateToo: boolean): boolean {
  const [a = 0, b = 0] = address.split(".").map(Number);
  if (a === 127 || a === 0 || (a === 169 && b === 254)) return true;
  return privateToo && (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168));
}

function inside6(address: string, privateToo: boolean): boolean {
  // URL prints an IPv4 address inside IPv6 as two groups of hex: ::ffff:7f00:1.
  const mapped = /^::(?:ffff:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (mapped !== null) {
    const [high, low] = [Number.parseInt(mapped[1] ?? "", 16), Number.parseInt(mapped[2] ?? "", 16)];
    return inside4(`${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`, privateToo);
  }
  return address === "::" || /^fe[89ab]/.test(address) || (privateToo && /^f[cd]/.test(address));
}

function unbracket(hostname: string): string {
  // A dot at the end changes nothing of what a name resolves to.
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname.toLowerCase().replace(/\.$/, "");
}

function parseURL(registry: RegistryName, role: string, text: string, base?: string): URL {
  const url = URL.canParse(text, base) ? new URL(text, base) : null;
  if (url === null)
    throw new UntrustedAddress({ registry, role, address: text.slice(0, 256), reason: "it is no URL" });
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new UntrustedAddress({
      registry,
      role,
      address: text.slice(0, 256),
      reason: "it is neither http nor https",
    });
  return url;
}
