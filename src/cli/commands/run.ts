/** `teu run`: a program in a new container, in the foreground. Docker's flags and exit statuses. */
import { print, printError } from "../../base/index.ts";
import { type AttachOptions, InvalidOption, openEngine, runImage, startImage } from "../../engine/index.ts";
import { ATTACH_FLAGS, attachOptions } from "../attach-flags.ts";
import { CONTAINER_FLAGS, containerRequest } from "../container-flags.ts";
import { teuCommand } from "../context.ts";
import { warningsOf } from "../flag-checks.ts";
import {
  INSECURE_FLAG,
  PLATFORM_FLAG,
  PULL_FLAG,
  platformOf,
  pullPolicyOf,
  QUIET_FLAG,
  SIGNATURE_POLICY_FLAG,
} from "../image-flags.ts";
import { PROGRESS_FLAG, progressPrinter } from "../progress.ts";
import { type TraceFormat, tracePrinter } from "../trace.ts";

export const command = teuCommand({
  name: "teu run",
  summary: "Run a program in a new container",
  description: `The image is pulled when it is not here. Without COMMAND the image's own program runs. teu stays in the foreground (or with -d leaves it running, for 'teu logs', 'attach', 'stop'):
input with -i, signals forwarded, the exit status is the program's (125: teu failed, 126: the program cannot be
executed, 127: there is no such program). Without --rm the container stays, with what it wrote, until 'teu rm'.
A container is in the network 'bridge', unless --network says another one of 'teu network ls', none (its own, with nothing but lo in it) or the host's.`,
  flags: {
    detach: { kind: "boolean", short: "d", summary: "Leave the container running, and print its ID" },
    attach: {
      kind: "list",
      short: "a",
      value: "stdin|stdout|stderr",
      summary: "Pass on only these of its streams",
    },
    ...ATTACH_FLAGS,
    ...CONTAINER_FLAGS,
    platform: PLATFORM_FLAG,
    pull: PULL_FLAG,
    insecure: INSECURE_FLAG,
    "signature-policy": SIGNATURE_POLICY_FLAG,
    trace: {
      kind: "string",
      value: "text|json",
      bare: "text",
      summary: "Tell each step and what it cost, on stderr",
    },
    progress: PROGRESS_FLAG,
    quiet: QUIET_FLAG,
  },
  arguments: [
    { name: "IMAGE" },
    { name: "COMMAND", isOptional: true },
    { name: "ARG", isOptional: true, isRepeated: true },
  ],
  stopsAtArgument: true,
  examples: [
    { command: "teu run --rm debian cat /etc/os-release", says: "Run one program and leave nothing behind" },
    { command: "teu run --rm -it debian bash", says: "Work in a container" },
    {
      command: "teu run --rm -v $PWD:/src -w /src -m 512m --cpus 1.5 node:22 npm test",
      says: "Test a project, bounded",
    },
    { command: "teu run -d -p 8080:80 --name web nginx", says: "Serve on port 8080 of this machine" },
    { command: "teu run --rm --trace debian true", says: "See what it takes" },
    { command: "teu run --rm --runtime /usr/sbin/runc debian true", says: "The same under another runtime" },
  ],
  async run({ flags, arguments: [image = "", ...words] }, context) {
    const trace = traceFormat(flags.trace);
    if (flags.detach && flags.attach.length > 0)
      throw new InvalidOption(
        { option: "--attach", value: flags.attach.join(" ") },
        "conflicting options: cannot specify both --attach and --detach",
      );
    const asked = containerRequest(flags, words, context.environment);
    const request = flags.detach && flags.interactive ? { ...asked, keepsInput: true } : asked;
    for (const text of warningsOf(flags)) printError(`WARNING: ${text}\n`);
    const quiet = flags.quiet || trace !== undefined;
    using progress = progressPrinter({ progress: flags.progress, quiet });
    const options = {
      platform: platformOf(flags.platform),
      pull: pullPolicyOf(flags.pull),
      access: { isInsecure: flags.insecure },
      signaturePolicy: flags["signature-policy"],
      attach: { ...attachOptions(flags), ...streamsOf(flags.attach) },
      onStep: tracePrinter(trace),
      onMissing: progress.missing,
      onProgress: progress.update,
    };
    const store = await openEngine(context.environment);
    const printID = (id: string): void => void print(`${id}\n`);
    // Of which nothing is shown, that is named, and goes on with what it was given.
    const isShown = !flags.detach && options.attach.shows?.length !== 0;
    if (isShown) return await runImage(store, image, request, options);
    if (!flags.detach && flags.interactive)
      return await runImage(store, image, request, { ...options, onStarted: printID });
    printID(await startImage(store, image, request, options));
    return 0;
  },
});

/** @throws {InvalidOption} docker's words */
function streamsOf(words: readonly string[]): Pick<AttachOptions, "shows" | "leavesAfterInput"> {
  if (words.length === 0) return {};
  const names = words.map((word) => word.toLowerCase());
  const wrong = names.find((name) => !/^std(in|out|err)$/.test(name));
  if (wrong !== undefined)
    throw new InvalidOption(
      { option: "--attach", value: wrong },
      "valid streams are STDIN, STDOUT and STDERR",
    );
  // Whether the program's input is open, and ours, is for -i to say.
  const shows = (["stdout", "stderr"] as const).filter((name) => names.includes(name));
  return { shows, leavesAfterInput: shows.length === 0 };
}

function traceFormat(word: string | undefined): TraceFormat | undefined {
  if (word === undefined || word === "text" || word === "json") return word;
  throw new InvalidOption(
    { option: "--trace", value: word },
    `Invalid value ${JSON.stringify(word)} of --trace: wants text or json`,
  );
}
