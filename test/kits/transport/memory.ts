/** Images in memory, as a source that says what a test wants it to say, lies included. */
import type { ImageDocument, ImageSource } from "../../../src/image/index.ts";
import { type Descriptor, type Digest, digestOf, mediaTypes } from "../../../src/spec/index.ts";

/** What is made for a test. */
export class Memory {
  readonly content = new Map<Digest, Uint8Array>();
  readonly #referrers: { readonly subject: Digest; readonly descriptor: Descriptor }[] = [];

  blob(content: string | Uint8Array, mediaType: string, algorithm?: "sha512"): Descriptor {
    const bytes = new Uint8Array(Buffer.from(content));
    const digest = digestOf(bytes, algorithm);
    this.content.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  /** An image of layers that say `layers`; they need not be archives to be copied. */
  image(layers: readonly (string | Descriptor)[], fields: object = {}): Descriptor {
    const config = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, layers };
    return this.#document(mediaTypes.manifest, {
      config: this.blob(JSON.stringify(config), mediaTypes.config),
      layers: layers.map((layer) => (typeof layer === "string" ? this.blob(layer, mediaTypes.layer) : layer)),
      ...fields,
    });
  }

  index(manifests: readonly Descriptor[], fields: object = {}): Descriptor {
    return this.#document(mediaTypes.index, { manifests, ...fields });
  }

  /** An artifact that refers to `subject`. */
  artifact(subject: Descriptor, text: string): Descriptor {
    const fields = { artifactType: "text/x-note", annotations: { text } };
    const manifest = this.#document(mediaTypes.manifest, {
      ...fields,
      config: this.blob("{}", mediaTypes.empty),
      layers: [this.blob(text, "text/plain")],
      subject,
    });
    const descriptor = { ...manifest, ...fields };
    this.#referrers.push({ subject: subject.digest, descriptor });
    return descriptor;
  }

  /** Has the bytes of `blob` be others than its digest says. */
  corrupt({ digest }: Descriptor, bytes: Uint8Array): void {
    this.content.set(digest, bytes);
  }

  source(root: Descriptor, fields: Partial<ImageSource> = {}): ImageSource {
    const bytesOf = ({ digest }: Descriptor): Uint8Array => {
      const bytes = this.content.get(digest);
      if (bytes === undefined) throw new Error(`no ${digest} in memory`);
      return bytes;
    };
    return {
      name: "memory:",
      root: async () => ({ descriptor: root, bytes: bytesOf(root) }),
      readDocument: async (descriptor) => bytesOf(descriptor),
      async *readBlob(blob) {
        const bytes = bytesOf(blob);
        for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
      },
      referrers: async (subject) =>
        this.#referrers.filter((one) => one.subject === subject).map(({ descriptor }) => descriptor),
      [Symbol.asyncDispose]: async () => undefined,
      ...fields,
    };
  }

  #document(mediaType: string, fields: object): Descriptor {
    return this.blob(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }), mediaType);
  }
}

/** All that a source has below its root. */
export async function readAll(source: ImageSource): Promise<Map<Digest, string>> {
  const found = new Map<Digest, string>();
  const visit = async ({ descriptor, bytes }: ImageDocument): Promise<void> => {
    const text = new TextDecoder().decode(bytes);
    found.set(descriptor.digest, text);
    const { config, layers = [], manifests = [] } = JSON.parse(text) as Record<string, Descriptor[]>;
    for (const child of manifests)
      await visit({ descriptor: child, bytes: await source.readDocument(child) });
    for (const blob of [config ?? [], layers].flat()) {
      const chunks = await Array.fromAsync(source.readBlob(blob));
      found.set(blob.digest, Buffer.concat(chunks).toString());
    }
  };
  await visit(await source.root());
  return found;
}
