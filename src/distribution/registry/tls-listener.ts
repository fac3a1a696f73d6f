/**
 * HTTPS, where Bun's own server would do but for two things: it does not tell a client's certificate, and it does not take
 * new certificates of its own while it runs. So TLS ends in node's server, whose requests are translated.
 */
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { setImmediate as yieldToOthers } from "node:timers/promises";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { messageOf, TeuError } from "../../base/index.ts";
import type { Connection } from "./auth/authenticator.ts";
import type { TlsConfig } from "./config.ts";
import type { Handler } from "./handler.ts";

/** Files are looked at this often. */
const LOOK_AGAIN_MS = 5_000;
const TURN_BYTES = 1 << 20;

/** A server that listens. */
export interface Listener {
  /** `HOST:PORT` as a reference would name it. */
  readonly address: string;
  /** Reads the certificates again if they have changed. */
  reload(): Promise<void>;
  /** Takes no more connections, and waits for those that are busy. */
  stop(): Promise<void>;
  /** Ends them too. */
  kill(): void;
}

/** An address as a reference would name it. */
export function showAddress(hostname: string, port: number): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** Certificates that changed cannot be used: those from before serve on. */
export class CertificatesNotReloaded extends TeuError<
  "certificates-not-reloaded",
  { files: readonly string[]; reason: string }
> {
  constructor(context: { files: readonly string[]; reason: string }, cause: unknown) {
    const files = context.files.map((file) => JSON.stringify(file)).join(", ");
    super(
      "certificates-not-reloaded",
      "failed-precondition",
      context,
      `Cannot use the certificates in ${files} that changed, those from before serve on: ${context.reason}`,
      { cause },
    );
  }
}

/** Listens. @param onError  Told once of each change of the certificates that cannot be used, and of answers that break off for
 * a reason of ours. */
export async function listenTls(
  { hostname, port, tls }: { hostname: string; port: number; tls: TlsConfig },
  handle: Handler,
  onError: (error: unknown) => void,
): Promise<Listener> {
  const requireCertificate = tls.requireClientCertificate ?? false;
  const connections = new WeakMap<object, Connection>();
  const sockets = new Set<TLSSocket>();
  const http = createHttpServer((request, response) => {
    const connection = connections.get(request.socket);
    answer(handle, request, response, connection).catch((error: unknown) => {
      // A client that has gone away is no failure.
      if (!response.destroyed) onError(error);
      response.destroy();
    });
  });
  http.timeout = 0;
  http.requestTimeout = 0;
  const files = await readFiles(tls);
  const isAsked = tls.clientAuthority !== undefined;
  const asking = { requestCert: isAsked, rejectUnauthorized: isAsked && requireCertificate };
  const server = createTlsServer({ ...files, ...asking }, (socket) => {
    const certificate = socket.authorized && isAsked ? nameOf(socket) : undefined;
    connections.set(socket, { certificate, address: socket.remoteAddress });
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    http.emit("connection", socket);
  });
  // A handshake that fails is its client's affair.
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  let version = await versionOf(tls);
  let complaint = "";
  const reload = async (): Promise<void> => {
    let now = "";
    try {
      now = await versionOf(tls);
      if (now === version) return;
      server.setSecureContext({ ...(await readFiles(tls)), ...asking });
      version = now;
      complaint = "";
    } catch (error) {
      const reason = messageOf(error);
      if (`${now} ${reason}` === complaint) return;
      complaint = `${now} ${reason}`;
      onError(new CertificatesNotReloaded({ files: filesOf(tls), reason }, error));
    }
  };
  const timer = setInterval(reload, LOOK_AGAIN_MS);
  timer.unref();
  const kill = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: showAddress(hostname, (server.address() as AddressInfo).port),
    reload,
    kill,
    async stop() {
      clearInterval(timer);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      http.closeIdleConnections();
      await closed;
    },
  };
}

function nameOf(socket: TLSSocket): string | undefined {
  const name = socket.getPeerCertificate().subject?.CN;
  return typeof name === "string" && name !== "" ? name : undefined;
}

async function readFiles({ certificate, key, clientAuthority }: TlsConfig) {
  const [cert, privateKey] = await Promise.all([readFile(certificate), readFile(key)]);
  const ca = clientAuthority === undefined ? {} : { ca: await readFile(clientAuthority) };
  return { cert, key: privateKey, ...ca };
}

function filesOf({ certificate, key, clientAuthority }: TlsConfig): string[] {
  return [certificate, key, ...(clientAuthority === undefined ? [] : [clientAuthority])];
}

async function versionOf(tls: TlsConfig): Promise<string> {
  const stats = await Promise.all(filesOf(tls).map((path) => stat(path)));
  return stats.map(({ ino, mtimeMs, size }) => `${ino} ${mtimeMs} ${size}`).join(" ");
}

/** One request of node's, as one of the web's. */
async function answer(
  handle: Handler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  connection: Connection | undefined,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  const headers = new Headers();
  for (let at = 0; at < incoming.rawHeaders.length; at += 2)
    headers.append(incoming.rawHeaders[at] ?? "", incoming.rawHeaders[at + 1] ?? "");
  const { method = "GET" } = incoming;
  const hasBody = method !== "GET" && method !== "HEAD";
  const init: RequestInit & { duplex: "half" } = { method, headers, signal: gone.signal, duplex: "half" };
  if (hasBody) init.body = Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>; // node's type for the same
  const response = await handle(
    new Request(`https://${headers.get("host")}${incoming.url}`, init),
    connection,
  );
  outgoing.writeHead(response.status, [...response.headers].flat());
  if (response.body !== null && method !== "HEAD") await send(response.body, outgoing, gone.signal);
  outgoing.end();
}

/** Sends as fast as the client takes it, and lets others have their turn after each MiB. */
async function send(
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const reader = body.getReader();
  try {
    for (let sinceTurn = 0; ; ) {
      const { done, value } = await reader.read();
      if (done || outgoing.destroyed) return;
      sinceTurn += value.byteLength;
      if (!outgoing.write(value)) await once(outgoing, "drain", { signal: gone });
      if (sinceTurn < TURN_BYTES) continue;
      sinceTurn = 0;
      await yieldToOthers();
    }
  } finally {
    await reader.cancel();
  }
}
