/** Mirrors, locations, blocked registries, certificates and proxies, as the machine's files of podman, containerd and docker say. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { pushLayers } from "./support/make-image.ts";
import { type RegistryProcess, Store, startRegistry } from "./support/registry.ts";
import { run, TEU } from "./teu.ts";

const WANTED = [root, program("openssl")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());

let registry: RegistryProcess;
let store: Store;

beforeAll(async () => {
  if (!isAble) return;
  registry = await startRegistry();
  store = new Store();
  await pushLayers(`${registry.address}/team/box`, [{ file: "of the image\n" }]);
  makeCertificates(store.folder);
});
afterAll(async () => {
  if (!isAble) return;
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** An authority, a server at 127.0.0.1 and registry.example, and a client. */
function makeCertificates(folder: string): void {
  const openssl = (...words: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words], { cwd: folder, stderr: "pipe" });
    if (exitCode !== 0) throw new Error(stderr.toString());
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=authority",
    "-days",
    "2",
  );
  for (const name of ["server", "client"]) {
    openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    writeFileSync(join(folder, "names"), "subjectAltName=IP:127.0.0.1,DNS:registry.example");
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-out",
      `${name}.crt`,
      "-days",
      "2",
      "-extfile",
      "names",
    );
  }
}
const pem = (name: string) => readFileSync(join(store.folder, name), "utf8");

/** A server in front of the registry, which tells what it was asked. */
function front(
  options: { path?: string; answer?: (request: Request) => Response | undefined; tls?: Bun.TLSOptions } = {},
) {
  const asked: Request[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    ...(options.tls && { tls: options.tls }),
    async fetch(request) {
      asked.push(request.clone() as Request);
      const answer = options.answer?.(request);
      if (answer !== undefined) return answer;
      const url = new URL(request.url);
      const path = url.pathname.replace(options.path ?? "", "");
      return await fetch(`http://${registry.address}${path}`, {
        headers: request.headers,
        method: request.method,
        redirect: "manual",
      });
    },
  });
  return { address: `127.0.0.1:${server.port}`, asked, [Symbol.dispose]: () => void server.stop(true) };
}

/** Pulls with a registries.conf of its own, from an empty store. */
async function pull(name: string, conf: string, more: Record<string, string> = {}) {
  const path = store.path("registries.conf");
  writeFileSync(path, conf);
  await store.teu("rmi", "-f", name);
  await store.teu("system", "prune", "-af");
  return await run([TEU, "pull", "-q", name], {
    env: { ...store.env, CONTAINERS_REGISTRIES_CONF: path, HOME: store.folder, ...more },
  });
}
const rule = (prefix: string, location: string, ...mirrors: string[]) =>
  `[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"\n${mirrors.map((mirror) => `[[registry.mirror]]\n${mirror}\n`).join("")}`;

