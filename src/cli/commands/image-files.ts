/** `teu image files`: which layer brought, changed or took away what, and what is wasted. Dive's questions and thresholds. */
import { print } from "../../base/index.ts";
import { type ImageFiles, InvalidOption, imageFiles, openEngine, parseSize } from "../../engine/index.ts";
import { JSON_FLAG, teuCommand } from "../context.ts";
import { PLATFORM_FLAG, platformOf } from "../image-flags.ts";
import { REGISTRY_FLAGS, registryAccess } from "../registry-flags.ts";
import { count, encodeSize, encodeTable, printable, shortDigest } from "../text.ts";

const LETTERS = { added: "A", changed: "C", deleted: "D" } as const;
const WIDTH = 45;
const SHOWN_PATHS = 10;

export const command = teuCommand({
  name: "teu image files",
  summary: "Show which layer brought which files, and what is wasted",
  description: `Wasted is content that a layer brings and a layer above overwrites or removes. An image that is not here is read from its registry, and not kept.
With --ci the thresholds are dive's, and status 1 means that one is not kept to: 0.9, 0.1 and no limit of bytes, unless flags say otherwise.`,
  flags: {
    changes: {
      kind: "boolean",
      short: "c",
      summary: "List what each layer added (A), changed (C) and took away (D)",
    },
    ci: { kind: "boolean", summary: "Judge by thresholds" },
    "lowest-efficiency": {
      kind: "string",
      value: "RATIO",
      summary: "With --ci: of bytes that show to all (0.9)",
    },
    "highest-wasted-bytes": { kind: "string", value: "SIZE", summary: "With --ci: 20m" },
    "highest-user-wasted-percent": {
      kind: "string",
      value: "RATIO",
      summary: "With --ci: of wasted bytes to those of all layers but the first (0.1)",
    },
    platform: PLATFORM_FLAG,
    ...REGISTRY_FLAGS,
    json: JSON_FLAG,
  },
  arguments: [{ name: "IMAGE" }],
  examples: [
    { command: "teu image files debian:12", says: "Layer by layer" },
    { command: "teu image files --ci --lowest-efficiency 0.95 app:1", says: "Fail a build that wastes room" },
  ],
  async run(parsed, { environment }) {
    const {
      flags,
      arguments: [name = ""],
    } = parsed;
    const rules = rulesOf(flags);
    const store = await openEngine(environment);
    const options = { platform: platformOf(flags.platform), access: registryAccess(parsed) };
    const files = await imageFiles(store, name, options);
    const verdicts = flags.ci ? rules.map((rule) => ({ rule: rule.name, ...rule.judge(files) })) : [];
    if (flags.json) print(`${JSON.stringify(flags.ci ? { ...files, verdicts } : files)}\n`);
    else {
      print(flags.changes ? encodeChanges(files) : encodeSummary(files));
      for (const { rule, isKept, found, wants } of verdicts)
        print(`${isKept ? "PASS" : "FAIL"}  ${rule}: ${found}, wants ${wants}\n`);
    }
    return verdicts.every(({ isKept }) => isKept) ? 0 : 1;
  },
});

interface Rule {
  readonly name: string;
  judge(files: ImageFiles): { isKept: boolean; found: string; wants: string };
}

function rulesOf(flags: {
  readonly "lowest-efficiency": string | undefined;
  readonly "highest-wasted-bytes": string | undefined;
  readonly "highest-user-wasted-percent": string | undefined;
}): Rule[] {
  const efficiency = ratioOf("lowest-efficiency", flags["lowest-efficiency"] ?? "0.9");
  const user = ratioOf("highest-user-wasted-percent", flags["highest-user-wasted-percent"] ?? "0.1");
  const text = flags["highest-wasted-bytes"];
  const bytes = text === undefined ? undefined : parseSize(text, "--highest-wasted-bytes");
  return [
    {
      name: "lowest-efficiency",
      judge: (files) => ({
        ...{
          isKept: files.efficiency >= efficiency,
          found: files.efficiency.toFixed(4),
          wants: `at least ${efficiency}`,
        },
      }),
    },
    {
      name: "highest-user-wasted-percent",
      judge: ({ userWasted }) => ({
        ...{ isKept: userWasted <= user, found: userWasted.toFixed(4), wants: `at most ${user}` },
      }),
    },
    ...(bytes === undefined
      ? []
      : [
          {
            name: "highest-wasted-bytes",
            judge: ({ wastedBytes }: ImageFiles) => ({
              ...{ isKept: wastedBytes <= bytes, found: `${wastedBytes}`, wants: `at most ${bytes}` },
            }),
          },
        ]),
  ];
}

/** @throws {InvalidOption} */
function ratioOf(flag: string, text: string): number {
  const ratio = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (ratio >= 0 && ratio <= 1) return ratio;
  const option = `--${flag}`;
  throw new InvalidOption(
    { option, value: text },
    `Invalid value ${JSON.stringify(text)} of ${option}: wants a number from 0 to 1`,
  );
}

function encodeSummary({ layers, wasted, bytes, wastedBytes, efficiency }: ImageFiles): string {
  const rows = layers.map(({ digest, bytes: own, wastedBytes: lost, changes, createdBy }) => {
    const of = (kind: keyof typeof LETTERS): string =>
      `${changes.filter((change) => change.kind === kind).length}`;
    const by = printable(createdBy);
    return [
      shortDigest(digest),
      encodeSize(own),
      of("added"),
      of("changed"),
      of("deleted"),
      encodeSize(lost),
      by.length > WIDTH ? `${by.slice(0, WIDTH - 1)}…` : by,
    ];
  });
  const heading = ["LAYER", "FILES", "ADDED", "CHANGED", "DELETED", "WASTED", "CREATED BY"];
  const total = `\n${encodeSize(bytes)} in files, ${encodeSize(wastedBytes)} of them wasted: efficiency ${(100 * efficiency).toFixed(1)} %\n`;
  const paths = wasted.slice(0, SHOWN_PATHS).map(({ path, bytes: lost, copies }) => {
    return [encodeSize(lost), count(copies, "copy", "copies"), printable(path)];
  });
  const more = wasted.length - paths.length;
  return [
    encodeTable(heading, rows),
    total,
    paths.length === 0 ? "" : `\n${encodeTable(["WASTED", "COPIES", "PATH"], paths)}`,
    more > 0 ? `and ${count(more, "path")} more\n` : "",
  ].join("");
}

function encodeChanges({ layers }: ImageFiles): string {
  return layers
    .map(({ digest, changes, createdBy }) => {
      const lines = changes.map(({ kind, path, bytes }) => {
        return `${LETTERS[kind]} ${printable(path)}${bytes > 0 ? ` ${encodeSize(bytes)}` : ""}\n`;
      });
      const heading = `${digest} ${printable(createdBy)}`.trimEnd();
      return `${heading}\n${lines.join("")}`;
    })
    .join("\n");
}
