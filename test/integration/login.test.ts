/** `teu login`, `logout` and `ls`, against a registry with accounts; what is kept is what docker, skopeo and credential helpers understand. */
import { afterAll, beforeAll, beforeEach, describe, expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, program, root } from "../support/needs.ts";
import { type RegistryProcess, serveRegistry } from "./support/registry.ts";
import { typeInto } from "./support/type-into.ts";
import { type Finished, run, TEU } from "./teu.ts";

const WANTED = [root, program("skopeo")];
const test = needs(...WANTED);
const isAble = WANTED.every((need) => need.isMet());
const folder = mkdtempSync(join(tmpdir(), "teu-login-"));
let registry: RegistryProcess;
let home: string;
let homes = 0;

beforeAll(async () => {
  if (!isAble) return;
  const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
  writeFileSync(join(folder, "htpasswd"), `alice:${hash}\n`);
  const access = `htpasswd: ${join(folder, "htpasswd")}
access: [{ repositories: ["**"], identities: ["user:alice"], rights: [read, create, update] }]`;
  writeFileSync(
    join(folder, "config.yaml"),
    `root: ${join(folder, "root")}\nlisten: 127.0.0.1:0\n${access}\nwarnings: [{ repositories: ["team/flags"], text: "It moves" }]\n`,
  );
  registry = await serveRegistry("--config", join(folder, "config.yaml"));
});
afterAll(async () => {
  if (isAble) await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  home = join(folder, `home-${++homes}`);
  mkdirSync(join(home, "bin"), { recursive: true });
});

const env = () => ({
  HOME: home,
  PATH: `${join(home, "bin")}:${process.env["PATH"] ?? ""}`,
  TEU_ROOT: join(home, "root"),
  TEU_RUN: join(home, "run"),
});
const teu = (words: string[], stdin?: string): Promise<Finished> =>
  run([TEU, ...words], { env: env(), ...(stdin !== undefined && { stdin }) });
const login = (password: string, ...words: string[]) =>
  teu(["login", "-u", "alice", "--password-stdin", ...words, registry.address], `${password}\n`);
const file = () => join(home, ".docker/config.json");