describe("registries.conf", () => {
  test("mirrors are asked in their order, and the image keeps its own name", async () => {
    using mirror = front();
    const conf = rule(
      "registry.example/x",
      "nowhere.invalid",
      'location = "127.0.0.1:1/x"',
      `location = "${mirror.address}/team"`,
    );
    const { stdout, stderr, status } = await pull("registry.example/x/box", conf);
    expect([stderr, stdout, status]).toEqual(["", "registry.example/x/box:latest\n", 0]);
    expect(mirror.asked.length).toBeGreaterThan(2);
    expect(await store.done("images", "--format", "{{.Repository}}")).toContain("registry.example/x/box");
  });

  test("what no mirror has comes from the registry itself, which may be elsewhere", async () => {
    using mirror = front({ answer: () => new Response(null, { status: 404 }) });
    const conf = rule("registry.example/x", `${registry.address}/team`, `location = "${mirror.address}"`);
    expect((await pull("registry.example/x/box", conf)).status).toBe(0);
    expect(mirror.asked.length).toBeGreaterThan(0);
  });

  test("a mirror that breaks off in the middle is no mirror: the rest comes from the registry", async () => {
    using mirror = front({
      answer: ({ url }) => (url.includes("/blobs/") ? new Response(null, { status: 500 }) : undefined),
    });
    const conf = rule(
      "registry.example/x",
      `${registry.address}/team`,
      `location = "${mirror.address}/team"`,
    );
    expect((await pull("registry.example/x/box", conf)).status).toBe(0);
  });

  test("where nobody has it, each place is told of", async () => {
    const conf = rule("registry.example/x", `${registry.address}/nothing`, 'location = "127.0.0.1:1/x"');
    const { status, stderr } = await pull("registry.example/x/box", conf);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^teu: .*nothing\/box.*; its mirrors before: Cannot .*127\.0\.0\.1:1.*connection refused.*\n/,
    );
  });

  test("a mirror for digests is not asked for tags, nor the other way round", async () => {
    using digests = front();
    using tags = front();
    const mirrors = [
      `location = "${digests.address}/team"\npull-from-mirror = "digest-only"`,
      `location = "${tags.address}/team"\npull-from-mirror = "tag-only"`,
    ];
    const conf = rule("registry.example/x", `${registry.address}/team`, ...mirrors);
    expect((await pull("registry.example/x/box", conf)).status).toBe(0);
    expect([digests.asked.length, tags.asked.length > 0]).toEqual([0, true]);
    const [, digest = ""] =
      /Digest: (\S+)/.exec(
        (await run([TEU, "pull", `${registry.address}/team/box`], { env: { ...store.env } })).stderr,
      ) ?? [];
    tags.asked.length = 0;
    expect((await pull(`registry.example/x/box@${digest}`, conf)).status).toBe(0);
    expect([digests.asked.length > 0, tags.asked.length]).toEqual([true, 0]);
  });

  test("a blocked registry is not asked for anything", async () => {
    using blocked = front();
    const conf = `[[registry]]\nlocation = "${blocked.address}"\nblocked = true\n`;
    const { status, stderr } = await pull(`${blocked.address}/team/box`, conf);
    expect([status, blocked.asked.length]).toEqual([1, 0]);
    expect(stderr).toStartWith(`teu: Registry of ${blocked.address}/team/box is blocked`);
  });

  // CVE-2019-10214 and its kind: a mirror is another host, and gets what is kept for that host alone.
  test("a mirror is never shown the registry's credentials", async () => {
    const challenge = { "www-authenticate": 'Basic realm="give me yours"' };
    using mirror = front({ answer: () => new Response(null, { status: 401, headers: challenge }) });
    const auth = store.path("auth.json");
    const secret = Buffer.from("user:secret").toString("base64");
    writeFileSync(
      auth,
      JSON.stringify({
        auths: { "registry.example": { auth: secret }, [registry.address]: { auth: secret } },
      }),
    );
    const conf = rule(
      "registry.example/x",
      `${registry.address}/team`,
      `location = "${mirror.address}/team"`,
    );
    expect((await pull("registry.example/x/box", conf, { REGISTRY_AUTH_FILE: auth })).status).toBe(0);
    expect(mirror.asked.length).toBeGreaterThan(0);
    for (const { headers } of mirror.asked) expect(headers.get("authorization")).toBeNull();
  });

  test("what cannot be read is told by file and field, and nothing is pulled without it", async () => {
    const { status, stderr } = await pull(`${registry.address}/team/box`, "[[registry]]\nprefix = 5\n");
    expect(status).toBe(1);
    expect(stderr).toBe(
      `teu: Cannot read "${store.path("registries.conf")}": registry.0.prefix: wants a text\n`,
    );
  });
});

describe("hosts.toml", () => {
  const FOLDER = "/etc/containerd/certs.d";
  const write = (host: string, text: string) => {
    mkdirSync(join(FOLDER, host), { recursive: true });
    writeFileSync(join(FOLDER, host, "hosts.toml"), text);
    return { [Symbol.dispose]: () => rmSync(join(FOLDER, host), { recursive: true, force: true }) };
  };

  test("hosts are asked by their capabilities, with ns, headers and paths of their own", async () => {
    using mirror = front({ path: "/deep/hub" });
    using pusher = front();
    using _file = write(
      "registry.example",
      `server = "http://${registry.address}"
[host."http://${pusher.address}"]
capabilities = ["push"]
[host."http://${mirror.address}/deep/hub/v2"]
capabilities = ["pull", "resolve"]
override_path = true
[host."http://${mirror.address}/deep/hub/v2".header]
x-token = "abc"
`,
    );
    expect(await pull("registry.example/team/box", "")).toMatchObject({ stderr: "", status: 0 });
    expect(pusher.asked.length).toBe(0);
    for (const { url, headers } of mirror.asked) {
      expect(new URL(url).pathname).toStartWith("/deep/hub/v2/team/box/");
      expect(new URL(url).searchParams.get("ns")).toBe("registry.example");
      expect(headers.get("x-token")).toBe("abc");
    }
    expect(mirror.asked.length).toBeGreaterThan(1);
  });

  test("the server takes over from a host that fails, and its certificates are its own", async () => {
    using secure = front({ tls: { cert: pem("server.crt"), key: pem("server.key") } });
    using file = write(
      "registry.example",
      `server = "https://${secure.address}"\nca = "${store.path("ca.crt")}"\n[host."http://127.0.0.1:1"]\n`,
    );
    expect(await pull("registry.example/team/box", "")).toMatchObject({ stderr: "", status: 0 });
    file[Symbol.dispose]();
    using _without = write("registry.example", `server = "https://${secure.address}"\n`);
    const { stderr, status } = await pull("registry.example/team/box", "");
    expect(status).toBe(1);
    expect(stderr).toContain("its certificate is not trusted");
  });
});

