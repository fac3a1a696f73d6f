/**
 * The registry on a socket. Beyond loopback it listens only where it has TLS and rules of access, or when told that this
 * is meant: else whoever reaches it may push and delete, and reads passwords on the way.
 */
import { TeuError } from "../../base/index.ts";
import type { TlsConfig } from "./config.ts";
import type { Handler } from "./handler.ts";
import { openRegistry, type StorageOptions } from "./registry.ts";
import { type Listener, listenTls } from "./tls-listener.ts";

/** What a registry needs to know. */
export interface RegistryOptions extends StorageOptions {
  /** `HOST:PORT`; port 0 takes a free one. A host that is no loopback address needs TLS and access, or `insecureListen`. */
  readonly listen: string;
  readonly insecureListen?: boolean;
  readonly tls?: TlsConfig;
}

/** A registry that listens. */
export interface Registry extends AsyncDisposable {
  /** `HOST:PORT` as a reference would name it. */
  readonly address: string;
  /** Reads certificates again, if they have changed; that happens by itself too, some seconds later. */
  reload(): Promise<void>;
  /** Takes no more requests and gives those under way a few seconds to end. */
  close(): Promise<void>;
}

/** `listen` is no address, or one that needs a word more. */
export class InvalidListenAddress extends TeuError<
  "invalid-listen-address",
  { listen: string; reason: string }
> {
  constructor(context: { listen: string; reason: string }, hint?: string) {
    super(
      "invalid-listen-address",
      "invalid",
      context,
      `Cannot listen on ${JSON.stringify(context.listen)}: ${context.reason}`,
      hint === undefined ? undefined : { hint },
    );
  }
}

/** The address is taken, or not ours. */
export class CannotListen extends TeuError<"cannot-listen", { listen: string }> {
  constructor(context: { listen: string }, cause: unknown, reason: string) {
    super(
      "cannot-listen",
      "unavailable",
      context,
      `Cannot listen on ${JSON.stringify(context.listen)}: ${reason}`,
      {
        cause,
      },
    );
  }
}

const GRACE_MS = 5_000;

/** Serves the registry below `options.root` until it is closed. */
export async function serveRegistry(options: RegistryOptions): Promise<Registry> {
  const isSafe = options.tls !== undefined && options.means !== undefined;
  const { hostname, port } = parseListen(options.listen, isSafe || (options.insecureListen ?? false));
  const registry = openRegistry(options);
  let listener: Listener;
  try {
    const address = { hostname, port };
    const { tls, onError = () => undefined } = options;
    listener =
      tls === undefined
        ? listenPlain(address, registry.handle)
        : await listenTls({ ...address, tls }, registry.handle, onError);
  } catch (error) {
    await registry[Symbol.asyncDispose]();
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EADDRINUSE" && code !== "EADDRNOTAVAIL") throw error;
    const why = code === "EADDRINUSE" ? "the address is in use" : "it is not ours";
    throw new CannotListen({ listen: options.listen }, error, why);
  }
  const close = async (): Promise<void> => {
    const grace = setTimeout(() => listener.kill(), GRACE_MS);
    await listener.stop();
    clearTimeout(grace);
    await registry[Symbol.asyncDispose]();
  };
  const shown = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    address: `${shown}:${listener.port}`,
    reload: () => listener.reload(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listenPlain({ hostname, port }: { hostname: string; port: number }, handle: Handler): Listener {
  const server = Bun.serve({
    hostname,
    port,
    // Unsaid, Bun lets two servers of one process share a port, and the second hears nothing.
    reusePort: false,
    // A development page would show strangers our source.
    development: false,
    // A slow pull or a slow push is no idle connection.
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: (request) => handle(request),
  });
  return {
    port: server.port ?? port,
    reload: async () => undefined,
    stop: () => server.stop(),
    kill: () => void server.stop(true),
  };
}

function parseListen(listen: string, isAllowedAnywhere: boolean): { hostname: string; port: number } {
  const [, host = "", digits = ""] = /^(\[[^\]]+\]|[^:[\]]*):(\d{1,5})$/.exec(listen) ?? [];
  const port = Number(digits);
  if (host === "" || digits === "" || port > 65_535)
    throw new InvalidListenAddress({ listen, reason: "it is not HOST:PORT" }, "127.0.0.1:5000, say");
  const hostname = host.startsWith("[") ? host.slice(1, -1) : host;
  const isLoopback = hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
  if (!isLoopback && !isAllowedAnywhere)
    throw new InvalidListenAddress(
      { listen, reason: "whoever reaches it could push and delete without a password" },
      "Listen on 127.0.0.1, or configure tls and access, or say --insecure-listen if the network is trusted",
    );
  return { hostname, port };
}
