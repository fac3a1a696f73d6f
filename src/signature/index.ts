/** Signatures of images: made, found, verified, and asked for by a policy. Portable: web and `node:` interfaces only. */

export { enforcePolicy, readPolicy } from "./enforce.ts";
// By a key of gpg's.
export { type GPGSigner, requireSigner, signByGPG } from "./gpg-sign.ts";
// Under which name an image was signed.
export { refuseIdentity } from "./identity.ts";
// Keys, in PEM.
export {
  encryptPrivateKey,
  generateKeyPair,
  type PrivateKey,
  parsePrivateKey,
  parsePublicKey,
} from "./key.ts";
// Signatures beside registries.
export { lookasideSignatures, requireWritableLookaside, storeSignature } from "./lookaside.ts";
export { signImage } from "./sign.ts";
export { trustIdentity, trustKeys } from "./trust.ts";
export { parseTrustedRoot } from "./trusted-root.ts";
export { verifyImage } from "./verify.ts";
