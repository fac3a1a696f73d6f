/** `teu generate`: what other programs need to know of teu's containers. Podman's words. */
import { print } from "../../base/index.ts";
import { enginePaths, findContainer, openEngine, selfCommand } from "../../engine/index.ts";
import { isInUserNamespace } from "../../sys/index.ts";
import { type CliContext, commandGroup, teuCommand } from "../context.ts";

const systemd = teuCommand({
  name: "teu generate systemd",
  summary: "Print a unit of systemd: for 'teu serve', or for one container",
  description: `Without CONTAINER the unit looks after all of them: what ran before a reboot begins again as its --restart says, and health checks go on. The
unit of one container starts it, and stops it with the unit; make such a container without --restart.`,
  flags: {
    time: { kind: "integer", short: "t", value: "SECONDS", summary: "Wait so long for its end (10)" },
    "restart-policy": {
      kind: "string",
      value: "no|on-failure|always",
      default: "on-failure",
      summary: "When systemd starts it again",
    },
  },
  arguments: [{ name: "CONTAINER", isOptional: true }],
  examples: [
    {
      command: "teu generate systemd >/etc/systemd/system/teu.service && systemctl enable --now teu",
      says: "Have containers back after a reboot",
    },
    {
      command:
        "teu generate systemd >~/.config/systemd/user/teu.service && systemctl --user enable --now teu",
      says: "The same as a plain user",
    },
  ],
  async run({ flags, arguments: [name] }, { environment }) {
    const lines =
      name === undefined
        ? serviceOfAll(environment)
        : serviceOf(findContainer(await openEngine(environment), name).name, flags, environment);
    print(`${lines.join("\n")}\n`);
    return 0;
  },
});

function serviceOfAll(environment: CliContext["environment"]): string[] {
  return [
    "[Unit]",
    "Description=teu: health checks, and containers that begin again after a reboot",
    ...startsAfter(),
    "",
    "[Service]",
    ...placesOf(environment),
    `ExecStart=${lineOf("serve")}`,
    "Restart=on-failure",
    "KillMode=process", // what it started goes on without it
    "",
    "[Install]",
    `WantedBy=${isUsers() ? "default.target" : "multi-user.target"}`,
  ];
}

function serviceOf(
  name: string,
  {
    time,
    "restart-policy": restart,
  }: { readonly time: number | undefined; readonly "restart-policy": string },
  environment: CliContext["environment"],
): string[] {
  const patience = time ?? 10;
  return [
    "[Unit]",
    `Description=teu container ${name}`,
    ...startsAfter(),
    "",
    "[Service]",
    ...placesOf(environment),
    `ExecStart=${lineOf("start", "-a", name)}`,
    `ExecStop=${lineOf("stop", ...(time === undefined ? [] : ["-t", `${time}`]), name)}`,
    `Restart=${restart}`,
    `TimeoutStopSec=${patience + 60}`,
    "SuccessExitStatus=143 137",
    "KillMode=process",
    "",
    "[Install]",
    `WantedBy=${isUsers() ? "default.target" : "multi-user.target"}`,
  ];
}

/** Whether the unit is one of a plain user's own systemd, which knows nothing of the system's targets. */
function isUsers(): boolean {
  return process.geteuid?.() !== 0 || isInUserNamespace();
}

function startsAfter(): string[] {
  return isUsers() ? [] : ["After=network-online.target local-fs.target", "Wants=network-online.target"];
}

/** The store that we are asked about is the one that the unit is to use. */
function placesOf(environment: CliContext["environment"]): string[] {
  const { root, run } = enginePaths(environment);
  return [
    ...(environment["TEU_ROOT"] ? [`Environment=${quoted(`TEU_ROOT=${root}`)}`] : []),
    ...(environment["TEU_RUN"] ? [`Environment=${quoted(`TEU_RUN=${run}`)}`] : []),
  ];
}

function lineOf(...words: readonly string[]): string {
  return [...selfCommand(), ...words].map(quoted).join(" ");
}

/** Source: systemd.syntax(7), quoting; systemd.service(5), `%` and `$` in command lines. */
function quoted(word: string): string {
  const text = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

export const command = commandGroup(
  {
    name: "teu generate",
    summary: "Print what other programs need to know of containers",
    description: "What is printed changes nothing here: put it where the other program looks.",
    examples: [],
  },
  {
    systemd: {
      summary: "Print a unit of systemd: for 'teu serve', or for one container",
      load: async () => systemd,
    },
  },
);
