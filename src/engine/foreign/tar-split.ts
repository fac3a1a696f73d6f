/**
 * Layers put together again, bit by bit: containers/storage and docker unpack a layer and keep of its tar what the files do not tell, every
 * header and every padding, as lines of JSON, packed by gzip. The files' bytes come from where the layer was unpacked.
 * Source: github.com/vbatts/tar-split, tar/storage/entry.go.
 */
import { closeSync, constants, createReadStream, fstatSync, readSync } from "node:fs";
import { TeuError } from "../../base/index.ts";
import { type ByteString, byteString, decompress, InvalidPlace } from "../../image/index.ts";
import { check, layerFiles } from "../../sys/index.ts";
import { openFile } from "./place.ts";

const FILE = 1;
const SEGMENT = 2;
const CHUNK_BYTES = 1 << 20;
/** A header with its attributes in base64. */
const MAX_LINE_BYTES = 64 << 20;
const O_PLAIN = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** What is kept of the tar does not fit the files. */
export class LayerChanged extends TeuError<"layer-changed", { layer: string; why: string }> {
  constructor(context: { layer: string; why: string }) {
    super(
      "layer-changed",
      "data-loss",
      context,
      `Cannot put layer ${context.layer} together again: ${context.why}`,
    );
  }
}

interface Entry {
  readonly type: number;
  readonly name?: string;
  /** Base64, of a name that is not UTF-8. */
  readonly name_raw?: string;
  readonly size?: number;
  readonly payload: string | null;
}

/**
 * The tar of the layer that was unpacked to `directory`. Names are resolved as if that were `/`: the layer may come from anywhere.
 * @param layer  For messages.
 */
export async function* joinLayer(
  layer: string,
  tarSplit: string,
  directory: string,
): AsyncGenerator<Uint8Array, void, void> {
  const files = layerFiles<ByteString>();
  const root = check(files.openDirectory(directory), "open", directory);
  try {
    for await (const { type, name, name_raw, size = 0, payload } of entries(layer, tarSplit))
      if (type === SEGMENT) yield Buffer.from(payload ?? "", "base64");
      else if (type !== FILE) throw new LayerChanged({ layer, why: `an entry is of unknown type ${type}` });
      else if (size > 0) {
        const bytes = name_raw === undefined ? byteString(name ?? "") : nameOf(name_raw);
        const descriptor = files.openInRoot(root, bytes, O_PLAIN);
        if (descriptor < 0)
          throw new LayerChanged({ layer, why: `${JSON.stringify(name ?? bytes)} cannot be opened` });
        yield* content(layer, descriptor, size, name ?? bytes);
      }
  } finally {
    closeSync(root);
  }
}

function nameOf(base64: string): ByteString {
  return Buffer.from(base64, "base64").toString("latin1") as ByteString; // one byte per character
}

/** Closes the descriptor. */
function* content(layer: string, descriptor: number, size: number, name: string): Generator<Uint8Array> {
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile() || status.size !== size)
      throw new LayerChanged({ layer, why: `${JSON.stringify(name)} has not the ${size} bytes that it had` });
    for (let at = 0; at < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - at));
      const length = readSync(descriptor, chunk, 0, chunk.length, at);
      if (length === 0) throw new LayerChanged({ layer, why: `${JSON.stringify(name)} ends too early` });
      yield chunk.subarray(0, length);
      at += length;
    }
  } finally {
    closeSync(descriptor);
  }
}

async function* entries(layer: string, path: string): AsyncGenerator<Entry> {
  const descriptor = openFile(
    `layer ${layer}`,
    path,
    `what was kept of its tar is not here (${path})`,
    "Without it nobody can give the bytes that the image names, podman neither: pull or build the image anew, or take the files of a container: podman export CONTAINER | teu import - NAME",
  );
  const source = createReadStream("", { fd: descriptor, highWaterMark: CHUNK_BYTES });
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of decompress(source)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE_BYTES) throw new LayerChanged({ layer, why: "an entry has no end" });
    for (const line of lines) if (line !== "") yield parseEntry(layer, line);
  }
  if (rest !== "") yield parseEntry(layer, rest);
}

function parseEntry(layer: string, line: string): Entry {
  try {
    return JSON.parse(line) as Entry; // as tar-split wrote it; its result is held to a digest
  } catch (error) {
    throw new InvalidPlace(
      { place: `layer ${layer}`, why: "what was kept of its tar is damaged" },
      { cause: error },
    );
  }
}
