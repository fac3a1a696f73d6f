/** Whom we trust: the owners of some keys. */
import type { Annotations } from "../spec/index.ts";
import type { PublicKey } from "./key.ts";

/** What was signed, and all that comes with it. */
export interface Signed {
  readonly message: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** Of the layer, in cosign's first format. */
  readonly annotations?: Annotations;
}

/** Tells who signed. */
export interface Trust {
  /** @returns what the signer is called @throws whoever it was, it is nobody whom we trust */
  signerOf(signed: Signed): string;
}

/** Whoever has the private half of one of `keys`. */
export function trustKeys(keys: readonly PublicKey[]): Trust {
  return {
    signerOf({ message, signatures }) {
      const key = keys.find((one) => signatures.some((signature) => one.isSignature(message, signature)));
      if (key !== undefined) return key.name;
      throw new RangeError(`one was not made with ${keys.map(({ name }) => name).join(" or ")}`);
    },
  };
}
