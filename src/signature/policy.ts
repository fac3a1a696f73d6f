/**
 * containers-policy.json: what this machine accepts of which registry. What it does not know it refuses, so that no rule is lost to a
 * wrong letter; the requirements of other transports than docker's are not looked at.
 * Source: containers/image docs/containers-policy.json.5.md.
 */
import {
  array,
  type Check,
  InvalidDocument,
  type Issue,
  mustBe,
  object,
  oneOf,
  optional,
  parseJSON,
  type Reference,
  record,
  string,
} from "../spec/index.ts";
import type { SignedIdentity } from "./identity.ts";

/** One thing that is asked of an image. */
export type Requirement =
  | { readonly type: "insecureAcceptAnything" | "reject" }
  | { readonly type: "sigstoreSigned"; readonly [field: string]: unknown }
  | { readonly type: "signedBy"; readonly [field: string]: unknown };

/** A requirement of signatures by OpenPGP keys. */
export interface SignedBy {
  readonly type: "signedBy";
  readonly keyType: string;
  readonly keyPath?: string;
  readonly keyPaths?: readonly string[];
  readonly keyData?: string;
  readonly signedIdentity?: SignedIdentity;
}

/** A requirement of signatures by some keys, or by somebody whom an authority certified, and of a log's promise. */
export interface SigstoreSigned {
  readonly type: "sigstoreSigned";
  readonly keyPath?: string;
  readonly keyPaths?: readonly string[];
  readonly keyData?: string;
  readonly keyDatas?: readonly string[];
  readonly fulcio?: Fulcio;
  readonly pki?: PKI;
  readonly rekorPublicKeyPath?: string;
  readonly rekorPublicKeyPaths?: readonly string[];
  readonly rekorPublicKeyData?: string;
  readonly rekorPublicKeyDatas?: readonly string[];
  readonly signedIdentity?: SignedIdentity;
}

/** An authority, and whom it has to have certified. */
export interface Fulcio {
  readonly caPath?: string;
  readonly caData?: string;
  readonly oidcIssuer: string;
  readonly subjectEmail: string;
}

/** Authorities of one's own, and whom they have to have certified. */
export interface PKI {
  readonly caRootsPath?: string;
  readonly caRootsData?: string;
  readonly caIntermediatesPath?: string;
  readonly caIntermediatesData?: string;
  readonly subjectEmail?: string;
  readonly subjectHostname?: string;
}

/** A policy, checked. */
export interface Policy {
  readonly default: readonly Requirement[];
  readonly transports?: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>>;
}

const KEY_FIELDS = ["keyPath", "keyPaths", "keyData", "keyDatas"] as const;
const LOG_FIELDS = [
  "rekorPublicKeyPath",
  "rekorPublicKeyPaths",
  "rekorPublicKeyData",
  "rekorPublicKeyDatas",
] as const;

