/** A registry over a folder, without a socket. */
import { Access } from "./auth/access.ts";
import { Authenticator, type Means } from "./auth/authenticator.ts";
import { type Handler, type HandlerOptions, makeHandler } from "./handler.ts";
import type { StoragePolicy } from "./storage/policy.ts";
import { openStorage } from "./storage/storage.ts";
import { DEFAULT_UPLOAD_LIMITS, type UploadLimits, Uploads } from "./uploads.ts";

/** Where a registry keeps its things and how it behaves. One process at a time serves a folder. */
export interface StorageOptions {
  /** Made if it is not there. */
  readonly root: string;
  readonly uploads?: UploadLimits;
  /** What may not be stored, whoever asks. */
  readonly policy?: StoragePolicy;
  /** Who may do what; without it everybody may do everything. */
  readonly means?: Means;
  /** Told of failures that are ours; clients see only their code. */
  readonly onError?: NonNullable<HandlerOptions["onError"]>;
}

/** A registry that answers whoever calls it. Disposing leaves unfinished uploads to the next process. */
export interface OpenRegistry extends Disposable {
  readonly handle: Handler;
}

const EXPIRY_INTERVAL_MS = 60_000;

/** Opens the registry below `options.root`. */
export function openRegistry({
  root,
  uploads: limits = DEFAULT_UPLOAD_LIMITS,
  policy,
  means,
  onError,
}: StorageOptions): OpenRegistry {
  const storage = openStorage(root, policy);
  const uploads = Uploads.open(storage, limits);
  const tidy = (): void => {
    uploads.expire(Date.now()).catch((error: unknown) => onError?.(error));
  };
  const expiry = setInterval(tidy, EXPIRY_INTERVAL_MS);
  expiry.unref();
  const access = new Access(
    means && new Authenticator(means),
    async (repository, tag) => (await storage.metadata.tag(repository, tag)) !== undefined,
  );
  const tokens = means?.tokens;
  return {
    handle: makeHandler({
      storage,
      uploads,
      access,
      isReadOnly: policy?.isReadOnly ?? false,
      tokens,
      ...(onError && { onError }),
    }),
    [Symbol.dispose]() {
      clearInterval(expiry);
      uploads.close();
      storage[Symbol.dispose]();
    },
  };
}
