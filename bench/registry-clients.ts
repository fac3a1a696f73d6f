/**
 * Many clients of one registry in a process of their own: `bun registry-clients.ts ORIGIN UPLOADS DOWNLOADS BLOB_MB SECONDS DIGEST`.
 * Uploads are streams of unknown length to repository `a`, downloads are of its blob DIGEST. Prints megabytes sent and got as JSON.
 */
const [origin = "", uploads, downloads, megabytes, seconds, digest] = process.argv.slice(2);
const size = Number(megabytes) << 20;
const piece = crypto.getRandomValues(new Uint8Array(65_536));
const end = Date.now() + Number(seconds) * 1000;
let sent = 0;
let got = 0;

async function upload(client: number): Promise<void> {
  for (let round = 0; Date.now() < end; round++) {
    const begun = await fetch(`${origin}/v2/a/blobs/uploads/`, { method: "POST" });
    const hash = new Bun.CryptoHasher("sha256");
    let left = size;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        // One that is not there yet.
        const chunk = left === size ? first(client, round) : piece;
        hash.update(chunk);
        controller.enqueue(chunk);
        sent += chunk.length;
        left -= chunk.length;
        if (left <= 0) controller.close();
      },
    });
    const patched = await fetch(new URL(begun.headers.get("location") ?? "", origin), {
      method: "PATCH",
      body,
    });
    const location = new URL(patched.headers.get("location") ?? "", origin);
    location.searchParams.set("digest", `sha256:${hash.digest("hex")}`);
    const put = await fetch(location, { method: "PUT" });
    if (put.status !== 201) throw new Error(`PUT: status ${put.status}`);
  }
}

function first(client: number, round: number): Uint8Array {
  const chunk = piece.slice();
  new DataView(chunk.buffer).setFloat64(0, client * 1e6 + round);
  return chunk;
}

async function download(): Promise<void> {
  while (Date.now() < end)
    for await (const chunk of (await fetch(`${origin}/v2/a/blobs/${digest}`)).body ?? [])
      got += chunk.byteLength;
}

const times = <T>(count: string | undefined, make: (index: number) => T): T[] =>
  Array.from({ length: Number(count) }, (_, index) => make(index));
await Promise.all([...times(uploads, upload), ...times(downloads, download)]);
console.log(JSON.stringify({ sentMB: sent / 2 ** 20, gotMB: got / 2 ** 20 }));

export {};
