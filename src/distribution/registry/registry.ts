/** A registry over a folder, without a socket. */
import { Access } from "./auth/access.ts";
import { Authenticator, type Means } from "./auth/authenticator.ts";
import { type Handler, type HandlerOptions, makeHandler } from "./handler.ts";
import type { StoragePolicy } from "./storage/policy.ts";
import { openStorage } from "./storage/storage.ts";
import { collect } from "./upkeep/collect.ts";
import { type OperationContext, serveOperations } from "./upkeep/operations.ts";
import { repeat } from "./upkeep/schedule.ts";
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
  /** What counts as garbage, and how often it is collected; without it nothing is, unless somebody asks. */
  readonly collection?: OperationContext["collection"];
  readonly collectEveryMs?: number;
  /** Told of failures that are ours; clients see only their code. */
  readonly onError?: NonNullable<HandlerOptions["onError"]>;
}

/** A registry that answers whoever calls it. Disposing leaves unfinished uploads to the next process. */
export interface OpenRegistry extends AsyncDisposable {
  readonly handle: Handler;
}

const MINUTE_MS = 60_000;

const NOTHING_IS_GARBAGE: OperationContext["collection"] = {
  retention: [],
  removeUntagged: [],
  graceMs: 24 * 60 * MINUTE_MS,
  isImmutable: () => false,
};

/** Opens the registry below `options.root`. */
export function openRegistry({
  root,
  uploads: limits = DEFAULT_UPLOAD_LIMITS,
  policy,
  means,
  collection,
  collectEveryMs = 0,
  onError,
}: StorageOptions): OpenRegistry {
  const storage = openStorage(root, policy);
  const uploads = Uploads.open(storage, limits);
  const context = { storage, root, collection: collection ?? NOTHING_IS_GARBAGE };
  const report = (error: unknown): void => onError?.(error);
  const upkeep = new AsyncDisposableStack();
  upkeep.use(repeat(MINUTE_MS, async () => await uploads.expire(Date.now()), report));
  upkeep.use(repeat(MINUTE_MS, async () => storage.pulls.write(), report));
  if (collectEveryMs > 0)
    upkeep.use(
      repeat(
        collectEveryMs,
        (signal) => collect(storage, { ...context.collection, isDryRun: false }, undefined, signal),
        report,
      ),
    );
  upkeep.use(serveOperations(context));
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
    async [Symbol.asyncDispose]() {
      await upkeep.disposeAsync();
      uploads.close();
      storage[Symbol.dispose]();
    },
  };
}