describe("certificates", () => {
  test("certs.d: its authority counts for its registry, and our certificate is shown there", async () => {
    using secure = front({
      tls: {
        cert: pem("server.crt"),
        key: pem("server.key"),
        ca: pem("ca.crt"),
        requestCert: true,
        rejectUnauthorized: true,
      } as Bun.TLSOptions,
    });
    const conf = rule("registry.example", secure.address);
    const folder = join(store.folder, ".config/containers/certs.d", secure.address);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "authority.crt"), pem("client.crt"));
    expect((await pull("registry.example/team/box", conf)).stderr).toContain("not trusted");
    writeFileSync(join(folder, "authority.crt"), pem("ca.crt"));
    expect((await pull("registry.example/team/box", conf)).status).toBe(1); // without ours
    writeFileSync(join(folder, "own.cert"), pem("client.crt"));
    const missing = await pull("registry.example/team/box", conf);
    expect(missing.stderr).toContain('own.cert": its key');
    writeFileSync(join(folder, "own.key"), pem("client.key"));
    expect(await pull("registry.example/team/box", conf)).toMatchObject({ stderr: "", status: 0 });
  });
});

describe("proxies", () => {
  /** A proxy that knows where registry.example is. */
  function proxy(target: string) {
    const asked: string[] = [];
    const [hostname = "", port = ""] = target.split(":");
    type Data = { peer?: Bun.Socket<{ client: Bun.Socket<Data> }>; head: string };
    const server = Bun.listen<Data>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open(client) {
          client.data = { head: "" };
        },
        async data(client, bytes) {
          if (client.data.peer !== undefined) return void client.data.peer.write(bytes);
          client.data.head += bytes.toString("latin1");
          if (!client.data.head.includes("\r\n\r\n")) return;
          asked.push(client.data.head.split("\r\n")[0] ?? "");
          client.data.peer = await Bun.connect<{ client: Bun.Socket<Data> }>({
            hostname,
            port: Number(port),
            data: { client },
            socket: {
              data: (peer, answer) => void peer.data.client.write(answer),
              close: (peer) => void peer.data.client.end(),
            },
          });
          client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        },
        close: (client) => void client.data.peer?.end(),
      },
    });
    return {
      address: `http://127.0.0.1:${server.port}`,
      asked,
      [Symbol.dispose]: () => void server.stop(true),
    };
  }

  test("HTTPS_PROXY carries what is not on this machine, NO_PROXY leaves it out", async () => {
    using secure = front({ tls: { cert: pem("server.crt"), key: pem("server.key") } });
    using through = proxy(secure.address);
    const env = { HTTPS_PROXY: through.address, SSL_CERT_FILE: store.path("ca.crt") };
    expect(await pull("registry.example/team/box", "", env)).toMatchObject({ stderr: "", status: 0 });
    expect(through.asked[0]).toBe("CONNECT registry.example:443 HTTP/1.1");
    // What SSL_CERT_FILE says is trusted, and nothing else.
    const untrusted = await pull("registry.example/team/box", "", { HTTPS_PROXY: through.address });
    expect(untrusted.stderr).toContain("not trusted");
    through.asked.length = 0;
    const without = await pull("registry.example/team/box", "", { ...env, NO_PROXY: ".example" });
    expect([without.status, through.asked]).toEqual([1, []]);
    expect(
      (await pull(`${registry.address}/team/box`, "", { ...env, HTTP_PROXY: through.address })).status,
    ).toBe(0);
    expect(through.asked).toEqual([]);
  });
});

describe("names without a registry", () => {
  test("are looked for where registries.conf says, and found here again", async () => {
    const conf = join(store.folder, "short.conf");
    const env = { ...store.env, CONTAINERS_REGISTRIES_CONF: conf };
    const teu = (...words: string[]) => run([TEU, ...words], { env });
    writeFileSync(conf, `unqualified-search-registries = ["127.0.0.1:1", "${registry.address}"]\n`);
    expect(await teu("pull", "-q", "team/box")).toMatchObject({
      status: 0,
      stdout: `${registry.address}/team/box:latest\n`,
    });
    const here = await teu("create", "--pull", "never", "team/box", "true");
    expect(here).toMatchObject({ status: 0, stderr: "" });
    await teu("rm", here.stdout.trim());
    const failed = await teu("pull", "-q", "team/none");
    expect(failed.status).toBe(1);
    for (const says of ["127.0.0.1:1/team/none: ", `${registry.address}/team/none: `])
      expect(failed.stderr).toContain(says);
    writeFileSync(conf, `[aliases]\n"box" = "${registry.address}/team/box"\n`);
    const created = await teu("create", "box", "true");
    expect(created).toMatchObject({ status: 0, stderr: "" });
    await teu("rm", created.stdout.trim());
    await teu("rmi", `${registry.address}/team/box`);
  }, 60_000);
});
