/** Images of whatever bytes a test has for layers, put into a registry by plain requests: nothing of ours looks at them before. */
import { digestOf } from "../../../src/spec/index.ts";

const TYPES = "application/vnd.oci.image";

/** A layer as it is stored, and what is said of it; unless said otherwise, the truth. */
export interface RawLayer {
  readonly bytes: Uint8Array;
  readonly diffID?: string;
  readonly size?: number;
}

/** Uploads `bytes`. @returns their digest */
export async function putBlob(repository: string, bytes: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const digest = digestOf(bytes);
  const { status } = await fetch(`${repository}/blobs/uploads/?digest=${digest}`, {
    method: "POST",
    body: bytes,
  });
  if (status !== 201) throw new Error(`${status} for a blob`);
  return digest;
}

/** Puts a manifest or index. @returns its digest */
export async function putManifest(
  repository: string,
  tag: string,
  document: object | string,
): Promise<string> {
  const body = typeof document === "string" ? document : JSON.stringify(document);
  const { mediaType } = JSON.parse(body) as { mediaType: string };
  const put = { method: "PUT", headers: { "content-type": mediaType }, body };
  const { status } = await fetch(`${repository}/manifests/${tag}`, put);
  if (status !== 201) throw new Error(`${status} for a manifest`);
  return digestOf(body);
}

/** Makes `HOST/NAME:TAG` an image of these layers. @returns the digest of its manifest */
export async function pushRaw(
  name: string,
  layers: readonly RawLayer[],
  config: object = {},
): Promise<string> {
  const [, host, repository, tag = ""] = /^([^/]+)\/([^:]+):(.+)$/.exec(name) ?? [];
  const at = `http://${host}/v2/${repository}`;
  const text = JSON.stringify({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: layers.map(({ bytes, diffID }) => diffID ?? digestOf(bytes)) },
  });
  const descriptors = [];
  for (const { bytes, size = bytes.byteLength } of layers) {
    const digest = await putBlob(at, new Uint8Array(bytes));
    descriptors.push({ mediaType: `${TYPES}.layer.v1.tar`, digest, size });
  }
  return await putManifest(at, tag, {
    schemaVersion: 2,
    mediaType: `${TYPES}.manifest.v1+json`,
    config: { mediaType: `${TYPES}.config.v1+json`, digest: await putBlob(at, text), size: text.length },
    layers: descriptors,
  });
}
