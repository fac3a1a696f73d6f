/**
 * Which names an authority may certify: hosts and addresses, those that it is limited to and those that it is kept from.
 * Source: RFC 5280, 4.2.1.10.
 */
import type { X509Certificate } from "node:crypto";
import { elementsOf } from "./der.ts";
import { type AlternativeName, alternativeNames } from "./extensions.ts";

/** Tags of GeneralName. */
export const [EMAIL, HOST] = [0x81, 0x82];
const DIRECTORY = 0xa4;
const KINDS = new Map([
  [0xa0, "names of other forms"],
  [DIRECTORY, "directory names"],
  [0x86, "URIs"],
  [0x87, "IP addresses"],
]);

const [PERMITTED, EXCLUDED] = [0xa0, 0xa1];
const LABELS = "[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*";
const IS_HOST = new RegExp(`^(?:\\*\\.)?${LABELS}$`);
const IS_ADDRESS = new RegExp(`^[^@"\\s]+@${LABELS}$`);
const IS_HOST_BASE = new RegExp(`^(?:\\.?${LABELS})?$`);
const IS_ADDRESS_BASE = new RegExp(`^(?:[^@"\\s]+@|\\.)?${LABELS}$`);

/**
 * Holds the names of `certificates` against the limits of an authority above them.
 * @param limits  NameConstraints, in DER.
 * @throws {RangeError} One has a name that it may not certify, or that is of a kind whose limits are not understood.
 */
export function requireWithin(limits: Uint8Array, certificates: readonly X509Certificate[]): void {
  const trees = elementsOf(elementsOf(limits)[0]?.content);
  if (trees.length === 0 || trees.some(({ tag }) => tag !== PERMITTED && tag !== EXCLUDED))
    throw new RangeError("an authority's limits of names cannot be read");
  const bases = (wanted: number): AlternativeName[] =>
    trees.filter(({ tag }) => tag === wanted).flatMap(({ content }) => elementsOf(content).map(baseOf));
  const [permitted, excluded] = [bases(PERMITTED), bases(EXCLUDED)];
  for (const name of certificates.flatMap(namesOf)) {
    const may = permitted.filter(({ tag }) => tag === name.tag);
    const mayNot = excluded.filter(({ tag }) => tag === name.tag);
    if (may.length === 0 && mayNot.length === 0) continue;
    requireComparable(name);
    if (mayNot.some((base) => matches(name, base) || mayBecome(name, base)))
      throw new RangeError(`an authority is kept from certifying ${JSON.stringify(name.text)}`);
    if (may.length > 0 && !may.some((base) => matches(name, base)))
      throw new RangeError(`an authority may not certify ${JSON.stringify(name.text)}, only some names`);
  }
}

/** A subtree: its base, and distances from there that nobody may use. */
function baseOf({ content }: { readonly content: Uint8Array }): AlternativeName {
  const [base, ...distances] = elementsOf(content);
  if (base === undefined || distances.length > 0)
    throw new RangeError("an authority's limits of names cannot be read");
  const text = Buffer.from(base.content).toString("latin1");
  const form = base.tag === HOST ? IS_HOST_BASE : base.tag === EMAIL ? IS_ADDRESS_BASE : undefined;
  if (form !== undefined && !form.test(normalise({ tag: base.tag, text })))
    throw new RangeError(`an authority's limit ${JSON.stringify(text)} of names cannot be read`);
  return { tag: base.tag, text };
}

function namesOf({ raw, subject }: X509Certificate): AlternativeName[] {
  const names = alternativeNames(raw);
  return subject ? [...names, { tag: DIRECTORY, text: subject }] : names;
}

/** What cannot be compared may be anything. */
function requireComparable(name: AlternativeName): void {
  if (name.tag !== HOST && name.tag !== EMAIL) {
    const kind = KINDS.get(name.tag) ?? "names of a rare kind";
    throw new RangeError(
      `an authority's limits of ${kind} are not understood, only those of hosts and addresses`,
    );
  }
  if (!(name.tag === HOST ? IS_HOST : IS_ADDRESS).test(normalise(name)))
    throw new RangeError(`a certificate's name ${JSON.stringify(name.text)} cannot be held against limits`);
}

function matches(name: AlternativeName, base: AlternativeName): boolean {
  const [one, other] = [normalise(name), normalise(base)];
  if (name.tag === HOST)
    return other === "" || one === other || one.endsWith(other.startsWith(".") ? other : `.${other}`);
  const host = one.slice(one.lastIndexOf("@") + 1);
  if (other.includes("@")) return one === other;
  // A host's mailboxes are its own; those below it want the dot.
  return other.startsWith(".") ? host.endsWith(other) : host === other;
}

/** Whether `*` of a host can stand for what is, or is above, `base` (CVE-2025-61727). */
function mayBecome({ tag, text }: AlternativeName, base: AlternativeName): boolean {
  if (tag !== HOST || !text.startsWith("*.")) return false;
  return (
    normalise(base)
      .replace(/^\./, "")
      .replace(/^[^.]+/, "*") === text.toLowerCase()
  );
}

/** Case means nothing in hosts, and something before the `@`. */
function normalise({ tag, text }: AlternativeName): string {
  const at = tag === EMAIL ? text.lastIndexOf("@") + 1 : 0;
  return `${text.slice(0, at)}${text.slice(at).toLowerCase()}`;
}
