/**
 * The registry on a socket. It has no authorisation yet: whoever reaches it may push and delete, so it listens beyond
 * loopback only when told that this is meant.
 */
import { TeuError } from "../../base/index.ts";
import { openRegistry, type StorageOptions } from "./registry.ts";

/** What a registry needs to know. */
export interface RegistryOptions extends StorageOptions {
  /** `HOST:PORT`; port 0 takes a free one. A host that is no loopback address needs `insecureListen`. */
  readonly listen: string;
  /** Everybody who reaches the address may push and delete, over plain http. */
  readonly insecureListen?: boolean;
}

/** A registry that listens. */
export interface Registry extends AsyncDisposable {
  /** `HOST:PORT` as a reference would name it. */
  readonly address: string;
  /** Takes no more requests, gives those under way a few seconds to end, forgets unfinished uploads. */
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
  const { hostname, port } = parseListen(options.listen, options.insecureListen ?? false);
  const registry = openRegistry(options);
  let server: Bun.Server<undefined>;
  try {
    server = Bun.serve({
      hostname,
      port,
      // Unsaid, Bun lets two servers of one process share a port, and the second hears nothing.
      reusePort: false,
      // A development page would show strangers our source.
      development: false,
      // A slow pull or a slow push is no idle connection.
      idleTimeout: 0,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: registry.handle,
    });
  } catch (error) {
    registry[Symbol.dispose]();
    const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    throw new CannotListen(
      { listen: options.listen },
      error,
      taken ? "the address is in use" : "it is not ours",
    );
  }
  const close = async (): Promise<void> => {
    const grace = setTimeout(() => server.stop(true), GRACE_MS);
    await server.stop();
    clearTimeout(grace);
    registry[Symbol.dispose]();
  };
  const shown = hostname.includes(":") ? `[${hostname}]` : hostname;
  return { address: `${shown}:${server.port}`, close, [Symbol.asyncDispose]: close };
}

function parseListen(listen: string, insecureListen: boolean): { hostname: string; port: number } {
  const [, host = "", digits = ""] = /^(\[[^\]]+\]|[^:[\]]*):(\d{1,5})$/.exec(listen) ?? [];
  const port = Number(digits);
  if (host === "" || digits === "" || port > 65_535)
    throw new InvalidListenAddress({ listen, reason: "it is not HOST:PORT" }, "127.0.0.1:5000, say");
  const hostname = host.startsWith("[") ? host.slice(1, -1) : host;
  const isLoopback = hostname === "localhost" || hostname === "::1" || /^127(\.\d{1,3}){3}$/.test(hostname);
  if (!isLoopback && !insecureListen)
    throw new InvalidListenAddress(
      { listen, reason: "whoever reaches it could push and delete without a password" },
      "Listen on 127.0.0.1, or say --insecure-listen if the network is trusted",
    );
  return { hostname, port };
}
