/**
 * Under which name an image must have been signed to be run under another. Names are compared whole, never by prefix.
 * Source: containers/image docs/containers-policy.json.5.md, signedIdentity.
 */
import { encodeReference, parseReference, type Reference } from "../spec/index.ts";

/** What a policy wants of the name in a signature. */
export type SignedIdentity =
  | { readonly type: "matchExact" | "matchRepoDigestOrExact" | "matchRepository" }
  | { readonly type: "exactReference"; readonly dockerReference: string }
  | { readonly type: "exactRepository"; readonly dockerRepository: string }
  | { readonly type: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string };

/** Why a signature under the name `signed` is none for `wanted`; undefined: it is one. */
export function refuseIdentity(
  identity: SignedIdentity,
  wanted: Reference,
  signed: string | undefined,
): string | undefined {
  if (signed === undefined) return "one names no repository for which it was made";
  const name = parse(signed);
  if (name === undefined) return `one is for ${JSON.stringify(signed)}, which is no name of an image`;
  return matches(identity, wanted, name)
    ? undefined
    : `one is for ${JSON.stringify(signed)}, not for ${encodeReference(wanted)}`;
}

function matches(identity: SignedIdentity, wanted: Reference, signed: Name): boolean {
  switch (identity.type) {
    case "matchExact":
      return isExact(wanted, signed);
    case "matchRepoDigestOrExact":
      // Whoever names a digest knows what he gets; a tag is only a promise of the registry's.
      return wanted.digest === undefined ? isExact(wanted, signed) : isSameRepository(wanted, signed);
    case "matchRepository":
      return isSameRepository(wanted, signed);
    case "exactReference": {
      const exact = parse(identity.dockerReference);
      return exact !== undefined && spell(exact) === spell(signed);
    }
    case "exactRepository": {
      const exact = parse(identity.dockerRepository);
      return exact !== undefined && isSameRepository(exact, signed);
    }
    case "remapIdentity":
      return matches({ type: "matchRepoDigestOrExact" }, remap(identity, wanted), signed);
    default:
      return identity satisfies never;
  }
}

/** A name as it is written: without a tag it means the repository. */
type Name = Pick<Reference, "registry" | "repository" | "tag" | "digest">;

function parse(text: string): Name | undefined {
  try {
    const name = parseReference(text);
    const hasTag = text.slice(text.lastIndexOf("/") + 1).includes(":");
    return { ...name, tag: hasTag ? name.tag : undefined };
  } catch {
    return undefined; // whatever it is, it names nothing
  }
}

function isExact(wanted: Name, signed: Name): boolean {
  return (signed.tag !== undefined || signed.digest !== undefined) && spell(wanted) === spell(signed);
}

function isSameRepository(a: Name, b: Name): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}

function spell({ registry, repository, tag, digest }: Name): string {
  // Of both the digest decides, here as everywhere.
  return `${registry}/${repository}${digest !== undefined ? `@${digest}` : tag === undefined ? "" : `:${tag}`}`;
}

/** `prefix` is a host, or a namespace or repository there, and ends where a component ends. */
function remap(
  { prefix, signedPrefix }: SignedIdentity & { type: "remapIdentity" },
  wanted: Reference,
): Reference {
  const text = encodeReference(wanted);
  const rest = text.slice(prefix.length);
  if (!text.startsWith(prefix) || !/^[/:@]/.test(rest)) return wanted;
  // A port is no tag: "host" is no prefix of "host:5000/a".
  if (!prefix.includes("/") && !rest.startsWith("/")) return wanted;
  return parseReference(`${signedPrefix}${rest}`);
}
