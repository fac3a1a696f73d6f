/** The built executable runs our code and no other, whatever folder and environment it is started in. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, TEU, teu } from "./teu.ts";

let folder: string;
let evil: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "teu-executable-"));
  evil = join(folder, "evil.js");
  writeFileSync(evil, "require('node:fs').writeSync(1, 'FOREIGN CODE');");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("foreign code", () => {
  test("the attacks work on an executable that is not hardened (else the tests below prove nothing)", async () => {
    const options = await run([process.execPath, "-e", "0"], { env: { BUN_OPTIONS: `--preload ${evil}` } });
    expect(options.stdout).toContain("FOREIGN CODE");
  });

  const attacks = [
    { vector: "BUN_OPTIONS", env: () => ({ BUN_OPTIONS: `--preload ${evil}` }), words: ["version"] },
    { vector: "BUN_BE_BUN", env: () => ({ BUN_BE_BUN: "1" }), words: ["run", "EVIL"] },
    {
      vector: "BUN_BE_BUN, -e",
      env: () => ({ BUN_BE_BUN: "1" }),
      words: ["-e", "require('fs').writeSync(1,'FOREIGN CODE')"],
    },
    { vector: "BUN_INSPECT_PRELOAD", env: () => ({ BUN_INSPECT_PRELOAD: evil }), words: ["version"] },
    { vector: "NODE_OPTIONS", env: () => ({ NODE_OPTIONS: `--require ${evil}` }), words: ["version"] },
  ];
  test.each(attacks)("$vector in the environment runs none", async ({ env, words }) => {
    const result = await teu(
      words.map((word) => (word === "EVIL" ? evil : word)),
      { env: env() },
    );
    expect(result.stdout).not.toContain("FOREIGN CODE");
    expect(result.stderr).not.toContain("FOREIGN CODE");
  });

  test("environment entries with the overwritten names' bytes run none", async () => {
    // Only the entry with an empty name is left that a C lookup of "" could find; env(1) can pass it.
    const result = await run(["env", `=--preload ${evil}`, TEU, "version"]);
    expect(result.stdout).toStartWith("teu version ");
    expect(result.stdout).not.toContain("FOREIGN CODE");
  });

  test("bunfig.toml, .env and package.json of the current folder are not read", async () => {
    writeFileSync(join(folder, "bunfig.toml"), `preload = ["${evil}"]\n`);
    writeFileSync(join(folder, ".env"), "TEU_ROOT=/from/dotenv\n");
    const result = await teu(["info"], { cwd: folder });
    expect(result.stdout).not.toContain("FOREIGN CODE");
    expect(result.stdout).not.toContain("/from/dotenv");
  });
});

test("teu starts in a directory that was deleted, and works from /", async () => {
  const script = 'mkdir "$1" && cd "$1" && rmdir "$1" && exec "$2" version';
  const result = await run(["sh", "-c", script, "sh", join(folder, "gone"), TEU]);
  expect(result.stderr).toBe("");
  expect(result.stdout).toStartWith("teu version ");
});

test("the environment names no file that is written when the program ends", async () => {
  const file = join(folder, "order");
  for (const name of ["BUN_BYTECODE_ORDER_OUT", "BUN_BYTECODE_ORDER_NAMES_OUT"]) {
    expect((await teu(["version"], { env: { [name]: file } })).status).toBe(0);
    expect(existsSync(file)).toBe(false);
  }
});

test("a short command is not compiled to machine code, unless the caller wants it so", async () => {
  const compiled = async (env: Record<string, string>): Promise<number> => {
    const bundle = mkdtempSync(join(folder, "bundle-"));
    // On the same thread: one of its own may not be done when so short a command ends.
    const all = { ...env, BUN_JSC_reportCompileTimes: "1", BUN_JSC_useConcurrentJIT: "0" };
    const { stdout, stderr } = await teu(["runtime", "spec", "--bundle", bundle], { env: all });
    return `${stdout}${stderr}`.split("using Baseline").length - 1;
  };
  expect(await compiled({})).toBe(0);
  expect(await compiled({ BUN_JSC_thresholdForJITAfterWarmUp: "100" })).toBeGreaterThan(0);
});

test("memory is not made ready by a thread before there are 4 MB of objects, unless the caller wants it so", async () => {
  const name = "BUN_JSC_warmUpMarkedBlockStartAfterBlocks";
  const options = async (env: Record<string, string>): Promise<string> => {
    const { stdout, stderr } = await teu(["version"], { env: { ...env, BUN_JSC_dumpOptions: "2" } });
    return `${stdout}${stderr}`;
  };
  expect(await options({})).toContain("warmUpMarkedBlockStartAfterBlocks=256");
  expect(await options({ [name]: "100" })).toContain("warmUpMarkedBlockStartAfterBlocks=100");
});

test("the value of a flag of `teu runtime` may be the name of a command", async () => {
  const words = ["runtime", "--log", "start", "--root", mkdtempSync(join(folder, "root-")), "list"];
  const { status, stdout, stderr } = await run([TEU, ...words], { cwd: folder });
  expect({ status, stderr, stdout }).toEqual({
    status: 0,
    stderr: "",
    stdout: expect.stringMatching(/^ID +PID +STATUS/),
  });
});

test("teu is found by a link of any name", async () => {
  symlinkSync(TEU, join(folder, "teu"));
  expect((await run([join(folder, "teu"), "version"])).stdout).toStartWith("teu version ");
});

test("--help of a word that has commands of its own tells which ones", async () => {
  // It printed no commands, though every error of such a word sends people there.
  for (const word of ["network", "registry"]) {
    const alone = await teu([word]);
    expect(alone.stdout).toContain("Commands:\n");
    for (const words of [
      [word, "--help"],
      [word, "-h"],
      [word, "help"],
      ["help", word],
    ])
      expect(await teu(words)).toEqual(alone);
  }
  const { status, stderr } = await teu(["network", "nosuch"]);
  expect([status, stderr]).toEqual([
    1,
    'teu: Unknown command "nosuch" of teu network\nhint: See "teu network --help"\n',
  ]);
});
