/**
 * Programs that keep credentials: `docker-credential-NAME get|store|erase`, spoken to over their standard streams.
 * Source: docker/docker-credential-helpers, README, Development.
 */
import { spawn } from "node:child_process";
import { TeuError } from "../../base/index.ts";
import type { Credentials } from "./credentials.ts";

/** It is not there, hangs, or answers what nobody understands. Its answer may hold a secret and is not shown. */
export class CredentialHelperFailed extends TeuError<
  "credential-helper-failed",
  { helper: string; server: string; why: string }
> {
  constructor(context: { helper: string; server: string; why: string }, options?: { hint?: string }) {
    super(
      "credential-helper-failed",
      "unauthenticated",
      context,
      `Cannot ask docker-credential-${context.helper} for the credentials of ${context.server}: ${context.why}`,
      options,
    );
  }
}

/** A keychain may ask a person to be opened. */
const PATIENCE_MS = 60_000;
const MAX_ANSWER_BYTES = 1 << 20;
/** What helpers say of a server that they do not know; some of them with a dot. */
const NOT_FOUND = "credentials not found in native keychain";
/** In the place of a name: the secret is an identity token. */
export const TOKEN_NAME = "<token>";

/** The credentials for `server` that `helper` keeps, if it has some. @throws {CredentialHelperFailed} */
export async function askHelper(helper: string, server: string): Promise<Credentials | undefined> {
  const { status, output, errors } = await call(helper, "get", server, server);
  // Of a failure the protocol has the text on standard output.
  const said = `${output}${errors}`.trim();
  if (status !== 0) {
    if (said.toLowerCase().includes(NOT_FOUND)) return undefined;
    throw new CredentialHelperFailed({
      helper,
      server,
      why: said.slice(0, 200) || `status ${status}`,
    });
  }
  const { Username, Secret } = parseAnswer(helper, server, output);
  if (Username === TOKEN_NAME) return { kind: "identity-token", token: Secret };
  return { kind: "basic", username: Username, password: Secret };
}

/** Has `helper` keep a name and a password. @throws {CredentialHelperFailed} */
export async function storeInHelper(
  helper: string,
  server: string,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<void> {
  await must(
    helper,
    "store",
    server,
    JSON.stringify({ ServerURL: server, Username: username, Secret: password }),
  );
}

/** Has `helper` forget what it keeps for `server`. @throws {CredentialHelperFailed} */
export async function eraseFromHelper(helper: string, server: string): Promise<void> {
  await must(helper, "erase", server, server);
}

async function must(helper: string, verb: string, server: string, input: string): Promise<void> {
  const { status, output, errors } = await call(helper, verb, server, input);
  const said = `${output}${errors}`.trim();
  if (status !== 0)
    throw new CredentialHelperFailed({
      helper,
      server,
      why: said.slice(0, 200) || `status ${status}`,
    });
}

function parseAnswer(helper: string, server: string, output: string): { Username: string; Secret: string } {
  try {
    const { Username, Secret } = JSON.parse(output) as { Username?: unknown; Secret?: unknown };
    if (typeof Username === "string" && typeof Secret === "string" && Secret !== "")
      return { Username, Secret };
  } catch {
    // Not kept as a cause: the parser's message quotes what it read.
  }
  throw new CredentialHelperFailed({ helper, server, why: "its answer is no name and secret" });
}

function call(
  helper: string,
  verb: string,
  server: string,
  input: string,
): Promise<{ status: number; output: string; errors: string }> {
  // The name becomes that of a program: nothing of it may be a path.
  if (!/^[A-Za-z0-9._-]+$/.test(helper))
    throw new CredentialHelperFailed({ helper, server, why: "that is no name of a program" });
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    output: string;
    errors: string;
  }>();
  const fail = (why: string, hint?: string): void =>
    reject(new CredentialHelperFailed({ helper, server, why }, hint === undefined ? {} : { hint }));
  const child = spawn(`docker-credential-${helper}`, [verb], { stdio: ["pipe", "pipe", "pipe"] });
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    fail(`it has not answered in ${PATIENCE_MS / 1000} s`);
  }, PATIENCE_MS);
  let [output, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.length > MAX_ANSWER_BYTES) child.kill("SIGKILL");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(0, MAX_ANSWER_BYTES);
  });
  child.on("error", () => {
    clearTimeout(timer);
    fail("there is no such program", "Install it, or take it out of docker's config.json");
  });
  child.on("close", (status) => {
    clearTimeout(timer);
    resolve({ status: status ?? -1, output, errors });
  });
  // One that ends without reading is told of by its status.
  child.stdin.on("error", () => undefined);
  child.stdin.end(`${input}\n`);
  return promise;
}
