/** Our registry as a process of its own, and a store of its own for the teu that talks to it. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, run, TEU } from "../teu.ts";
import { findLeftovers } from "./leftovers.ts";

/** A registry that runs until it is disposed of. */
export interface RegistryProcess extends AsyncDisposable {
  /** Host and port, as a reference begins. */
  readonly address: string;
  readonly pid: number;
  /** Ends it, if it still runs. @returns its exit status */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number>;
}

/** Starts `teu registry serve` with `words`, which have it listen on the loopback address. */
export async function serveRegistry(...words: readonly string[]): Promise<RegistryProcess> {
  const child = Bun.spawn([TEU, "registry", "serve", ...words], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const end: RegistryProcess["end"] = async (signal) => {
    child.kill(signal);
    return await child.exited;
  };
  return {
    address: await firstAddress(child.stdout),
    pid: child.pid,
    end,
    async [Symbol.asyncDispose]() {
      await end("SIGTERM");
    },
  };
}

/** Starts one on a free port, with a folder that is gone after it. */
export async function startRegistry(): Promise<RegistryProcess> {
  const folder = mkdtempSync(join(tmpdir(), "teu-registry-"));
  const registry = await serveRegistry("--listen", "127.0.0.1:0", "--root", folder);
  return {
    ...registry,
    async [Symbol.asyncDispose]() {
      await registry.end("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The address that a registry prints once it listens. */
async function firstAddress(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stdout) {
    text += new TextDecoder().decode(chunk);
    const address = /127\.0\.0\.1:\d+/.exec(text)?.[0];
    if (address !== undefined && text.includes("\n")) return address;
  }
  throw new Error(`the registry ended before it listened: ${text}`);
}

/** A store of its own, in which commands run; nothing of it may be left when it is disposed of. */
export class Store implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "teu-store-"));
  readonly env: Readonly<Record<string, string>> = {
    TEU_ROOT: join(this.folder, "root"),
    TEU_RUN: join(this.folder, "run"),
  };

  /** Words before each command, for instance to have it in another network namespace. */
  readonly #prefix: readonly string[];

  constructor(prefix: readonly string[] = []) {
    this.#prefix = prefix;
  }

  /** Runs `teu` on this store. */
  teu(...words: readonly string[]): Promise<Finished> {
    return run([...this.#prefix, TEU, ...words], { env: { ...this.env } });
  }

  /** Runs `teu`, which must succeed; returns its output. */
  async done(...words: readonly string[]): Promise<string> {
    const result = await this.teu(...words);
    if (result.status !== 0)
      throw new Error(`teu ${words.join(" ")}: status ${result.status}: ${result.stderr}`);
    return result.stdout;
  }

  /** A path in the store's own folder, outside of what teu keeps. */
  path(name: string): string {
    return join(this.folder, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The bridge of the network that containers are in by themselves.
    if (existsSync(join(this.folder, "root/teu.db"))) await this.done("network", "prune");
    const left = findLeftovers([this.folder]);
    if (left.length > 0) throw new Error(`teu left behind in ${this.folder}:\n${left.join("\n")}`);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
