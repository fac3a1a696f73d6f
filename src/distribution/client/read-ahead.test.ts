import { expect, spyOn, test } from "bun:test";
import { digestOf, type RegistryName, type RepositoryName } from "../../spec/index.ts";
import { RegistryClient } from "./client.ts";
import { readAhead } from "./read-ahead.ts";

const MIB = 1 << 20;
const SIZE = 33 * MIB + 5;
const bytes = Buffer.alloc(SIZE);
for (let at = 0; at < SIZE; at += 4096) bytes[at] = at >> 12;
const blob = { digest: digestOf(bytes), size: SIZE };
let registries = 0;

/** A registry that takes `pauseMs` for each MiB, and what it was asked for: `FROM-TO`, or `all`. */
function registryOf(pauseMs: number, answer: "parts" | "all" | "refuses" = "parts") {
  const asked: string[] = [];
  let [open, most] = [0, 0];
  const fetch = async (request: Request): Promise<Response> => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
    asked.push(range === null ? "all" : `${range[1]}-${range[2]}`);
    if (answer === "refuses" && Number(range?.[1]) === 8 * MIB) return new Response(null, { status: 403 });
    const [from, to] =
      range === null || answer === "all" ? [0, SIZE] : [Number(range[1]), Number(range[2] || SIZE - 1) + 1];
    let at = from;
    most = Math.max(most, ++open);
    const end = (): void => {
      open -= 1;
    };
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          await Bun.sleep(pauseMs);
          const chunk = bytes.subarray(at, Math.min(at + MIB, to));
          at += chunk.byteLength;
          controller.enqueue(chunk.slice());
          if (at < to) return;
          end();
          controller.close();
        },
        cancel: end,
      },
      { highWaterMark: 0 },
    );
    const isPart = range !== null && answer !== "all";
    return new Response(body, {
      status: isPart ? 206 : 200,
      headers: isPart ? { "content-range": `bytes ${from}-${to - 1}/${SIZE}` } : {},
    });
  };
  const repository = {
    registry: `r${++registries}.example` as RegistryName,
    repository: "a" as RepositoryName,
  };
  const retry = { attempts: 1, baseMs: 1, maxMs: 1 };
  const client = new RegistryClient(repository, { fetch, credentials: async () => undefined, retry });
  return { client, asked, mostAtOnce: () => most, isIdle: () => open === 0 };
}

const read = async (client: RegistryClient, start = 0): Promise<string> =>
  digestOf(
    Buffer.concat([bytes.subarray(0, start), ...(await Array.fromAsync(readAhead(client, blob, start)))]),
  );

test("over a slow connection the next parts come while this one is written, in order", async () => {
  const { client, asked, mostAtOnce } = registryOf(8);
  expect(await read(client)).toBe(blob.digest);
  expect(asked).toHaveLength(5);
  expect(mostAtOnce()).toBeGreaterThan(1);
  expect(mostAtOnce()).toBeLessThanOrEqual(4);
});

test("over a fast one the rest comes in one, and what is there already is not asked for", async () => {
  const { client, asked } = registryOf(0);
  // No time passes: on a busy machine we would wait for ourselves.
  const clock = spyOn(performance, "now").mockReturnValue(0);
  expect(await read(client, 1000).finally(() => clock.mockRestore())).toBe(blob.digest);
  expect(asked).toEqual([`1000-${1000 + 8 * MIB - 1}`, `${1000 + 8 * MIB}-`]);
});

test("a registry that sends no parts is asked for all in one, and never for parts again", async () => {
  const { client, asked } = registryOf(0, "all");
  expect(await read(client)).toBe(blob.digest);
  expect(await read(client)).toBe(blob.digest);
  expect(asked).toEqual([`0-${8 * MIB - 1}`, "all", "all"]);
});

test("one that refuses a part is asked for the rest in one, and tells why", async () => {
  const { client, asked } = registryOf(8, "refuses");
  await expect(read(client)).rejects.toThrow("403");
  expect(asked.at(-1)).toBe(`${8 * MIB}-`);
});

test("who stops reading ends what is under way", async () => {
  const { client, isIdle } = registryOf(8);
  let length = 0;
  for await (const chunk of readAhead(client, blob, 0)) {
    length += chunk.byteLength;
    if (length > 9 * MIB) break;
  }
  expect(isIdle()).toBe(true);
});
