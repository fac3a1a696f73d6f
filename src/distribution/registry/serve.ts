/**
 * The registry on a socket. Beyond loopback it listens only where it has TLS and rules of access, or when told that this
 * is meant: else whoever reaches it may push and delete, and reads passwords on the way.
 */
import { TeuError } from "../../base/index.ts";
import type { TlsConfig } from "./config.ts";
import type { Handler } from "./handler.ts";
import { answerAdmin, answerHealth } from "./operate/health.ts";
import { refusalFrom } from "./refusal.ts";
import { openRegistry, type StorageOptions } from "./registry.ts";
import { type Listener, listenTls, showAddress } from "./tls-listener.ts";

/** What a registry needs to know. */
export interface RegistryOptions extends StorageOptions {
  /** `HOST:PORT`; port 0 takes a free one. A host that is no loopback address needs TLS and access, or `insecureListen`. */
  readonly listen: string;
  readonly insecureListen?: boolean;
  readonly tls?: TlsConfig;
  /** `HOST:PORT` of metrics and health, on plain http. */
  readonly admin?: string;
}

/** A registry that listens. */
export interface Registry extends AsyncDisposable {
  /** `HOST:PORT` as a reference would name it. */
  readonly address: string;
  /** The same of metrics and health, where they have one of their own. */
  readonly adminAddress: string | undefined;
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
  const handle: Handler = async (request, connection) => {
    const path = HEALTH.exec(request.url)?.[1];
    return (path && answerHealth(registry, path)) || (await registry.handle(request, connection));
  };
  const listeners: Listener[] = [];
  try {
    const { tls, admin, log, onError = () => undefined } = options;
    const address = { hostname, port };
    listeners.push(
      tls === undefined
        ? listenPlain(address, handle, log !== undefined)
        : await listenTls({ ...address, tls }, handle, onError),
    );
    if (admin !== undefined)
      listeners.push(
        listenPlain(
          parseListen(admin, options.insecureListen ?? false),
          async (request) => answerAdmin(registry, request),
          false,
        ),
      );
  } catch (error) {
    for (const listener of listeners) listener.kill();
    await registry[Symbol.asyncDispose]();
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EADDRINUSE" && code !== "EADDRNOTAVAIL") throw error;
    const why = code === "EADDRINUSE" ? "the address is in use" : "it is not ours";
    throw new CannotListen({ listen: options.listen }, error, why);
  }
  const close = async (): Promise<void> => {
    const grace = setTimeout(() => {
      for (const listener of listeners) listener.kill();
    }, GRACE_MS);
    await Promise.all(listeners.map((listener) => listener.stop()));
    clearTimeout(grace);
    await registry[Symbol.asyncDispose]();
  };
  const [main, admin] = listeners.map(({ address }) => address);
  return {
    address: main ?? options.listen,
    adminAddress: admin,
    async reload() {
      for (const listener of listeners) await listener.reload();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Nothing but the path, so that no other path is looked at twice. */
const HEALTH = /^https?:\/\/[^/]*(\/healthz|\/readyz)$/;

function listenPlain(
  { hostname, port }: { hostname: string; port: number },
  handle: Handler,
  wantsAddress: boolean,
): Listener {
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
    fetch: (request, server) =>
      handle(request, wantsAddress ? { address: server.requestIP(request)?.address } : undefined),
    // A body that fails before its first byte: the handler has answered, so its failure is known already.
    error: (error) => refusalFrom(error).toResponse(),
  });
  return {
    address: showAddress(hostname, server.port ?? port),
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
