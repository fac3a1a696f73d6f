import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "../../base/index.ts";
import { parseReference } from "../../spec/index.ts";
import { type Credentials, credentialFiles, fileCredentials, InvalidCredentialsFile } from "./credentials.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-credentials-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: unknown): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

async function find(paths: readonly string[], image: string): Promise<Credentials | undefined> {
  const { registry, repository } = parseReference(image);
  return await fileCredentials(paths)(registry, repository);
}

const auth = (text: string) => ({ auth: Buffer.from(text).toString("base64") });

describe("fileCredentials()", () => {
  test.each([
    ["by host and port", { "r.io:5000": auth("u:p") }, "r.io:5000/a/b", "u:p"],
    ["by docker's legacy URL of the Hub", { "https://index.docker.io/v1/": auth("u:p") }, "debian", "u:p"],
    ["by a legacy URL of another host", { "https://r.io/v2/": auth("u:p") }, "r.io/a", "u:p"],
    [
      "by the longest prefix",
      { "r.io": auth("u:1"), "r.io/a": auth("u:2"), "r.io/a/b": auth("u:3") },
      "r.io/a/x",
      "u:2",
    ],
    ["not by half a component", { "r.io/a": auth("u:1") }, "r.io/ab", undefined],
    ["not for another port", { "r.io:5000": auth("u:p") }, "r.io:5001/a", undefined],
    ["with a colon in the password", { "r.io": auth("u:p:q") }, "r.io/a", "u:p:q"],
    ["with NUL bytes behind", { "r.io": auth("u:p\0\0") }, "r.io/a", "u:p"],
    ["in plain fields", { "r.io": { username: "u", password: "p" } }, "r.io/a", "u:p"],
    ["nowhere", {}, "r.io/a", undefined],
  ])("finds them %s", async (_, auths, image, want) => {
    const found = await find([file({ auths })], image);
    expect(found?.kind === "basic" ? `${found.username}:${found.password}` : undefined).toBe(want);
  });

  test("knows identity tokens and registry tokens", async () => {
    const path = file({
      auths: { "a.io": { ...auth("u:"), identitytoken: "it" }, "b.io": { registrytoken: "rt" } },
    });
    expect(await find([path], "a.io/x")).toEqual({ kind: "identity-token", token: "it" });
    expect(await find([path], "b.io/x")).toEqual({ kind: "registry-token", token: "rt" });
  });

  test("takes the first file that knows the registry, and minds no missing one", async () => {
    const paths = [join(folder, "missing.json"), file({}), file({ auths: { "r.io": auth("u:1") } })];
    expect(await find(paths, "r.io/a")).toMatchObject({ password: "1" });
  });

  test.each([
    ["credHelpers", { credHelpers: { "r.io": "none-here" }, auths: { "r.io": auth("u:p") } }],
    ["credsStore and an empty entry", { credsStore: "none-here", auths: { "r.io": {} } }],
  ])("asks the helper of %s, and only for that registry", async (_, content) => {
    const path = file(content);
    const failure = await find([path], "r.io/a").catch((error: unknown) => error);
    expect(hasCode(failure, "credential-helper-failed")).toBe(true);
    expect(String(failure)).toContain("docker-credential-none-here");
    expect(await find([path], "other.io/a")).toBeUndefined();
  });

  test("tells what a helper says of its failure on standard output", async () => {
    const program = join(folder, "docker-credential-locked");
    writeFileSync(program, "#!/bin/sh\ncat >/dev/null\necho the keychain is locked\nexit 1\n");
    chmodSync(program, 0o755);
    const before = process.env["PATH"];
    process.env["PATH"] = `${folder}:${before}`;
    try {
      const path = file({ credHelpers: { "r.io": "locked" } });
      const failure = await find([path], "r.io/a").catch((error: unknown) => error);
      expect(String(failure)).toContain("the keychain is locked");
    } finally {
      process.env["PATH"] = before;
    }
  });

  test.each(["{secret", "[]", '{"auths":{"r.io":{"auth":"c2VjcmV0"}}}'])(
    "names a broken file and shows nothing of %j",
    async (content) => {
      const path = file(content);
      const failure = await find([path], "r.io/a").catch((error: unknown) => error);
      if (!(failure instanceof InvalidCredentialsFile)) throw failure;
      expect(failure.message).toContain(path);
      expect(JSON.stringify([failure.message, failure.context])).not.toMatch(/secret|c2Vj/);
      expect(failure.cause).toBeUndefined();
    },
  );
});

test("credentialFiles() follows DOCKER_CONFIG, then podman's places", () => {
  expect(credentialFiles({ HOME: "/h", DOCKER_CONFIG: "/d", XDG_RUNTIME_DIR: "/r" })).toEqual([
    "/d/config.json",
    "/r/containers/auth.json",
    "/h/.config/containers/auth.json",
  ]);
  expect(credentialFiles({ HOME: "/h" })[0]).toBe("/h/.docker/config.json");
  expect(credentialFiles({ HOME: "/h", REGISTRY_AUTH_FILE: "/f", DOCKER_CONFIG: "/d" })).toEqual(["/f"]);
});
