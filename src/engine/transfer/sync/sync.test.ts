import { describe, expect, test } from "bun:test";
import { parseSyncFile } from "./file.ts";
import { parseConstraint } from "./semver.ts";
import { parseYAML } from "./yaml.ts";

const refuse = (line: number, reason: string): never => {
  throw new Error(`line ${line}: ${reason}`);
};

describe("parseConstraint()", () => {
  const cases: readonly (readonly [constraint: string, yes: string, no: string])[] = [
    [">= 3.14", "3.14 3.14.1 v4", "3.13 3.15-rc1 latest"],
    ["~1.2", "1.2.0 1.2.9", "1.1 1.3"],
    ["~1", "1.0 1.9", "2"],
    ["^1.2.3", "1.2.3 1.9", "1.2.2 2"],
    ["^0.2.3", "0.2.9", "0.3"],
    ["^0.0.3", "0.0.3", "0.0.4"],
    ["^0.0", "0.0.9", "0.1"],
    ["^0", "0.9", "1"],
    ["1.2 - 1.4.5", "1.2 1.4.5", "1.4.6"],
    ["1.x || 3.*", "1.9 3.1.1", "2"],
    ["> 11", "12", "11 11.1"],
    ["<= 11", "11.9 3", "12"],
    ["!= 1.2", "1.3", "1.2.1"],
    [">1, <2.5 !=2.1.1", "2.1", "2.1.1 2.5"],
    ["*", "0 1 2.3.4", "x 1-a"],
    [">= 1.0-0", "1.0.0-rc.1 2.0-a", "0.9"],
    ["1.2.3", "1.2.3 v1.2.3 1.2.3+b", "1.2.4"],
  ];
  test.each(cases)("%s", (text, yes, no) => {
    const fits = parseConstraint(text);
    expect(yes.split(" ").filter((tag) => fits?.(tag) !== true)).toEqual([]);
    expect(no.split(" ").filter((tag) => fits?.(tag))).toEqual([]);
  });
  test.each(["", "latest", ">=", "1.2.3.4", "1 ||", ">> 1"])("%p is none", (text) => {
    expect(parseConstraint(text)).toBeUndefined();
  });
});

describe("parseYAML()", () => {
  /** As Bun's parser would have it, but texts. */
  const plain = (node: ReturnType<typeof parseYAML>): unknown => {
    switch (node.kind) {
      case "text":
        return node.text;
      case "list":
        return node.items.map(plain);
      case "map":
        return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
      default:
        return null;
    }
  };
  const read = (text: string) => plain(parseYAML(text, refuse));

  test.each([
    ["a: 1.10\nb:\n  - 010\n  - 'x: # y'\n", { a: "1.10", b: ["010", "x: # y"] }],
    [
      '---\nhost:5000:\n  a/b:\n  - 1 # one\n  - "2\\x41"\n  c:\n',
      { "host:5000": { "a/b": ["1", "2A"], c: null } },
    ],
    [
      "a: {b: [1, 2], 'c': x, d: }\ne: [\n  1,\n  # no\n  2,\n]\n...\n",
      { a: { b: ["1", "2"], c: "x", d: null }, e: ["1", "2"] },
    ],
    ["- a: 1\n  b: 2\n-\n  - x\n- - y\n  - z", [{ a: "1", b: "2" }, ["x"], ["y", "z"]]],
    ["a: &t\n  - 1\nb: *t\nc: &u x\nd: *u", { a: ["1"], b: ["1"], c: "x", d: "x" }],
    ["a: sha256:abc\r\nb: ^v1#x\r\n", { a: "sha256:abc", b: "^v1#x" }],
    ["# nothing\n", null],
    ["__proto__: 1", JSON.parse('{"__proto__": "1"}')],
  ])("%j", (text, want) => {
    expect(read(text)).toEqual(want as never);
  });

  test.each([
    ["a: 1\na: 2", 'line 2: "a" is there already, on line 1'],
    ["a:\n\tb: 1", "line 2: a tab"],
    ["a: [1", "line 1: [ is never closed"],
    ["a: b: c", "line 1: a second key on this line"],
    ["a: 'x", "line 1: a ' is missing"],
    ['a: "x\ny"', 'line 1: a " is missing'],
    ["a: |\n  x", "line 1: | begins"],
    ["a: x\n  y", "line 2: this does not belong"],
    ["a:\n    b: 1\n  c: 2", "line 3: this does not belong"],
    ["a: 1\n---\nb: 2", "line 2: a second document"],
    ["a: *x", "line 1: no anchor"],
    ["a: 1\nb", "line 2: a colon is missing"],
    ["a: - 1", "line 1: a list begins on its key's line"],
    ["a: [1 2] x", "line 1: cannot follow"],
    ["[".repeat(99), "line 1: more than 32 levels"],
  ])("%j is refused", (text, says) => {
    expect(() => read(text)).toThrow(says);
  });

  test("never hangs or throws anything else on what is cut or changed", () => {
    const whole = "a: {b: [1, \"2\"]}\nc:\n- d: *x\n  'e': &y 1 # no\n-\n  - f\n";
    for (let at = 0; at < whole.length; at++)
      for (const text of [
        whole.slice(0, at),
        ...[..."\n:-'\"[ #\t*&"].map((char) => whole.slice(0, at) + char + whole.slice(at)),
      ])
        try {
          parseYAML(text, refuse);
        } catch (error) {
          expect((error as Error).message).toMatch(/^line \d+: /);
        }
  });
});

