import { describe, expect, test } from "bun:test";
import { hasCode } from "../../base/index.ts";
import { parseReference, type RegistryName } from "../../spec/index.ts";
import { originOf, realmURL, redirectTarget, uploadLocation } from "./endpoint.ts";

const R = "r.io" as RegistryName;

test.each([
  ["docker.io", "https://registry-1.docker.io"],
  ["r.io", "https://r.io"],
  ["r.io:443", "https://r.io"],
  ["localhost:5000", "http://localhost:5000"],
  ["127.0.0.1:5000", "http://127.0.0.1:5000"],
  ["[::1]:5000", "http://[::1]:5000"],
  ["a.localhost", "http://a.localhost"],
  ["10.0.0.1:5000", "https://10.0.0.1:5000"],
  ["localhost.evil.io", "https://localhost.evil.io"],
  ["127.0.0.1.evil.io", "https://127.0.0.1.evil.io"],
])("originOf() speaks to %s at %s", (registry, want) => {
  expect(originOf(parseReference(`${registry}/a`).registry, false)).toBe(want);
});

test("originOf() speaks http to an insecure registry, but never to the Hub", () => {
  expect(originOf(R, true)).toBe("http://r.io");
  expect(originOf("docker.io" as RegistryName, true)).toBe("https://registry-1.docker.io");
});

function refusal(action: () => unknown): string {
  try {
    return `accepted ${action()}`;
  } catch (error) {
    return hasCode(error, "untrusted-address") ? "refused" : String(error);
  }
}

describe("realmURL()", () => {
  test.each([["https://auth.io/token"], ["https://r.io/token"], ["https://r.io:8443/token"]])(
    "accepts %s for an https registry",
    (realm) => {
      expect(realmURL(R, "https://r.io", realm).href).toBe(realm);
    },
  );
  test.each([
    ["http://auth.io/token"],
    ["http://r.io/token"],
    ["https://127.0.0.1/token"],
    ["https://127.1/token"],
    ["https://2130706433/token"],
    ["https://[::1]/token"],
    ["https://[::ffff:127.0.0.1]/token"],
    ["https://[::ffff:169.254.169.254]/token"],
    ["https://169.254.169.254/latest"],
    ["https://10.0.0.1/token"],
    ["https://172.31.0.1/token"],
    ["https://192.168.1.1/token"],
    ["https://[fd00::1]/token"],
    ["https://[fe80::1]/token"],
    ["https://0.0.0.0/token"],
    ["https://localhost/token"],
    ["https://LOCALHOST./token"],
    ["https://user:pw@auth.io/token"],
    ["file:///etc/passwd"],
    ["not a url"],
    [""],
  ])("refuses %s for an https registry", (realm) => {
    expect(refusal(() => realmURL(R, "https://r.io", realm))).toBe("refused");
  });
  test("accepts http, and the registry's own internal host, for a registry spoken to over http", () => {
    const origin = "http://127.0.0.1:5000";
    expect(realmURL(R, origin, "http://127.0.0.1:5001/token").port).toBe("5001");
    expect(refusal(() => realmURL(R, origin, "http://127.0.0.2:5001/token"))).toBe("refused");
  });
});

describe("uploadLocation()", () => {
  const base = "https://r.io/v2/a/blobs/uploads/";
  test.each([
    ["/v2/a/blobs/uploads/1?state=a%2Bb%20", "https://r.io/v2/a/blobs/uploads/1?state=a%2Bb%20"],
    ["1", "https://r.io/v2/a/blobs/uploads/1"],
    ["https://r.io/u/1", "https://r.io/u/1"],
    ["http://r.io/u/1", "https://r.io/u/1"],
  ])("takes %s as %s", (location, want) => {
    expect(uploadLocation(R, "https://r.io", base, location).href).toBe(want);
  });
  test.each([
    ["https://evil.io/u"],
    ["//evil.io/u"],
    ["https://r.io:444/u"],
    ["https://r.io.evil.io/u"],
    ["ftp://r.io/u"],
  ])("refuses %s", (location) => {
    expect(refusal(() => uploadLocation(R, "https://r.io", base, location))).toBe("refused");
  });
});

describe("redirectTarget()", () => {
  const base = "https://r.io/v2/a/blobs/x";
  test.each([["https://cdn.io/x?sig=1"], ["https://10.0.0.7:9000/x"]])("follows %s", (location) => {
    expect(redirectTarget(R, base, location).href).toBe(location);
  });
  test.each([
    ["http://cdn.io/x"],
    ["https://169.254.169.254/latest"],
    ["https://localhost/x"],
    ["https://[::1]/x"],
    ["file:///etc/passwd"],
  ])("refuses %s", (location) => {
    expect(refusal(() => redirectTarget(R, base, location))).toBe("refused");
  });
  test("lets a loopback registry redirect on loopback", () => {
    expect(redirectTarget(R, "http://127.0.0.1:5000/x", "http://127.0.0.1:5001/x").port).toBe("5001");
  });
});
