import { afterAll, describe, expect, spyOn, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "../../../base/index.ts";
import { compileGlob } from "./glob.ts";
import { Htpasswd } from "./htpasswd.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-htpasswd-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "htpasswd");
const hash = async (password: string): Promise<string> =>
  await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });

describe("Htpasswd", () => {
  test("knows whom the file knows, and reads it again when it changes", async () => {
    let now = 0;
    writeFileSync(
      path,
      `# people\n\nalice:${await hash("one")}\nbob:${(await hash("two")).replace("$2b$", "$2y$")}\n`,
    );
    const htpasswd = await Htpasswd.open(path, () => now);
    expect(await htpasswd.verify("alice", "one")).toBe(true);
    expect(await htpasswd.verify("bob", "two")).toBe(true);
    expect(await htpasswd.verify("alice", "two")).toBe(false);
    expect(await htpasswd.verify("carol", "one")).toBe(false);
    expect(await htpasswd.verify("alice", "x".repeat(100))).toBe(false);
    writeFileSync(path, `alice:${await hash("three")}\n`);
    now += 1_001;
    expect(await htpasswd.verify("alice", "one")).toBe(false);
    expect(await htpasswd.verify("alice", "three")).toBe(true);
    expect(await htpasswd.fingerprint("bob")).toBeUndefined();
  });

  test("hashes a right password once a minute, a wrong one each time, and a name that is none as well", async () => {
    let now = 0;
    writeFileSync(path, `alice:${await hash("one")}\n`);
    const htpasswd = await Htpasswd.open(path, () => now);
    using verify = spyOn(Bun.password, "verify");
    for (let round = 0; round < 5; round += 1) await htpasswd.verify("alice", "one");
    expect(verify).toHaveBeenCalledTimes(1);
    now += 60_001;
    await htpasswd.verify("alice", "one");
    await htpasswd.verify("alice", "wrong");
    await htpasswd.verify("alice", "wrong");
    await htpasswd.verify("nobody", "one");
    expect(verify).toHaveBeenCalledTimes(5);
  });

  test("has too many to check only for so many at once", async () => {
    writeFileSync(path, `alice:${await hash("one")}\n`);
    const htpasswd = await Htpasswd.open(path);
    const all = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => htpasswd.verify("alice", `${index}`)),
    );
    const refused = all.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(100 - 66);
    expect(await htpasswd.verify("alice", "one")).toBe(true);
  });

  test.each(["alice:plain", "alice:$apr1$x$y", "alice", ":x", "alice:{SHA}x"])("refuses %j", async (line) => {
    writeFileSync(path, `${line}\n`);
    const failure = await Htpasswd.open(path).catch((error: unknown) => error);
    expect(hasCode(failure, "invalid-htpasswd")).toBe(true);
  });
});

describe("compileGlob()", () => {
  test.each([
    ["**", "a/b/c", true],
    ["team/*", "team/a", true],
    ["team/*", "team/a/b", false],
    ["team/*", "team", false],
    ["team/**", "team/a/b", true],
    ["*/cache", "x/cache", true],
    ["a.b", "axb", false],
    ["v*", "v1.2", true],
    ["v[0-9]", "v1", false],
    ["team/*-dev/**", "team/x-dev/y/z", true],
  ])("%s on %s is %p", (pattern, name, want) => {
    expect(compileGlob(pattern)(name)).toBe(want);
  });
});