const typed = object<{ type: string }>({ type: string });
const requirementCheck: Check<Requirement> = (value) => {
  const issues = typed(value);
  if (issues !== undefined) return issues;
  const requirement = value as { type: string }; // just checked
  switch (requirement.type) {
    case "insecureAcceptAnything":
    case "reject":
      return only(requirement, ["type"]);
    case "signedBy":
      return signedBy(requirement);
    case "sigstoreSigned":
      return sigstoreSigned(requirement);
    default:
      return [
        {
          path: ["type"],
          found: JSON.stringify(requirement.type),
          wants: "insecureAcceptAnything, reject, sigstoreSigned or signedBy",
        },
      ];
  }
};
const identityTypes = [
  "matchExact",
  "matchRepoDigestOrExact",
  "matchRepository",
  "exactReference",
  "exactRepository",
  "remapIdentity",
] as const;
const IDENTITY_FIELDS: Readonly<Record<string, readonly string[]>> = {
  exactReference: ["dockerReference"],
  exactRepository: ["dockerRepository"],
  remapIdentity: ["prefix", "signedPrefix"],
};
const identityCheck: Check<SignedIdentity> = (value) => {
  const issues = object<{ type: string }>({ type: oneOf(identityTypes) })(value);
  if (issues !== undefined) return issues;
  const identity = value as { type: string } & Record<string, unknown>; // just checked
  const fields = IDENTITY_FIELDS[identity.type] ?? [];
  const wrong = fields.filter((name) => typeof identity[name] !== "string");
  if (wrong.length > 0) return wrong.map((name) => ({ path: [name], found: "nothing", wants: "string" }));
  return only(identity, ["type", ...fields]);
};
const fulcioFields = object<Fulcio>({
  caPath: optional(string),
  caData: optional(string),
  oidcIssuer: string,
  subjectEmail: string,
});
const fulcioCheck: Check<Fulcio> = (value) => {
  const issues = fulcioFields(value);
  if (issues !== undefined) return issues;
  const fulcio = value as Fulcio; // just checked
  if ((fulcio.caPath === undefined) === (fulcio.caData === undefined))
    return [
      { path: [], found: fulcio.caPath === undefined ? "no authority" : "two", wants: "caPath or caData" },
    ];
  return only(fulcio, ["caPath", "caData", "oidcIssuer", "subjectEmail"]);
};
const pkiFields = object<PKI>({
  caRootsPath: optional(string),
  caRootsData: optional(string),
  caIntermediatesPath: optional(string),
  caIntermediatesData: optional(string),
  subjectEmail: optional(string),
  subjectHostname: optional(string),
});
const pkiCheck: Check<PKI> = (value) => {
  const issues = pkiFields(value);
  if (issues !== undefined) return issues;
  const pki = value as PKI; // just checked
  const issue = (found: string, wants: string): Issue[] => [{ path: [], found, wants }];
  if ((pki.caRootsPath === undefined) === (pki.caRootsData === undefined))
    return issue(pki.caRootsPath === undefined ? "no roots" : "two", "caRootsPath or caRootsData");
  if (pki.caIntermediatesPath !== undefined && pki.caIntermediatesData !== undefined)
    return issue("two", "caIntermediatesPath or caIntermediatesData");
  // Of nobody in particular it would be anybody's.
  if (!pki.subjectEmail && !pki.subjectHostname) return issue("no name", "subjectEmail or subjectHostname");
  const files = ["caRootsPath", "caRootsData", "caIntermediatesPath", "caIntermediatesData"];
  return only(pki, [...files, "subjectEmail", "subjectHostname"]);
};
const signedFields = object<SigstoreSigned>({
  type: oneOf(["sigstoreSigned"]),
  keyPath: optional(string),
  keyPaths: optional(array(string)),
  keyData: optional(string),
  keyDatas: optional(array(string)),
  fulcio: optional(fulcioCheck),
  pki: optional(pkiCheck),
  rekorPublicKeyPath: optional(string),
  rekorPublicKeyPaths: optional(array(string)),
  rekorPublicKeyData: optional(string),
  rekorPublicKeyDatas: optional(array(string)),
  signedIdentity: optional(identityCheck),
});

function sigstoreSigned(value: object): readonly Issue[] | undefined {
  const issues = signedFields(value);
  if (issues !== undefined) return issues;
  const issue = (found: string, wants: string): Issue[] => [{ path: [], found, wants }];
  const has = (name: string): boolean => Object.hasOwn(value, name);
  const named = [...KEY_FIELDS, "fulcio", "pki"].filter(has);
  if (named.length !== 1)
    return issue(named.join(" and ") || "no key", `one of ${KEY_FIELDS.join(", ")}, fulcio, pki`);
  const logs = LOG_FIELDS.filter(has);
  if (logs.length > 1) return issue(logs.join(" and "), "one of them");
  // A certificate lasts minutes, and only a log knows when it was used.
  if (has("fulcio") && logs.length === 0)
    return issue("fulcio without a log", `one of ${LOG_FIELDS.join(", ")}`);
  if (has("pki") && logs.length > 0) return issue(`pki and ${logs[0]}`, "pki without a log");
  // Of no key nothing would be asked.
  for (const name of ["keyPaths", "keyDatas", "rekorPublicKeyPaths", "rekorPublicKeyDatas"])
    if (has(name) && (value as Record<string, unknown[]>)[name]?.length === 0)
      return [{ path: [name], found: "an empty list", wants: "a key" }];
  return only(value, ["type", "signedIdentity", ...KEY_FIELDS, ...LOG_FIELDS, "fulcio", "pki"]);
}

