/** Which proxy a request goes through. Source: Go's golang.org/x/net/http/httpproxy, whose rules the peers' users know. */
import { isLoopback } from "../../distribution/client/index.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy's address, or undefined: there directly. */
export function proxyFor(url: URL, environment: Environment): string | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = environment[name] || environment[name.toLowerCase()];
  // A proxy would look for it on its own loopback.
  if (!proxy || isLoopback(url.hostname)) return undefined;
  const exceptions = environment["NO_PROXY"] || environment["no_proxy"] || "";
  if (exceptions.split(",").some((text) => fits(text.trim().toLowerCase(), url))) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

/** `*`, `example.com` (and below), `.example.com` (below only), `10.0.0.0/8`, any of them with a port. */
function fits(text: string, url: URL): boolean {
  if (text === "") return false;
  if (text === "*") return true;
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, "");
  if (text.includes("/")) return isInRange(host, text);
  const [, name = text, port] = /^(.*?)(?::(\d+))?$/.exec(text.replace(/^\[(.*)\]/, "$1")) ?? [];
  const isIPv6 = (text.match(/:/g) ?? []).length > 1;
  const wanted = isIPv6 ? text.replace(/^\[|\]$/g, "") : name;
  const own = url.port || (url.protocol === "https:" ? "443" : "80");
  if (!isIPv6 && port !== undefined && port !== own) return false;
  if (wanted.startsWith(".")) return host.endsWith(wanted);
  if (wanted.startsWith("*.")) return host.endsWith(wanted.slice(1));
  return host === wanted || host.endsWith(`.${wanted}`);
}

/** IPv4 only: the ranges that people write. */
function isInRange(host: string, range: string): boolean {
  const [address = "", bits = ""] = range.split("/");
  const [one, other] = [numberOf(host), numberOf(address)];
  const length = Number(bits);
  if (one === undefined || other === undefined || !(length >= 0 && length <= 32)) return false;
  const size = 2 ** (32 - length);
  return Math.floor(one / size) === Math.floor(other / size);
}

function numberOf(text: string): number | undefined {
  const bytes = text.split(".").map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255))) return undefined;
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}
