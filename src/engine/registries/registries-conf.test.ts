import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRegistriesConf, relocate, ruleFor } from "./registries-conf.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-conf-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string, environment: Record<string, string> = {}) {
  const path = join(folder, "registries.conf");
  writeFileSync(path, text);
  return readRegistriesConf({ CONTAINERS_REGISTRIES_CONF: path, ...environment });
}

test("reads prefixes, locations, mirrors and their use", () => {
  const rules = read(`
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "docker.io"
location = "hub.internal/docker"
mirror-by-digest-only = true
[[registry.mirror]]
location = "one.internal"
[[registry.mirror]]
location = "two.internal:5000/x"
insecure = true
pull-from-mirror = "tag-only"
[[registry]]
location = "bad.example"
blocked = true
`);
  expect(rules).toEqual([
    {
      prefix: "docker.io",
      location: "hub.internal/docker",
      isInsecure: false,
      isBlocked: false,
      mirrors: [
        { location: "one.internal", isInsecure: false, use: "digest-only" },
        { location: "two.internal:5000/x", isInsecure: true, use: "tag-only" },
      ],
    },
    { prefix: "bad.example", location: "bad.example", isInsecure: false, isBlocked: true, mirrors: [] },
  ]);
});

test.each([
  ["docker.io/library/debian", "docker.io/library"],
  ["docker.io/libraryx/debian", "docker.io"],
  ["docker.io.example/x", undefined],
  ["a.wild.example/x", "*.wild.example"],
  ["a.b.wild.example/deep/x", "*.wild.example/deep"],
  ["wild.example/x", undefined],
  ["host:5000/x", "host:5000"],
  ["host/x", undefined],
])("%s falls under %s, the longest", (name, want) => {
  const prefixes = ["docker.io", "docker.io/library", "*.wild.example", "*.wild.example/deep", "host:5000"];
  const rules = read(prefixes.map((prefix) => `[[registry]]\nprefix = "${prefix}"\n`).join(""));
  expect(ruleFor(rules, name)?.prefix).toBe(want as never);
});

test("relocate() keeps what follows the prefix", () => {
  const [rule, wild] = read(
    `[[registry]]\nprefix = "docker.io/library"\n[[registry]]\nprefix = "*.wild.example"\n`,
  );
  if (rule === undefined || wild === undefined) throw new Error("no rules");
  expect(relocate(rule, "m.internal/hub", "docker.io/library/debian")).toBe("m.internal/hub/debian");
  expect(relocate(wild, "m.internal", "a.wild.example/x/y")).toBe("m.internal/x/y");
});

test.each([
  ["[[registry", "registries.conf"],
  ["registry = 5", "registry: wants tables"],
  ['[[registry]]\nprefix = "x"\nblocked = "yes"', "registry.0.blocked: wants true or false"],
  [
    '[[registry]]\nprefix = "x"\n[[registry.mirror]]\nlocation = 5',
    "registry.0.mirror.0.location: wants a text",
  ],
])("%j is refused by its place", (text, says) => {
  expect(() => read(text)).toThrow(says);
});

test("the user's file takes the place of the system's, and folders add to it", () => {
  const home = join(folder, "home/.config/containers");
  mkdirSync(join(home, "registries.conf.d"), { recursive: true });
  writeFileSync(
    join(home, "registries.conf"),
    '[[registry]]\nlocation = "a"\n[[registry]]\nlocation = "b"\n',
  );
  writeFileSync(join(home, "registries.conf.d/10-x.conf"), '[[registry]]\nlocation = "b"\nblocked = true\n');
  const rules = readRegistriesConf({ HOME: join(folder, "home") });
  expect(rules.map(({ prefix, isBlocked }) => `${prefix} ${isBlocked}`)).toEqual(["a false", "b true"]);
});
