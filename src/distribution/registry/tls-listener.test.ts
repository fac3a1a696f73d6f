/** HTTPS: certificates that change, clients that bring one, bodies both ways, clients that go away. */
import { afterAll, describe, expect } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { needs, program } from "../../../test/support/needs.ts";
import { digestOf } from "../../spec/index.ts";
import { Rules } from "./auth/rules.ts";
import { type Registry, serveRegistry } from "./serve.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-tls-"));
afterAll(() => rmSync(folder, { recursive: true }));
const tlsTest = needs(program("openssl"));

function openssl(...words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words], { cwd: folder });
  if (exitCode !== 0) throw new Error(stderr.toString());
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
/** An authority's certificate, or one that `by` signs. */
function certify(name: string, by?: string): void {
  const key = ["-keyout", `${name}.key`];
  if (by === undefined) {
    openssl("req", "-x509", ...EC, ...key, "-subj", `/CN=${name}`, "-out", `${name}.pem`);
    return;
  }
  openssl("req", ...EC, ...key, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
  writeFileSync(join(folder, "san"), "subjectAltName=DNS:localhost,IP:127.0.0.1");
  const signer = ["-CA", `${by}.pem`, "-CAkey", `${by}.key`, "-CAcreateserial"];
  openssl("x509", "-req", "-in", `${name}.csr`, ...signer, "-extfile", "san", "-out", `${name}.pem`);
}

const at = (name: string): string => join(folder, name);
const text = (name: string): string => readFileSync(at(name), "utf8");
let made = false;
function makeCertificates(): void {
  if (made) return;
  made = true;
  certify("ca");
  certify("stranger");
  for (const name of ["first", "second", "builder"]) certify(name, "ca");
  certify("impostor", "stranger");
}

let roots = 0;
async function serve(
  options: { requireClientCertificate?: boolean } = {},
  onError: (error: unknown) => void = () => undefined,
): Promise<Registry> {
  makeCertificates();
  copyFileSync(at("first.pem"), at("server.pem"));
  copyFileSync(at("first.key"), at("server.key"));
  return await serveRegistry({
    listen: "127.0.0.1:0",
    root: at(`root-${roots++}`),
    onError,
    tls: { certificate: at("server.pem"), key: at("server.key"), clientAuthority: at("ca.pem"), ...options },
    means: {
      rules: new Rules([
        { repositories: ["**"], identities: ["certificate:builder"], rights: ["read", "create"] },
        { repositories: ["public/**"], identities: ["*"], rights: ["read"] },
      ]),
    },
  });
}

interface Answer {
  status: number;
  body: Buffer;
}

/** A request, with a client certificate or without. */
async function ask(
  registry: Registry,
  method: string,
  path: string,
  options: { as?: string; body?: Uint8Array } = {},
): Promise<Answer> {
  const { as, body } = options;
  const identity = as === undefined ? {} : { cert: text(`${as}.pem`), key: text(`${as}.key`) };
  const url = `https://${registry.address.replace("127.0.0.1", "localhost")}${path}`;
  return await new Promise((resolve, reject) => {
    const request = httpsRequest(
      url,
      { method, ca: text("ca.pem"), agent: false, ...identity },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
        response.on("error", reject);
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

async function certificateOf(registry: Registry): Promise<string | undefined> {
  const port = Number(registry.address.split(":")[1]);
  return await new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ca: text("ca.pem") }, () => {
      resolve(socket.getPeerCertificate().subject.CN as string);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

describe("client certificates", () => {
  tlsTest("are an identity; without one a client is anybody", async () => {
    await using registry = await serve();
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    const path = `/v2/team/x/blobs/uploads/?digest=${digestOf(bytes)}`;
    expect((await ask(registry, "POST", path, { as: "builder", body: bytes })).status).toBe(201);
    const blob = `/v2/team/x/blobs/${digestOf(bytes)}`;
    expect((await ask(registry, "GET", blob, { as: "builder" })).body).toEqual(Buffer.from(bytes));
    expect((await ask(registry, "GET", blob)).status).toBe(401);
    expect((await ask(registry, "DELETE", blob, { as: "builder" })).status).toBe(403);
    expect((await ask(registry, "GET", "/v2/public/x/tags/list")).status).toBe(404);
  });

  tlsTest("of another authority are none, whatever name they have", async () => {
    await using registry = await serve();
    const get = ask(registry, "GET", "/v2/team/x/tags/list", { as: "impostor" });
    expect(
      await get.then(
        ({ status }) => status,
        () => "refused",
      ),
    ).toBeOneOf([401, "refused"]);
  });

  tlsTest("can be required", async () => {
    await using registry = await serve({ requireClientCertificate: true });
    expect(await ask(registry, "GET", "/v2/public/x/tags/list").catch(() => "refused")).toBe("refused");
    expect((await ask(registry, "GET", "/v2/public/x/tags/list", { as: "builder" })).status).toBe(404);
  });
});

describe("certificates of our own", () => {
  tlsTest(
    "are read again when they change; a pair that does not fit leaves the old one, and is told of once",
    async () => {
      const told: unknown[] = [];
      await using registry = await serve({}, (error) => told.push(error));
      expect(await certificateOf(registry)).toBe("first");
      copyFileSync(at("second.pem"), at("server.pem"));
      await registry.reload();
      await registry.reload();
      expect(await certificateOf(registry)).toBe("first");
      expect(told.map(String)).toEqual([
        expect.stringContaining(`${at("server.pem")}", "${at("server.key")}", `),
      ]);
      rmSync(at("server.key"));
      await registry.reload();
      expect(String(told[1])).toContain("ENOENT");
      expect(await certificateOf(registry)).toBe("first");
      copyFileSync(at("second.key"), at("server.key"));
      await registry.reload();
      expect(await certificateOf(registry)).toBe("second");
    },
  );
});

describe("bodies", () => {
  tlsTest("of many megabytes go both ways, and a client that goes away harms nobody", async () => {
    await using registry = await serve();
    const bytes = Buffer.alloc(24 << 20, "teu ");
    const path = `/v2/team/x/blobs/uploads/?digest=${digestOf(bytes)}`;
    expect((await ask(registry, "POST", path, { as: "builder", body: bytes })).status).toBe(201);
    const blob = `/v2/team/x/blobs/${digestOf(bytes)}`;
    const port = Number(registry.address.split(":")[1]);
    const identity = { cert: text("builder.pem"), key: text("builder.key"), ca: text("ca.pem") };
    await new Promise<void>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ...identity }, () => {
        socket.write(`GET ${blob} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        socket.once("data", () => socket.destroy());
      });
      socket.on("close", () => resolve());
    });
    const whole = await ask(registry, "GET", blob, { as: "builder" });
    expect([whole.status, digestOf(whole.body)]).toEqual([200, digestOf(bytes)]);
    expect((await ask(registry, "HEAD", blob, { as: "builder" })).status).toBe(200);
  });

  tlsTest("that are refused before their end do not disturb the next request of the connection", async () => {
    await using registry = await serve();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const url = `https://${registry.address.replace("127.0.0.1", "localhost")}/v2/team/x/blobs/uploads/`;
    const post = async (body: Buffer): Promise<number> =>
      await new Promise((resolve, reject) => {
        const request = httpsRequest(url, { method: "POST", ca: text("ca.pem"), agent }, (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode ?? 0));
        });
        request.on("error", reject);
        request.end(body);
      });
    for (let round = 0; round < 3; round += 1) expect(await post(Buffer.alloc(1 << 20))).toBe(401);
    agent.destroy();
  });
});
