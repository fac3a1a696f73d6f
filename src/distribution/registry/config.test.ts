import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../base/index.ts";
import { parseRegistryConfig } from "./config.ts";

describe("parseRegistryConfig()", () => {
  test("reads what it knows", () => {
    const text = `
listen: 127.0.0.1:5000
htpasswd: /etc/teu/htpasswd
groups: { ops: [alice] }
access:
  - repositories: ["**"]
    identities: ["group:ops", "certificate:builder"]
    rights: [read, create, update, delete]
quotas: [{ prefix: team, bytes: 1000000 }]
immutableTags: [{ repositories: ["**"], tags: ["v*"], except: ["v0"] }]
`;
    expect(parseRegistryConfig(text, "x")).toMatchObject({
      groups: { ops: ["alice"] },
      quotas: [{ prefix: "team", bytes: 1_000_000 }],
    });
    expect(parseRegistryConfig("", "x")).toEqual({});
  });

  test("reads what its reference page shows, which shows every field", () => {
    const page = readFileSync(join(import.meta.dir, "../../../docs/reference/registry-config.md"), "utf8");
    const [, text = ""] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    const shown = Object.keys(parseRegistryConfig(text, "registry-config.md")).toSorted();
    let failure: unknown;
    try {
      parseRegistryConfig("x: 1", "x");
    } catch (error) {
      failure = error;
    }
    const [, known = ""] = /wants one of (.+)$/.exec(String(failure)) ?? [];
    expect([...shown, "insecureListen"].toSorted()).toEqual(known.split(", ").toSorted());
  });

  test.each([
    ["lisen: x", "lisen: found this field"],
    ["access: [{ repositories: [a], identities: [bob], rights: [read] }]", "access[0].identities[0]"],
    ["access: [{ repositories: [a], identities: ['*'], rights: [write] }]", "access[0].rights[0]"],
    [
      "access: [{ repository: [a], identities: ['*'], rights: [read] }]",
      "access[0].repository: found this field",
    ],
    // Nobody was in a group that nobody had declared: the rule was lost to a wrong letter.
    [
      "{ groups: { ops: [bob] }, access: [{ repositories: [a], identities: ['*', 'group:opps'], rights: [read] }] }",
      'access[0].identities[1]: found "group:opps", wants a group of groups: ops',
    ],
    [
      "access: [{ repositories: [a], identities: ['group:ops'], rights: [read] }]",
      'access[0].identities[0]: found "group:ops", wants a group, but groups has none',
    ],
    ["htpasswd: x", "access: found nothing"],
    ["tokens: {}", "tokens: found no htpasswd"],
    ["tls: { certificate: a, key: b, requireClientCertificate: true }", "tls.requireClientCertificate"],
    ["quotas: [{ prefix: a, bytes: -1 }]", "quotas[0].bytes"],
    // Two entries of one URL shared one note of what was heard: each missed what only the other wanted.
    ["events: [{ url: 'http://h/' }, { url: 'http://i/' }, { url: 'http://H' }]", "events[2].url"],
    ["{", "text that is not YAML"],
    ["- a", "found array, wants object"],
  ])("refuses %j", (text, want) => {
    let failure: unknown;
    try {
      parseRegistryConfig(text, "config.yaml");
    } catch (error) {
      failure = error;
    }
    expect(hasCode(failure, "invalid-document")).toBe(true);
    expect(String(failure)).toContain(want);
  });
});