describe("teu login", () => {
  test("asks the registry, and keeps what skopeo reads", async () => {
    expect((await teu(["ls", `${registry.address}/team/app`])).stderr).toContain("Cannot list tags");
    expect(await login("secret")).toMatchObject({ status: 0, stdout: "Login Succeeded\n" });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    const image = join(home, "image");
    mkdirSync(image);
    const config = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [] },
    });
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(config).digest("hex")}`;
    const mediaType = "application/vnd.oci.image.config.v1+json";
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType, digest, size: config.length },
      layers: [],
    };
    writeFileSync(join(image, "manifest.json"), JSON.stringify(manifest));
    writeFileSync(join(image, "version"), "Directory Transport Version: 1.1\n");
    writeFileSync(join(image, digest.slice(7)), config);
    for (const tag of ["1", "2"]) {
      const to = `docker://${registry.address}/team/app:${tag}`;
      const words = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false", `dir:${image}`, to];
      expect(await run(["skopeo", ...words], { env: env() })).toMatchObject({ status: 0 });
    }
    expect(await teu(["ls", `${registry.address}/team/app`])).toMatchObject({ status: 0, stdout: "1\n2\n" });
    expect((await teu(["ls", "--json", `${registry.address}/team/app`])).stdout).toBe('["1","2"]\n');
    expect((await teu(["logout", registry.address])).stdout).toContain("Removing login credentials");
    expect((await teu(["logout", registry.address])).stdout).toContain("Not logged in");
    expect((await teu(["ls", `${registry.address}/team/app`])).status).not.toBe(0);
  });

  test("asks whoever sits at a terminal, and shows nothing of the password", async () => {
    const answers: [string, string][] = [
      ["Username: ", "alice\r"],
      ["Password: ", "secret\r"],
    ];
    const { status, seen } = await typeInto(["login", registry.address], env(), answers);
    expect(status).toBe(0);
    expect(seen).toStartWith("Username: alice\r\nPassword: \r\nThe password is in ");
    expect(seen).toEndWith("Login Succeeded\r\n");
    const wrong = await typeInto(["login", "-u", "alice", registry.address], env(), [["Password: ", "x\r"]]);
    expect(wrong.status).toBe(1);
    expect(wrong.seen).not.toContain("Username");
    expect((await teu(["login", registry.address], "")).stderr).toStartWith("teu: Must provide --username");
  });

  test("keeps nothing of what the registry does not know, and the rest of the file as it was", async () => {
    mkdirSync(join(home, ".docker"));
    const before = { auths: { "other.example": { auth: "eDp5" } }, HttpHeaders: { A: "b" } };
    writeFileSync(file(), JSON.stringify(before));
    const { status, stderr } = await login("wrong");
    expect(status).not.toBe(0);
    expect(stderr).not.toContain("wrong");
    expect(JSON.parse(readFileSync(file(), "utf8"))).toEqual(before);
    expect((await login("secret")).status).toBe(0);
    const after = JSON.parse(readFileSync(file(), "utf8"));
    expect(after).toMatchObject(before);
    expect(Buffer.from(after.auths[registry.address].auth, "base64").toString()).toBe("alice:secret");
    expect(readdirSync(join(home, ".docker"))).toEqual(["config.json"]);
  });

  test("has an Azure registry change a token of Microsoft Entra, and keeps what docker understands", async () => {
    const forms: Record<string, string>[] = [];
    using double = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        forms.push(Object.fromEntries(new URLSearchParams(await request.text())));
        return Response.json({ refresh_token: "refresh" });
      },
    });
    const registry = `127.0.0.1:${double.port}`;
    const words = ["login", "--entra-token-stdin", "--entra-tenant", "t", registry];
    expect(await teu(words, "eyJ.aad\n")).toMatchObject({ status: 0, stdout: "Login Succeeded\n" });
    expect(forms).toEqual([
      { grant_type: "access_token", service: registry, tenant: "t", access_token: "eyJ.aad" },
    ]);
    const { auths } = JSON.parse(readFileSync(file(), "utf8"));
    const auth = btoa("00000000-0000-0000-0000-000000000000:");
    expect(auths[registry]).toEqual({ auth, identitytoken: "refresh" });
    expect(readFileSync(file(), "utf8")).not.toContain("eyJ.aad");
  });

  test.each([
    [["login", "--entra-token-stdin", "-u", "a", "registry.example"], "neither --username nor a password"],
    [["login", "--entra-token-stdin", "registry.example"], "no token on stdin"],
    [["login", "registry.example"], "Must provide --username"],
    [["login", "-u", "a", "registry.example"], "Must provide --password-stdin"],
    [["login", "-u", "a", "-p", "b", "--password-stdin", "registry.example"], "mutually exclusive"],
    [["login", "-u", "a", "-p", "b", "not a host"], "nvalid"],
    [["login", "-u", "a", "-p", "b", "justaname"], "wants a host"],
  ])("refuses %j", async (words, why) => {
    const { status, stderr } = await teu(words, "");
    expect(status).not.toBe(0);
    expect(stderr).toContain(why);
    expect(existsSync(file())).toBe(false);
  });
});

describe("--authfile", () => {
  test("is where a login is kept, read and forgotten, and nowhere else", async () => {
    const authfile = join(home, "auth.json");
    expect(await login("secret", "--authfile", authfile)).toMatchObject({ status: 0 });
    expect(statSync(authfile).mode & 0o777).toBe(0o600);
    expect(existsSync(file())).toBe(false);
    const list = (...words: string[]) => teu(["ls", ...words, `${registry.address}/team/none`]);
    expect((await list()).stderr).toContain("it wants a user name and a password");
    for (const words of [
      ["--authfile", authfile],
      ["--creds", "alice:secret"],
    ])
      expect((await list(...words)).stderr).not.toContain("password");
    expect((await list("--authfile", authfile, "--no-creds")).stderr).toContain("password");
    expect(await teu(["logout", "--authfile", authfile, registry.address])).toMatchObject({ status: 0 });
    expect(readFileSync(authfile, "utf8")).not.toContain('auth"');
  });
});

