/** The registry that a suite asks, whoever made it: an address, and the few requests from which tests are built. */
import { connect } from "node:net";
import { digestOf } from "../../../src/spec/index.ts";

/** A registry to ask, which anybody may pull from, push to and delete from. */
export interface Subject {
  /** `http://host:port`, without a path. */
  readonly url: () => string;
  /** Ends it without warning and starts it again on what it had; absent: those tests are skipped. */
  readonly restart?: () => Promise<void>;
}

export const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const INDEX = "application/vnd.oci.image.index.v1+json";
const EMPTY = "application/vnd.oci.empty.v1+json";

/** What a test pushes and asks, in one repository that no other test uses. */
export class Repository {
  readonly name: string;
  readonly #subject: Subject;

  constructor(subject: Subject) {
    this.#subject = subject;
    this.name = `suite/${crypto.randomUUID()}`;
  }

  /** A request below `/v2/<name>/`, or anywhere by a path or URL as a Location or Link has it. */
  async call(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const base = `${this.#subject.url()}/v2/${this.name}/`;
    // A client says what it takes: a registry may answer for nothing else.
    const headers = { accept: `${MANIFEST}, ${INDEX}, */*`, ...init.headers };
    return await fetch(new URL(path, base), { method, redirect: "manual", ...init, headers });
  }

  async pushBlob(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
    const digest = digestOf(content);
    const response = await this.call("PUT", withQuery(await this.begin(), { digest }), { body: content });
    if (response.status !== 201) throw new Error(`PUT of a blob answered ${response.status}`);
    return digest;
  }

  /** Opens an upload. @returns its Location */
  async begin(): Promise<string> {
    const response = await this.call("POST", "blobs/uploads/");
    const location = response.headers.get("location");
    if (response.status !== 202 || location === null)
      throw new Error(`POST of an upload answered ${response.status}, Location ${location}`);
    return location;
  }

  /** An image without layers that says `text`, its config pushed, as JSON. */
  async image(text: string, fields: object = {}): Promise<string> {
    const config = { mediaType: EMPTY, digest: await this.#emptyConfig(), size: 2 };
    const annotations = { text };
    return JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config,
      layers: [],
      annotations,
      ...fields,
    });
  }

  async put(target: string, manifest: string, type = MANIFEST): Promise<Response> {
    return await this.call("PUT", `manifests/${target}`, {
      headers: { "content-type": type },
      body: manifest,
    });
  }

  /** Pushes an image under a tag. @returns its digest */
  async pushImage(tag: string, text = tag, fields: object = {}): Promise<string> {
    const manifest = await this.image(text, fields);
    const response = await this.put(tag, manifest);
    if (response.status !== 201) throw new Error(`PUT of a manifest answered ${response.status}`);
    return digestOf(manifest);
  }

  /** All pages of a list. @returns each page's document */
  async pages<T>(path: string, maxPages = 200): Promise<T[]> {
    const pages: T[] = [];
    let next: string | undefined = path;
    while (next !== undefined) {
      const response = await this.call("GET", next);
      if (response.status !== 200) throw new Error(`GET ${next} answered ${response.status}`);
      pages.push((await response.json()) as T); // the caller says what it expects
      next = nextOf(response);
      if (pages.length > maxPages) throw new Error(`${path} has no end`);
    }
    return pages;
  }

  /** Sends bytes as they are, and returns what comes back until the other side or `untilMs` ends it. */
  async raw(text: string, options: { end?: boolean; untilMs?: number } = {}): Promise<string> {
    const { hostname, port } = new URL(this.#subject.url());
    return await new Promise((resolve) => {
      let got = "";
      const socket = connect({ host: hostname, port: Number(port) }, () => {
        socket.write(text);
        if (options.end) socket.destroy();
      });
      const timer = setTimeout(() => socket.destroy(), options.untilMs ?? 2_000);
      socket.on("data", (chunk) => {
        got += chunk.toString("latin1");
        socket.end();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        clearTimeout(timer);
        resolve(got);
      });
    });
  }

  #config: Promise<string> | undefined;
  #emptyConfig(): Promise<string> {
    this.#config ??= this.pushBlob("{}");
    return this.#config;
  }
}

/** A Location with more query: it may have some already, which must stay. */
export function withQuery(location: string, query: Record<string, string>): string {
  return `${location}${location.includes("?") ? "&" : "?"}${new URLSearchParams(query)}`;
}

/** Where a `Link` header leads. */
export function nextOf(response: Response): string | undefined {
  return /<([^>]+)>;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
}

/** Bytes that nobody can compress or guess. */
export function noise(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}
