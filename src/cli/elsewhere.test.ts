import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { elsewhere, foreignFlag } from "./elsewhere.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-contexts-"));
afterAll(() => rmSync(folder, { recursive: true }));
/** As docker writes them. */
for (const [name, Host] of [
  ["far", "ssh://me@far:2222"],
  ["near", "unix:///run/user/1000/docker.sock"],
] as const) {
  const place = join(folder, "contexts/meta", new Bun.CryptoHasher("sha256").update(name).digest("hex"));
  mkdirSync(place, { recursive: true });
  writeFileSync(
    join(place, "meta.json"),
    JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker: { Host, SkipTLSVerify: false } } }),
  );
}
const DOCKER_CONFIG = folder;

test.each<[Record<string, string>, string, string]>([
  [
    { DOCKER_HOST: "ssh://me@far" },
    "DOCKER_HOST=ssh://me@far",
    "Run it there: ssh me@far teu ps …; or unset DOCKER_HOST",
  ],
  [
    { DOCKER_HOST: "tcp://10.0.0.2:2375" },
    "DOCKER_HOST=tcp://10.0.0.2:2375",
    "Run teu there; or unset DOCKER_HOST",
  ],
  [{ DOCKER_HOST: "ssh://me:secret@far" }, "DOCKER_HOST=ssh://me:***@far", "ssh me@far teu ps"],
  [{ CONTAINER_HOST: "ssh://core@far:22/run/podman.sock" }, "CONTAINER_HOST=", "ssh -p 22 core@far teu ps"],
  [{ CONTAINER_CONNECTION: "machine" }, "CONTAINER_CONNECTION=machine", "unset CONTAINER_CONNECTION"],
  [{ DOCKER_CONTEXT: "far", DOCKER_CONFIG }, "DOCKER_CONTEXT=far", "ssh -p 2222 me@far teu ps"],
  [{ DOCKER_CONTEXT: "gone", DOCKER_CONFIG }, "DOCKER_CONTEXT=gone", "unset DOCKER_CONTEXT"],
])("elsewhere() refuses %p", (environment, what, hint) => {
  const error = elsewhere(["ps", "-a"], environment);
  expect(error?.message).toStartWith(`Unsupported ${what}`);
  expect(error?.message).not.toContain("secret");
  expect(error?.kind).toBe("unsupported");
  expect(error?.hint).toContain(hint);
  expect(error?.hint).not.toContain("secret");
});

test.each<[readonly string[], Record<string, string>]>([
  [["ps"], {}],
  [["ps"], { DOCKER_HOST: "" }],
  [["ps"], { DOCKER_HOST: "unix:///run/user/1000/podman/podman.sock" }],
  [["ps"], { DOCKER_CONTEXT: "near", DOCKER_CONFIG }],
  [["ps"], { DOCKER_CONTEXT: "default", DOCKER_CONFIG }],
  // As docker has it, a host goes before a context.
  [["ps"], { DOCKER_HOST: "unix:///run/docker.sock", DOCKER_CONTEXT: "far", DOCKER_CONFIG }],
  // What no daemon of docker's does.
  [["registry", "serve"], { DOCKER_HOST: "ssh://far" }],
  [["image", "verify", "a"], { DOCKER_HOST: "ssh://far" }],
  [["system", "check"], { DOCKER_HOST: "ssh://far" }],
  [["import", "--from", "docker-daemon:a"], { DOCKER_HOST: "tcp://far" }],
])("elsewhere() lets %p be done here with %p", (words, environment) =>
  expect(elsewhere(words, environment)).toBeUndefined(),
);

test("elsewhere() looks at the context that docker is to use", () => {
  const file = join(folder, "config.json");
  writeFileSync(file, JSON.stringify({ auths: {}, currentContext: "far" }));
  const error = elsewhere(["image", "ls"], { DOCKER_CONFIG });
  expect(error?.message).toStartWith('Unsupported docker\'s context "far"');
  expect(error?.hint).toContain("docker context use default");
  for (const text of ['{ "currentContext": "near" }', '{ "currentContext": "gone" }', "{}", "no JSON", ""]) {
    writeFileSync(file, text);
    expect(elsewhere(["image", "ls"], { DOCKER_CONFIG })).toBeUndefined();
  }
});

test.each([
  [["-H", "ssh://far", "ps"], "flag -H", "ssh far teu ps"],
  [["-Hssh://far", "ps"], "flag -H", "ssh far teu ps"],
  [["--host=tcp://far:2375", "ps"], "flag --host", "Run teu there; or leave it out"],
  [["--context", "far", "ps"], "flag --context", "Run teu there"],
  [["-c", "far", "ps"], "flag -c", "leave it out"],
  [["--tls", "-H", "tcp://far", "ps"], "flag --tls", "leave it out"],
  [["--remote", "ps"], "flag --remote", "leave it out"],
])("foreignFlag() refuses %p", (words, what, hint) => {
  const error = foreignFlag(words);
  expect(error?.message).toStartWith(`Unsupported ${what} before a command: teu has no daemon`);
  expect(error?.hint).toContain(hint);
});

test("foreignFlag() says what to do in the place of others, and nothing of what it does not know", () => {
  expect(foreignFlag(["--config", "/x", "pull"])?.message).toContain("DOCKER_CONFIG");
  expect(foreignFlag(["-D", "ps"])?.message).toContain("--trace");
  expect(foreignFlag(["--nothing"])).toBeUndefined();
  expect(foreignFlag(["-"])).toBeUndefined();
});
