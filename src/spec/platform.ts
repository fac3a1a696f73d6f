/**
 * Platforms: what an image runs on, their short form `os/architecture/variant`, and which one of an index's
 * manifests suits a machine best.
 * Source: image-spec image-index.md, platform; the fallback ladders are containerd's.
 */
import { TeuError } from "../base/index.ts";
import { array, type Check, object, optional, string } from "./check.ts";

/** What an image runs on; the words are Go's GOOS and GOARCH. */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
  readonly variant?: string;
}

/** A platform as index and config carry it. */
export const platformCheck: Check<Platform> = object<Platform>({
  architecture: string,
  os: string,
  "os.version": optional(string),
  "os.features": optional(array(string)),
  variant: optional(string),
});

/** The text is not a platform. */
export class InvalidPlatform extends TeuError<"invalid-platform", { text: string }> {
  constructor(context: { text: string }) {
    super(
      "invalid-platform",
      "invalid",
      context,
      `Invalid platform ${JSON.stringify(context.text)}: wants os/architecture or os/architecture/variant`,
    );
  }
}

const WORD = /^[A-Za-z0-9_.-]+$/;

/** Parses `linux/arm64/v8`, `linux/amd64`, or an architecture alone (then the os is linux). @throws {InvalidPlatform} */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  if (parts.length > 3 || !parts.every((part) => WORD.test(part))) throw new InvalidPlatform({ text });
  const [first = "", second, variant] = parts;
  if (second === undefined && !isArchitecture(first)) throw new InvalidPlatform({ text });
  return normalizePlatform(
    second === undefined
      ? { os: "linux", architecture: first }
      : { os: first, architecture: second, ...(variant === undefined ? {} : { variant }) },
  );
}

/** Go's, and other names of them. */
function isArchitecture(text: string): boolean {
  return ARCHITECTURES.has(text.toLowerCase()) || ALIASES.has(text.toLowerCase());
}

const ARCHITECTURES: ReadonlySet<string> = new Set(
  "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(" "),
);

/** `linux/arm64/v8`. */
export function encodePlatform({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** The platform of a machine, from Node's name for its processor (`process.arch`). */
export function platformOfProcessor(processor: string): Platform {
  const names = new Map([
    ["x64", "amd64"],
    ["ia32", "386"],
  ]);
  return normalizePlatform({ os: "linux", architecture: names.get(processor) ?? processor });
}

const ALIASES = new Map<string, readonly [architecture: string, variant?: string]>([
  ["x86_64", ["amd64"]],
  ["x86-64", ["amd64"]],
  ["i386", ["386"]],
  ["i686", ["386"]],
  ["aarch64", ["arm64"]],
  ["armhf", ["arm", "v7"]],
  ["armel", ["arm", "v6"]],
]);
/** The variant that an architecture has when none is named, and that is left out for it: the base line. */
const BASE_VARIANTS = new Map([
  ["amd64", "v1"],
  ["arm64", "v8"],
]);

/** One spelling per platform: lower case, aliases replaced, the architecture's base variant left out, arm without one is v7. */
export function normalizePlatform(platform: Platform): Platform {
  const { variant: named, architecture: given, os, ...rest } = platform;
  const lower = given.toLowerCase();
  const [architecture, implied] = ALIASES.get(lower) ?? [lower];
  let variant = named?.toLowerCase() || implied;
  if (architecture === "arm") variant = variant === undefined ? "v7" : variant.replace(/^(\d)/, "v$1");
  if (architecture === "arm64") variant = variant?.replace(/^(\d)/, "v$1").replace(/\.0$/, "");
  if (variant === BASE_VARIANTS.get(architecture)) variant = undefined;
  return { ...rest, os: os.toLowerCase(), architecture, ...(variant === undefined ? {} : { variant }) };
}

/**
 * The platforms whose programs run on `wanted`, best first: amd64/v3 runs v3, v2, v1 and then 386; arm64 runs every
 * older arm64 and then arm/v8 to v5. `wanted` itself is the first.
 */
export function platformLadder(wanted: Platform): Platform[] {
  const top = normalizePlatform(wanted);
  const rungs = (architecture: string, variants: readonly string[]): Platform[] =>
    variants.map((variant) => normalizePlatform({ os: top.os, architecture, variant }));
  const [major, minor] = versionOf(top.variant ?? BASE_VARIANTS.get(top.architecture));
  if (major === undefined) return [top];
  switch (top.architecture) {
    case "amd64":
      return [...rungs("amd64", downFrom(major, 1)), { os: top.os, architecture: "386" }];
    case "arm":
      return rungs("arm", downFrom(major, 5));
    case "arm64":
      return [...rungs("arm64", arm64Variants(major, minor)), ...rungs("arm", downFrom(8, 5))];
    default:
      return [top];
  }
}

function versionOf(variant: string | undefined): [major?: number, minor?: number] {
  const match = /^v(\d{1,2})(?:\.(\d{1,2}))?$/.exec(variant ?? "");
  return match === null ? [] : [Number(match[1]), Number(match[2] ?? 0)];
}

function downFrom(from: number, to: number): string[] {
  return Array.from({ length: Math.max(from - to + 1, 0) }, (_, index) => `v${from - index}`);
}

/** v9.N contains v8.(N+5); so the ladder goes down v9's versions, then v8's. Source: Arm architecture manual, A2. */
function arm64Variants(major: number, minor = 0): string[] {
  const of = (number: number, from: number): string[] =>
    Array.from({ length: from + 1 }, (_, index) =>
      index === from ? `v${number}` : `v${number}.${from - index}`,
    );
  if (major === 9) return [...of(9, minor), ...of(8, Math.min(minor + 5, 9))];
  return major === 8 ? of(8, minor) : [];
}

/** Whether programs for `platform` run on `wanted`. */
export function suitsPlatform(platform: Platform, wanted: Platform): boolean {
  const spelled = encodePlatform(normalizePlatform(platform));
  return platformLadder(wanted).some((rung) => encodePlatform(rung) === spelled);
}

/**
 * The entry that suits `wanted` best: the highest rung of its ladder, and the first entry in order on that rung.
 * An entry that names no platform is taken last: nothing says that it does not run.
 */
export function selectPlatform<T extends { readonly platform?: Platform | undefined }>(
  entries: readonly T[],
  wanted: Platform,
): T | undefined {
  const spelled = entries.map((entry) =>
    entry.platform === undefined ? undefined : encodePlatform(normalizePlatform(entry.platform)),
  );
  for (const rung of platformLadder(wanted)) {
    const found = entries[spelled.indexOf(encodePlatform(rung))];
    if (found !== undefined) return found;
  }
  return entries.find((entry) => entry.platform === undefined);
}
