/** Calls one plugin: a program that reads its configuration and is told the rest by its environment. Source: CNI specification 1.1, section 2 and 5. */
import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import type { PluginConfiguration } from "./configuration.ts";
import { CNIPluginFailed } from "./errors.ts";
import { isObject } from "./object.ts";

/** Of which network, and where its plugins are. */
export interface CNINetwork {
  readonly network: string;
  /** Directories of plugins. */
  readonly path: readonly string[];
}

/** Who is connected, the same for every plugin of a chain. */
export interface CNICall extends CNINetwork {
  readonly container: string;
  /** Path of the network namespace; "": it is gone, and the plugin gives back what it has outside of it. */
  readonly namespace: string;
  readonly device: string;
  /** `NAME=VALUE;…` */
  readonly args: string;
}

/** A plugin that has not ended by then is killed, with all that it has started. */
const PATIENCE_SECONDS = 60;
const MAX_ANSWER_BYTES = 1 << 22;
/** Plugins call programs as iptables. */
const PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/** What is asked of a container's place, and what of a network as a whole. */
type AttachmentCommand = "ADD" | "DEL" | "CHECK";
type NetworkCommand = "VERSION" | "STATUS" | "GC";

/** Asks a plugin about a container's place. @returns what it says, undefined where that is nothing @throws {CNIPluginFailed} */
export async function callPlugin(
  command: AttachmentCommand,
  plugin: Pick<PluginConfiguration, "type">,
  input: object,
  call: CNICall,
): Promise<unknown> {
  const { container, namespace, device, args } = call;
  const asked = {
    ...{ CNI_CONTAINERID: container, CNI_NETNS: namespace, CNI_IFNAME: device },
    CNI_ARGS: args,
  };
  return await execute(command, plugin, input, call, asked);
}

/** Asks a plugin about its network. @returns what it says, undefined where that is nothing @throws {CNIPluginFailed} */
export async function askPlugin(
  command: NetworkCommand,
  plugin: Pick<PluginConfiguration, "type">,
  input: object,
  network: CNINetwork,
): Promise<unknown> {
  return await execute(command, plugin, input, network, {});
}

async function execute(
  command: AttachmentCommand | NetworkCommand,
  { type }: Pick<PluginConfiguration, "type">,
  input: object,
  { network, path }: CNINetwork,
  asked: Readonly<Record<string, string>>,
): Promise<unknown> {
  const failed = (why: string) => new CNIPluginFailed({ network, plugin: type, command, why });
  const program = path.map((directory) => join(directory, type)).find(isProgram);
  if (program === undefined) throw failed(`there is no such program in ${path.join(":")}`);
  const seconds = Number(process.env["TEU_CNI_TIMEOUT"]) || PATIENCE_SECONDS;
  let isLate = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const child = Bun.spawn([program], {
      stdin: new TextEncoder().encode(JSON.stringify(input)),
      stdout: "pipe",
      stderr: "pipe",
      env: { ...asked, CNI_COMMAND: command, CNI_PATH: path.join(":"), PATH },
      cwd: "/",
      detached: true, // a group of its own, to be killed with what it has started
      maxBuffer: MAX_ANSWER_BYTES,
    });
    timer = setTimeout(() => {
      isLate = true;
      killGroup(child.pid);
    }, seconds * 1000);
    const [stdout, stderr, status] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    if (isLate) throw failed(`it has not ended within ${seconds} s`);
    if (status !== 0) throw failed(whyOf(stdout, stderr, status));
    if (stdout.trim() === "") return undefined;
    const answer = parse(stdout);
    if (!isObject(answer)) throw failed(`its answer is no JSON object: ${JSON.stringify(oneLine(stdout))}`);
    return answer;
  } finally {
    clearTimeout(timer);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has just ended
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // as a shell does: the next directory
  }
}

/** Of the error document, or of what it wrote for people. */
function whyOf(stdout: string, stderr: string, status: number): string {
  const document = parse(stdout);
  if (!isObject(document) || typeof document["msg"] !== "string")
    return oneLine(stderr || stdout) || `it ended with status ${status} and said nothing`;
  const { msg, details, code } = document;
  const more = typeof details === "string" && details !== "" ? `: ${details}` : "";
  return oneLine(`${msg}${more} (code ${code ?? "unknown"})`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // whoever asked says so
  }
}

function oneLine(text: string): string {
  return text
    .trim()
    .replace(/\s*\n\s*/g, "; ")
    .slice(0, 1000);
}
