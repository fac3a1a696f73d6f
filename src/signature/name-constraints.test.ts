/** Authorities that may certify some names only: openssl makes the certificates, and judges them beside us. */
import { afterAll, describe, expect } from "bun:test";
import type { X509Certificate } from "node:crypto";
import { Certificates } from "../../test/support/certificates.ts";
import { needs, program } from "../../test/support/needs.ts";
import { parseCertificate, requireCertified } from "./certificate.ts";
import { encodeID } from "./extensions.ts";

const test = needs(program("openssl"));
const certificates = new Certificates();
afterAll(() => certificates[Symbol.dispose]());

const AUTHORITY = "basicConstraints=critical,CA:TRUE";
const read = (name: string): X509Certificate => parseCertificate(certificates.der(name), name);

let isMade = false;
let count = 0;
/** An authority below `root`, or another, with these limits. */
function authority(extensions: readonly string[], by = "root"): string {
  if (!isMade) certificates.root("root");
  isMade = true;
  count += 1;
  certificates.certify(`authority${count}`, by, [AUTHORITY, ...extensions]);
  return `authority${count}`;
}

/** What each of us says of a certificate with `names` below such authorities. */
function judge(limits: readonly string[], names: string, chain: readonly (readonly string[])[] = []) {
  const by = authority(limits.length === 0 ? [] : [`nameConstraints=critical,${limits.join(",")}`]);
  const between = [by];
  for (const extensions of chain) between.push(authority(extensions, between.at(-1)));
  count += 1;
  const name = `signer${count}`;
  certificates.certify(name, between.at(-1) ?? by, names === "" ? ["keyUsage=digitalSignature"] : [names]);
  let ours = "accepted";
  try {
    requireCertified(read(name), [[read("root")]], between.map(read), Date.now());
  } catch (error) {
    ours = String(error);
  }
  const untrusted = between.flatMap((one) => ["-untrusted", `${one}.pem`]);
  const { exitCode } = Bun.spawnSync(
    ["openssl", "verify", "-CAfile", "root.pem", ...untrusted, `${name}.pem`],
    { cwd: certificates.folder },
  );
  return { ours, isTheirs: exitCode === 0 };
}

