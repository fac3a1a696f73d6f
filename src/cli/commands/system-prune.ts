/** `teu system prune`. Docker's flags, a budget, and a reason for each thing that goes. */
import { print } from "../../base/index.ts";
import { openEngine, type PruneKind, parseSize, prune } from "../../engine/index.ts";
import { confirm, FORCE_FLAG } from "../confirm.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { encodeAge, encodeSize } from "../text.ts";
import { untilOf } from "../until.ts";

export const command = teuCommand({
  name: "teu system prune",
  summary: "Remove what nobody needs",
  description: `Containers that have ended, networks without containers and content without a name go; with --all every image that no container has, with --volumes
the volumes without a name that no container has. With --budget only images go, those used longest ago first, until the rest fits. A limit in /etc/teu/engine.toml is kept by itself.`,
  flags: {
    all: { kind: "boolean", short: "a", summary: "Every image that no container has" },
    volumes: { kind: "boolean", summary: "Volumes without a name too" },
    filter: { kind: "list", value: "until=TIME", summary: "Only what is older: a time, or 24h" },
    budget: {
      kind: "string",
      value: "SIZE",
      aliases: ["max-size", "keep-storage"],
      summary: "Remove images until the others take no more: 20g",
    },
    "dry-run": { kind: "boolean", summary: "Tell what would go, and why; remove nothing" },
    force: FORCE_FLAG,
    json: JSON_FLAG,
  },
  arguments: [],
  examples: [
    { command: "teu system prune --all --dry-run", says: "See what could go" },
    { command: "teu system prune --budget 20g", says: "Keep images to 20 GB, from a timer" },
  ],
  async run({ flags }, { environment }) {
    const until = untilOf(flags.filter);
    confirm("system prune", flags.force || flags["dry-run"], lossesOf(flags));
    const store = await openEngine(environment);
    const isDryRun = flags["dry-run"];
    let total = 0;
    for await (const gone of prune(store, {
      kinds: new Set<PruneKind>([
        ...(["container", "network", "content"] as const),
        ...(flags.all ? (["image"] as const) : []),
        ...(flags.volumes ? (["volume"] as const) : []),
      ]),
      isDryRun,
      ...(until !== undefined && { until }),
      ...(flags.budget !== undefined && { budgetBytes: parseSize(flags.budget, "--budget") }),
    })) {
      total += gone.bytes;
      const { kind, name, bytes, reason, lastUsed } = gone;
      const used = lastUsed === undefined ? "" : `; last used ${encodeAge(lastUsed, Date.now())}`;
      print(
        flags.json
          ? `${JSON.stringify(gone)}\n`
          : `${kind}  ${name}  ${encodeSize(bytes)}  ${reason}${used}\n`,
      );
    }
    if (!flags.json) print(`Total ${isDryRun ? "reclaimable" : "reclaimed"} space: ${encodeSize(total)}\n`);
    return 0;
  },
});

/** Docker's words. */
function lossesOf({
  all,
  volumes,
  budget,
}: {
  readonly all: boolean;
  readonly volumes: boolean;
  readonly budget: string | undefined;
}): string[] {
  if (budget !== undefined) return [`images that were used longest ago, until the others fit in ${budget}`];
  return [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
  ];
}
