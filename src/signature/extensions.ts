/** Extensions of certificates, from their DER: the text that node makes of some of them can be read in two ways (CVE-2021-44532). Source: RFC 5280, 4.1 and 4.2. */
import { elementsOf } from "./der.ts";

/** One of them. */
export interface Extension {
  /** Its ID, as its bytes in DER. */
  readonly id: Uint8Array;
  /** Who does not understand it must not accept the certificate. */
  readonly isCritical: boolean;
  readonly content: Uint8Array | undefined;
}

/** A name of the extension that lists them. */
export interface AlternativeName {
  /** Its kind: a tag of GeneralName. */
  readonly tag: number;
  readonly text: string;
}

const EXTENSIONS = 0xa3;
const BOOLEAN = 0x01;
/** 2.5.29.17 */
const SUBJECT_ALT_NAME = Uint8Array.of(0x55, 0x1d, 0x11);

/** Those of a certificate. @throws {RangeError} It cannot be read. */
export function extensionsOf(der: Uint8Array): Extension[] {
  const [certificate] = elementsOf(der);
  const [body] = elementsOf(certificate?.content);
  const list = elementsOf(body?.content).find(({ tag }) => tag === EXTENSIONS);
  const [sequence] = elementsOf(list?.content);
  return elementsOf(sequence?.content).map(({ content }) => {
    const [id, ...rest] = elementsOf(content);
    const isCritical = rest[0]?.tag === BOOLEAN && rest[0].content[0] !== 0;
    return { id: id?.content ?? new Uint8Array(), isCritical, content: rest.at(-1)?.content };
  });
}

/** What the extension with this ID holds, if it is there. @throws {RangeError} The certificate cannot be read. */
export function extensionOf(der: Uint8Array, wanted: Uint8Array): Uint8Array | undefined {
  return extensionsOf(der).find(({ id }) => Buffer.compare(id, wanted) === 0)?.content;
}

/** The names under which a certificate knows its subject. @throws {RangeError} It cannot be read. */
export function alternativeNames(der: Uint8Array): AlternativeName[] {
  const [list] = elementsOf(extensionOf(der, SUBJECT_ALT_NAME));
  return elementsOf(list?.content).map(({ tag, content }) => ({
    tag,
    text: Buffer.from(content).toString("latin1"),
  }));
}

/** An ID as people write it. */
export function encodeID(id: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of id) {
    number = number * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  const [first = 0, ...rest] = numbers;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - 40 * top, ...rest].join(".");
}