const signedByFields = object<SignedBy>({
  type: oneOf(["signedBy"]),
  keyType: oneOf(["GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs"]),
  keyPath: optional(string),
  keyPaths: optional(array(string)),
  keyData: optional(string),
  signedIdentity: optional(identityCheck),
});

function signedBy(value: object): readonly Issue[] | undefined {
  const issues = signedByFields(value);
  if (issues !== undefined) return issues;
  const fields = ["keyPath", "keyPaths", "keyData"];
  const named = fields.filter((name) => Object.hasOwn(value, name));
  if (named.length !== 1)
    return [{ path: [], found: named.join(" and ") || "no key", wants: `one of ${fields.join(", ")}` }];
  if ((value as SignedBy).keyPaths?.length === 0)
    return [{ path: ["keyPaths"], found: "an empty list", wants: "a key" }];
  return only(value, ["type", "keyType", "signedIdentity", ...fields]);
}

/** The fields that are not among `names`. */
function only(value: object, names: readonly string[]): Issue[] | undefined {
  const strange = Object.keys(value).filter((name) => !names.includes(name));
  if (strange.length === 0) return undefined;
  return strange.map((name) => ({ path: [name], found: "this field", wants: `one of ${names.join(", ")}` }));
}

/** No requirement at all would let everything pass unseen. */
const requirements: Check<readonly Requirement[]> = (value) =>
  array(requirementCheck)(value) ??
  ((value as unknown[]).length > 0
    ? undefined
    : [{ path: [], found: "an empty list", wants: "a requirement" }]);
const policyCheck = object<Policy>({
  default: requirements,
  transports: optional(record(record(array((): undefined => undefined)))),
});

/** Parses a policy. @param name  What it is called in messages. @throws {InvalidDocument} @throws {InvalidJSON} */
export function parsePolicy(text: string, name: string): Policy {
  const policy = mustBe(policyCheck, parseJSON(text, name), name);
  const issues = [...(only(policy, ["default", "transports"]) ?? [])];
  for (const [scope, list] of Object.entries(policy.transports?.["docker"] ?? {}))
    for (const issue of requirements(list) ?? [])
      issues.push({ ...issue, path: ["transports", "docker", scope, ...issue.path] });
  if (issues.length > 0) throw new InvalidDocument({ name, issues });
  return policy;
}

/** What is asked of an image of this name, and the scope that says so: the narrowest that holds it. */
export function requirementsFor(
  policy: Policy,
  reference: Reference,
): { scope: string; requirements: readonly Requirement[] } {
  const docker = new Map(Object.entries(policy.transports?.["docker"] ?? {}));
  for (const scope of scopesOf(reference)) {
    const found = docker.get(scope);
    if (found !== undefined)
      return {
        scope: scope === "" ? "all registries" : scope,
        requirements: found as readonly Requirement[],
      }; // checked when parsed
  }
  return { scope: "everything by default", requirements: policy.default };
}

/** From the name itself over its namespaces and its host to whatever is a registry. */
function scopesOf({ registry, repository, tag, digest }: Reference): string[] {
  const name = `${registry}/${repository}`;
  const scopes = [digest === undefined ? `${name}:${tag}` : `${name}@${digest}`];
  for (let at = name; ; at = at.slice(0, at.lastIndexOf("/"))) {
    scopes.push(at);
    if (at === registry) break;
  }
  for (let dot = registry.indexOf("."); dot >= 0; dot = registry.indexOf(".", dot + 1))
    scopes.push(`*${registry.slice(dot)}`);
  return [...scopes, ""];
}