describe("parseSyncFile()", () => {
  test("skopeo's example", () => {
    const [hub, other] = parseSyncFile(
      `registry.example:
  images:
    busybox: []
    redis:
      - "1.0"
      - 2.0
      - "sha256:${"0".repeat(64)}"
  images-by-semver:
    alpine: ">= 3.12.0"
  credentials: {username: john, password: "this: secret"}
  tls-verify: true
  cert-dir: /home/john/certs
other.example/team:
  tls-verify: false
  images-by-tag-regex:
    nginx: ^1\\.13\\.[12]-alpine-perl$
`,
      "sync.yml",
    );
    expect(
      hub?.repositories.map(({ repository, selection }) => [repository.repository as string, selection.kind]),
    ).toEqual([
      ["busybox", "fitting"],
      ["redis", "named"],
      ["alpine", "fitting"],
    ]);
    expect(hub).toMatchObject({
      credentials: "john:this: secret",
      isTLSVerified: true,
      certificates: "/home/john/certs",
    });
    const [nginx] = other?.repositories ?? [];
    expect(nginx?.repository.repository as string).toBe("team/nginx");
    if (nginx?.selection.kind !== "fitting") throw new Error("no expression");
    expect(["1.13.1-alpine-perl", "1.13.3-alpine-perl"].map(nginx.selection.fits)).toEqual([true, false]);
  });

  test.each([
    ["r.example:\n  image:\n    a: []", 'line 2: r.example: unknown key "image"'],
    ["r.example:\n  images:\n    A: []", "line 3: Invalid reference"],
    ["r.example:\n  images:\n    a:1: []", 'line 3: "a:1": wants a repository'],
    ["r.example:\n  images:\n    a: 1", "line 3: r.example.images.a: wants a list"],
    ["r.example:\n  images:\n    a:\n    - '!'", 'line 4: r.example.images.a: "!" is neither'],
    [
      "r.example:\n  images-by-semver:\n    a: new",
      'line 3: r.example.images-by-semver.a: "new" asks nothing',
    ],
    ["r.example:\n  images-by-tag-regex:\n    a: '('", "line 3: r.example.images-by-tag-regex.a: "],
    [
      "r.example:\n  images:\n    a:\n  tls-verify: maybe",
      "line 4: r.example.tls-verify: wants true or false",
    ],
    ["r.example:\n  images:\n    a:\n  credentials:\n    username: x", "credentials: wants password"],
    ["r.example: {}", "line 1: r.example: it names no images"],
    ["", "line 1: it names no registry"],
  ])("%j is refused", (text, says) => {
    expect(() => parseSyncFile(text, "sync.yml")).toThrow(says);
  });
});
