/** Signatures of images: made, found, verified, and asked for by a policy. Portable: web and `node:` interfaces only. */

export { enforcePolicy, readPolicy } from "./enforce.ts";
// Under which name an image was signed.
export { refuseIdentity } from "./identity.ts";
// Keys, in PEM.
export { generateKeyPair, parsePrivateKey, parsePublicKey } from "./key.ts";
export { signImage } from "./sign.ts";
export { trustIdentity, trustKeys } from "./trust.ts";
export { parseTrustedRoot } from "./trusted-root.ts";
export { verifyImage } from "./verify.ts";