describe("pull, push, unpack and image files", () => {
  test("take podman's flags of who we are", async () => {
    const image = `${registry.address}/team/flags:1`;
    writeFileSync(join(home, "empty"), new Uint8Array(1024));
    await teu(["import", join(home, "empty"), image]);
    const authfile = join(home, "auth.json");
    await login("secret", "--authfile", authfile);
    for (const none of [[], ["--creds", "alice:wrong"], ["--authfile", authfile, "--no-creds"]])
      expect(await teu(["push", "-q", ...none, image])).toMatchObject({ status: 1, stdout: "" });
    const pushed = await teu(["push", "-q", "--json", "--authfile", authfile, image]);
    // What the registry wants people to know, once.
    const stderr = `WARNING: ${registry.address}: It moves\n`;
    expect(pushed).toMatchObject({ status: 0, stderr });
    const { reference, digest, size } = JSON.parse(pushed.stdout);
    expect([reference, digest, size]).toEqual([image, expect.stringMatching(/^sha256:/), expect.any(Number)]);
    await teu(["rmi", image]);
    expect((await teu(["pull", "-q", image])).status).toBe(1);
    const files = await teu(["image", "files", "--json", "--creds", "alice:secret", image]);
    expect(files).toMatchObject({ status: 0, stderr });
    const pulled = await teu(["pull", "-q", "--json", "--creds", "alice:secret", image]);
    expect({ ...pulled, stdout: JSON.parse(pulled.stdout) }).toMatchObject({
      ...{ status: 0, stderr, stdout: { reference: image, digest } },
    });
    await teu(["rmi", image]);
    const unpack = ["unpack", "-q", "--authfile", authfile, image, join(home, "bundle")];
    expect(await teu(unpack)).toMatchObject({ status: 0, stderr });
  });
});

describe("a credential helper", () => {
  /** One that keeps things in a file, by docker's protocol. */
  const HELPER = `#!/bin/sh
cd "$HOME" || exit 1
case $1 in
  store) cat > kept ;;
  erase) cat > /dev/null; rm -f kept ;;
  get) read -r server; [ -e kept ] || { echo "credentials not found in native keychain"; exit 1; }; cat kept ;;
esac
`;
  const install = (text: string): void => {
    writeFileSync(join(home, "bin/docker-credential-test"), text);
    chmodSync(join(home, "bin/docker-credential-test"), 0o755);
    mkdirSync(join(home, ".docker"));
    writeFileSync(file(), JSON.stringify({ credsStore: "test" }));
  };

  test("keeps the password, and is asked for it", async () => {
    install(HELPER);
    expect((await login("secret")).stdout).toBe("Login Succeeded\n");
    expect(readFileSync(file(), "utf8")).not.toContain("secret");
    expect(JSON.parse(readFileSync(join(home, "kept"), "utf8"))).toEqual({
      ...{ ServerURL: registry.address, Username: "alice", Secret: "secret" },
    });
    // Nothing is there, but somebody has been let in.
    expect((await teu(["ls", `${registry.address}/team/none`])).stderr).not.toContain("denied");
    await teu(["logout", registry.address]);
    expect(existsSync(join(home, "kept"))).toBe(false);
  });

  test.each([
    ["that is not there", undefined, "there is no such program"],
    ["that answers nonsense", "#!/bin/sh\necho secret-in-nonsense\n", "its answer is no name and secret"],
    ["that fails", "#!/bin/sh\necho locked >&2; exit 3\n", "locked"],
  ])("%s is told of, without what it said of a secret", async (_, text, why) => {
    install(text ?? "");
    if (text === undefined) rmSync(join(home, "bin/docker-credential-test"));
    writeFileSync(file(), JSON.stringify({ credHelpers: { [registry.address]: "test" } }));
    const { status, stderr } = await teu(["ls", `${registry.address}/team/app`]);
    expect(status).not.toBe(0);
    expect(stderr).toContain(why);
    expect(stderr).not.toContain("secret-in-nonsense");
  });

  // Its name becomes that of a program: config.json must not choose any program on this machine.
  test("whose name is a path is not run", async () => {
    install("");
    writeFileSync(file(), JSON.stringify({ credHelpers: { [registry.address]: "../../../bin/sh" } }));
    expect((await teu(["ls", `${registry.address}/team/app`])).stderr).toContain(
      "that is no name of a program",
    );
  });
});
