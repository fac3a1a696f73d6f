import { describe, expect, test } from "bun:test";
import { hasCode } from "../base/index.ts";
import { encodeReference, familiarReference, isRegistryName, isTag, parseReference } from "./reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST = `sha256:${HEX}`;

describe("parseReference()", () => {
  test.each([
    ["debian", "docker.io/library/debian:latest", "debian:latest"],
    ["debian:12", "docker.io/library/debian:12", "debian:12"],
    ["a", "docker.io/library/a:latest", "a:latest"],
    ["user/app", "docker.io/user/app:latest", "user/app:latest"],
    ["docker.io/debian", "docker.io/library/debian:latest", "debian:latest"],
    ["index.docker.io/user/app:1", "docker.io/user/app:1", "user/app:1"],
    ["library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
    ["docker.io/docker.io/a", "docker.io/docker.io/a:latest", "docker.io/docker.io/a:latest"],
    ["docker.io/localhost/a", "docker.io/localhost/a:latest", "docker.io/localhost/a:latest"],
    ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
    ["localhost:5000/a/b_c:v1.0", "localhost:5000/a/b_c:v1.0", "localhost:5000/a/b_c:v1.0"],
    ["UPPER/app", "UPPER/app:latest", "UPPER/app:latest"],
    ["[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"],
    ["[fe80::1]/app:t", "[fe80::1]/app:t", "[fe80::1]/app:t"],
    ["10.0.0.1:80/a--b/c__d/e.f", "10.0.0.1:80/a--b/c__d/e.f:latest", "10.0.0.1:80/a--b/c__d/e.f:latest"],
    [`debian@${DIGEST}`, `docker.io/library/debian@${DIGEST}`, `debian@${DIGEST}`],
    [`r.io/app:1@${DIGEST}`, `r.io/app:1@${DIGEST}`, `r.io/app:1@${DIGEST}`],
  ])("reads %s", (text, whole, familiar) => {
    const reference = parseReference(text);
    expect(encodeReference(reference)).toBe(whole);
    expect(familiarReference(reference)).toBe(familiar);
    expect(parseReference(whole)).toEqual(reference);
    expect(parseReference(familiar)).toEqual(reference);
  });

  test.each([
    ["", "the repository is empty"],
    ["localhost/", "the repository is empty"],
    ["Debian", "lower case"],
    ["r.io/App", "lower case"],
    ["-bad/app", "no repository"],
    ["a//b", "no repository"],
    ["a/../b", "no repository"],
    ["a/b/", "no repository"],
    ["a___b", "no repository"],
    ["app:", "no tag"],
    ["app:-x", "no tag"],
    [`app:${"t".repeat(129)}`, "no tag"],
    ["app@sha256:short", "no digest"],
    [`app@sha256:${HEX.toUpperCase()}`, "no digest"],
    ["app@sha256:../../x", "no digest"],
    ["r.io:99999/app", "no host"],
    ["[fe80::1%eth0]/app", "no host"],
    ["[::zz]/app", "no host"],
    ["user:pass@r.io/app", "no digest"],
    ["https://r.io/app", 'without "https://"'],
    ["docker://r.io/app:1", 'without "docker://"'],
    [HEX, "image by its ID"],
    [`r.io/${"a".repeat(251)}`, "exceed 255"],
    ["app\n", "no repository"],
    ["r.io/app:1\n", "no tag"],
  ])("refuses %j: %s", (text, reason) => {
    let caught: unknown;
    try {
      parseReference(text);
    } catch (error) {
      caught = error;
    }
    expect(hasCode(caught, "invalid-reference")).toBe(true);
    expect(String(caught)).toContain(reason);
  });

  test("takes a name of exactly 255 characters", () => {
    expect(parseReference(`r.io/${"a".repeat(250)}`).repository).toHaveLength(250);
  });
});

test("isTag() allows 128 characters and no more", () => {
  expect(isTag("t".repeat(128))).toBe(true);
  expect(isTag("t".repeat(129))).toBe(false);
});

test("isRegistryName() takes no path, user or scheme", () => {
  for (const text of ["r.io/x", "u@r.io", "http://r.io", "", ":80", "[]", "r.io:", "a..b", "-a.b"])
    expect([text, isRegistryName(text)]).toEqual([text, false]);
});
