/** `teu audit`: who had what run here. */
import { print } from "../../base/index.ts";
import { type AuditEntry, enginePaths, parseMoment, readAudit } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { FORMAT_FLAG, formatList, formatOf } from "../template/list.ts";
import { encodeTable, printable } from "../text.ts";

const HEADINGS: Readonly<Record<string, string>> = {
  Time: "TIME",
  UID: "UID",
  Login: "LOGIN",
  Action: "ACTION",
  Name: "NAME",
  Image: "IMAGE",
  Signature: "SIGNATURE",
  Command: "COMMAND",
  Allowed: "BEYOND THE DEFAULTS",
};

export const command = teuCommand({
  name: "teu audit",
  summary: "Show who had what run here, and what it was allowed to do",
  description: `Every container that was made, every start of one and every program of 'teu exec' has an entry in audit.log of the store, which goes with none of them. Each line holds the digest of
the one before: --verify tells where one was changed or taken out. A start has
the digest of its config.json and of the plan that our runtime made of it, the system calls that "teu runtime plan" prints: two starts with the same digest are the same
to the last argument. What is not in an entry: environments, which hold secrets.`,
  flags: {
    since: { kind: "string", value: "TIME", summary: "Begin there: a time, or how long ago (10m)" },
    until: { kind: "string", value: "TIME", summary: "End there" },
    container: {
      kind: "string",
      value: "NAME",
      summary: "Only that container, by its name or the beginning of its ID",
    },
    verify: {
      kind: "boolean",
      summary: "Look whether every line is as it was written; the exit status is 1 where not",
    },
    format: FORMAT_FLAG,
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [
    { command: "teu audit --since 24h", says: "What the last day brought" },
    { command: "teu audit --json | jq 'select(.allowed.privileged)'", says: "Who had everything" },
  ],
  async run({ flags }, { environment }) {
    const format = formatOf(flags.format);
    const { entries, problems } = readAudit(enginePaths(environment).root);
    if (flags.verify) {
      for (const { line, says } of problems) print(`line ${line}: ${says}\n`);
      if (problems.length === 0) print(`${entries.length} entries, each as it was written\n`);
      return problems.length === 0 ? 0 : 1;
    }
    const [since, until] = [flags.since, flags.until].map((text) =>
      text === undefined ? undefined : parseMoment(text),
    );
    const shown = entries.filter(
      ({ time, container, name }) =>
        (since === undefined || time >= since) &&
        (until === undefined || time < until) &&
        (flags.container === undefined || name === flags.container || container.startsWith(flags.container)),
    );
    if (flags.json) print(shown.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    else if (format !== undefined) print(formatList(format, shown.map(fieldsOf), HEADINGS));
    else
      print(
        encodeTable(
          Object.values(HEADINGS),
          shown.map((entry) => Object.keys(HEADINGS).map((key) => fieldsOf(entry)[key] ?? "")),
        ),
      );
    return 0;
  },
});

function fieldsOf(entry: AuditEntry): Record<string, string> {
  const { time, uid, loginUID, action, name, container, image, imageDigest, signature, args, allowed } =
    entry;
  const { configDigest = "", planDigest = "" } = entry;
  return {
    ...{ Time: time, UID: `${uid}`, Login: loginUID === null ? "-" : `${loginUID}`, Action: action },
    ...{
      Name: name,
      Container: container,
      Image: image,
      ImageDigest: imageDigest,
      Signature: signature ?? "",
      ConfigDigest: configDigest,
      PlanDigest: planDigest,
    },
    Command: printable(args.join(" ")),
    Allowed: printable(
      Object.entries(allowed ?? {})
        .map(([key, value]) => (value === true ? key : `${key}: ${[value].flat().join(" ")}`))
        .join("; "),
    ),
  };
}
