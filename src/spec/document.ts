/** What the parsers of image documents share: bytes → text → JSON, with a bound on the size. */
import { InvalidDocument, type Issue } from "./check.ts";
import { parseJSON } from "./json.ts";

/**
 * No manifest, index or config is read into memory beyond this many bytes: 4 MiB is what registries take.
 * Source: distribution-spec, pushing manifests; CVE-2020-1702 is what happens without a bound.
 */
export const MAX_MANIFEST_BYTES = 4 << 20;
/** The same for the config, whose labels and history people fill freely. */
export const MAX_CONFIG_BYTES = 4 << 20;

/** Parses a document's bytes as JSON. @throws {InvalidDocument} too large or not UTF-8 @throws {InvalidJSON} */
export function parseDocument(source: Uint8Array | string, name: string, maxBytes: number): unknown {
  const bytes = typeof source === "string" ? Buffer.byteLength(source) : source.length;
  if (bytes > maxBytes) throw fault(name, `${bytes} bytes`, `at most ${maxBytes} bytes`);
  return parseJSON(typeof source === "string" ? source : decode(source, name), name);
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fault(name, "bytes that are not UTF-8", "UTF-8");
  }
}

function fault(name: string, found: string, wants: string): InvalidDocument {
  return new InvalidDocument({ name, issues: [{ path: [], found, wants }] });
}

/**
 * Issues of a document that could be read as another kind: a registry that serves the same bytes under two media
 * types would make two tools see two images. Source: CVE-2021-41190.
 */
export function foreignFieldIssues(value: unknown, foreign: readonly string[], kind: string): Issue[] {
  if (typeof value !== "object" || value === null) return [];
  const fields = foreign.filter((field) => (value as Record<string, unknown>)[field] != null);
  return fields.map((field) => ({ path: [field], found: "this field", wants: `none in ${kind}` }));
}

/** The issue that `mediaType` in the document is not what its carrier (a descriptor, a Content-Type) said. */
export function mediaTypeIssues(found: string | undefined, expected: string | undefined): Issue[] {
  if (found === undefined || expected === undefined || found === expected) return [];
  return [{ path: ["mediaType"], found: JSON.stringify(found), wants: JSON.stringify(expected) }];
}
