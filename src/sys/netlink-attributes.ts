/**
 * Attributes of netlink messages: length, type and value, each padded to four bytes. Numbers are in the machine's byte
 * order, which is little-endian on both architectures. Source: netlink(7); kernel userspace-api/netlink/intro.rst.
 */

const HEADER_BYTES = 4;
const ALIGNMENT = 4;
const NLA_F_NESTED = 0x8000;
/** Without the flags for nested ones and for network byte order. */
const TYPE_MASK = 0x3fff;

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** Builds the attributes of one message, in order. */
export class AttributeBuilder {
  readonly #parts: Buffer[] = [];

  bytes(type: number, value: Uint8Array): this {
    const attribute = Buffer.alloc(aligned(HEADER_BYTES + value.length));
    attribute.writeUInt16LE(HEADER_BYTES + value.length, 0);
    attribute.writeUInt16LE(type, 2);
    attribute.set(value, HEADER_BYTES);
    this.#parts.push(attribute);
    return this;
  }

  u8(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value));
  }

  u32(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return this.bytes(type, bytes);
  }

  /** Ends with a NUL. */
  text(type: number, value: string): this {
    return this.bytes(type, Buffer.from(`${value}\0`));
  }

  /** One attribute that holds those that `build` adds. */
  nested(type: number, build: (inner: AttributeBuilder) => void): this {
    const inner = new AttributeBuilder();
    build(inner);
    return this.bytes(type | NLA_F_NESTED, inner.finish());
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** The attributes in `bytes`, by type. @throws {RangeError} A length leads out of them. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < HEADER_BYTES || at + length > bytes.length)
      throw new RangeError(`A netlink attribute of ${length} bytes at ${at} of ${bytes.length}`);
    attributes.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + HEADER_BYTES, at + length));
    at += aligned(length);
  }
  return attributes;
}

/** The text of an attribute, without its NUL. */
export function decodeText(value: Buffer | undefined): string {
  const end = value?.indexOf(0) ?? -1;
  return value?.toString("utf8", 0, end < 0 ? value.length : end) ?? "";
}