describe("an authority that is limited to, or kept from, some names", () => {
  test.each<[string, string[], string]>([
    ["a host", ["permitted;DNS:example.org"], "DNS:example.org"],
    ["a host below, in other letters", ["permitted;DNS:Example.org"], "DNS:a.b.eXample.org"],
    ["a host below, of a limit with a dot", ["permitted;DNS:.example.org"], "DNS:a.example.org"],
    ["any host below", ["permitted;DNS:example.org"], "DNS:*.example.org"],
    ["one of two", ["permitted;DNS:example.org", "permitted;DNS:example.com"], "DNS:a.example.com"],
    ["hosts beside one", ["excluded;DNS:secret.example.org"], "DNS:open.example.org"],
    ["a host that ends alike", ["excluded;DNS:example.org"], "DNS:badexample.org"],
    ["an address at a host", ["permitted;email:example.org"], "email:Me@Example.org"],
    ["an address below", ["permitted;email:.example.org"], "email:me@mail.example.org"],
    ["the very address", ["permitted;email:me@example.org"], "email:me@EXAMPLE.org"],
    ["an address beside one", ["excluded;email:me@example.org"], "email:Me@example.org"],
    ["names of the other kind", ["permitted;DNS:example.org"], "email:me@elsewhere.org"],
    ["no names at all", ["permitted;DNS:example.org", "excluded;IP:10.0.0.0/255.0.0.0"], ""],
    ["what others may not, as it has none", ["permitted;IP:10.0.0.0/255.0.0.0"], "DNS:example.org"],
  ])("certifies %s", (_, limits, names) => {
    const names_ = names === "" ? "" : `subjectAltName=${names}`;
    expect(judge(limits, names_)).toEqual({ ours: "accepted", isTheirs: true });
  });

  const only = (name: string): string => `may not certify ${JSON.stringify(name)}, only some names`;
  const never = (name: string): string => `is kept from certifying ${JSON.stringify(name)}`;
  test.each<[string, string[], string, string]>([
    ["another host", ["permitted;DNS:example.org"], "DNS:example.com", only("example.com")],
    ["a host that ends alike", ["permitted;DNS:example.org"], "DNS:badexample.org", only("badexample.org")],
    ["a host above", ["permitted;DNS:a.example.org"], "DNS:example.org", only("example.org")],
    ["all hosts beside", ["permitted;DNS:a.example.org"], "DNS:*.example.org", only("*.example.org")],
    ["the host itself", ["permitted;DNS:.example.org"], "DNS:example.org", only("example.org")],
    ["one good name and a bad", ["permitted;DNS:a.org"], "DNS:a.org,DNS:b.org", only("b.org")],
    [
      "a host, though of another it might",
      ["permitted;DNS:a.org", "excluded;DNS:b.a.org"],
      "DNS:b.a.org",
      never("b.a.org"),
    ],
    ["a host below", ["excluded;DNS:example.org"], "DNS:a.EXAMPLE.org", never("a.EXAMPLE.org")],
    [
      "an address at another host",
      ["permitted;email:example.org"],
      "email:me@a.example.org",
      only("me@a.example.org"),
    ],
    ["another address", ["permitted;email:me@example.org"], "email:Me@example.org", only("Me@example.org")],
    [
      "an address at the host",
      ["permitted;email:.example.org"],
      "email:me@example.org",
      only("me@example.org"),
    ],
    ["the address", ["excluded;email:me@example.org"], "email:me@example.org", never("me@example.org")],
    ["addresses there", ["excluded;email:example.org"], "email:me@EXAMPLE.org", never("me@EXAMPLE.org")],
  ])("does not certify %s", (_, limits, names, why) => {
    expect(judge(limits, `subjectAltName=${names}`)).toEqual({
      ours: expect.stringContaining(why),
      isTheirs: false,
    });
  });

  // Here we are stricter than openssl.
  test.each<[string, string[], string, string]>([
    [
      "all hosts, one of which it may not",
      ["excluded;DNS:a.example.org"],
      "DNS:*.example.org",
      never("*.example.org"),
    ],
    [
      "URIs, where those are limited",
      ["permitted;URI:example.org"],
      "URI:https://example.org/a",
      "limits of URIs are not understood",
    ],
    [
      "IP addresses",
      ["excluded;IP:10.0.0.0/255.0.0.0"],
      "IP:192.0.2.1",
      "limits of IP addresses are not understood",
    ],
    [
      "anybody, where directory names are limited",
      ["permitted;dirName:here", "[here]", "CN=signer"],
      "DNS:a",
      "limits of directory names are not",
    ],
    [
      "a name that is none",
      ["permitted;DNS:example.org"],
      "DNS:a..example.org",
      "cannot be held against limits",
    ],
    [
      "an address of two",
      ["permitted;email:example.org"],
      'email:"me@elsewhere"@example.org',
      "cannot be held against limits",
    ],
  ])("certifies no %s", (_, [limit = "", ...more], names, why) => {
    const by = authority([`nameConstraints=critical,${limit}`, ...more]);
    certificates.certify("strict", by, [`subjectAltName=${names}`]);
    const certified = () => requireCertified(read("strict"), [[read("root")]], [read(by)], Date.now());
    expect(certified).toThrow(why);
  });

  test("limits those below it too, who may not widen that", () => {
    const wide = [["nameConstraints=critical,permitted;DNS:org"]];
    expect(judge(["permitted;DNS:example.org"], "subjectAltName=DNS:a.example.org", wide)).toEqual({
      ours: "accepted",
      isTheirs: true,
    });
    expect(judge(["permitted;DNS:example.org"], "subjectAltName=DNS:a.org", wide)).toEqual({
      ours: expect.stringContaining(only("a.org")),
      isTheirs: false,
    });
    const narrow = [["nameConstraints=critical,permitted;DNS:a.example.org"]];
    expect(judge([], "subjectAltName=DNS:b.example.org", narrow)).toMatchObject({
      ours: expect.stringContaining(only("b.example.org")),
      isTheirs: false,
    });
  });
});

describe("a critical extension that is not understood", () => {
  test("makes a certificate worthless, an authority's too", () => {
    const policy = "policyConstraints=critical,requireExplicitPolicy:0";
    const by = authority([policy]);
    certificates.certify("under-policy", by, ["subjectAltName=DNS:a.org"]);
    certificates.certify("strange", "root", ["subjectAltName=DNS:a.org", "1.2.3.4=critical,DER:0500"]);
    certificates.certify("curious", "root", ["subjectAltName=DNS:a.org", "1.2.3.4=DER:0500"]);
    const certified = (name: string) => () =>
      requireCertified(read(name), [[read("root")]], [read(by)], Date.now());
    expect(certified("under-policy")).toThrow("critical extension 2.5.29.36, which is not understood");
    expect(certified("strange")).toThrow("critical extension 1.2.3.4, which is not understood");
    expect(certified("curious")).not.toThrow();
  });

  test("encodeID() writes it as people do", () => {
    expect(encodeID(Buffer.from("2b0601040183bf3001", "hex"))).toBe("1.3.6.1.4.1.57264.1");
    expect(encodeID(Buffer.from("551d24", "hex"))).toBe("2.5.29.36");
    expect(encodeID(Buffer.from("883703", "hex"))).toBe("2.999.3");
  });
});
