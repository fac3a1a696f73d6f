/** A registry over a folder, without a socket. */
import { messageOf } from "../../base/index.ts";
import { Access } from "./auth/access.ts";
import { Authenticator, type Means } from "./auth/authenticator.ts";
import { PullThrough, type Upstream } from "./cache/pull-through.ts";
import { type Handler, type HandlerOptions, makeHandler } from "./handler.ts";
import type { AccessLog } from "./operate/access-log.ts";
import { type Gauge, Metrics } from "./operate/metrics.ts";
import { observe } from "./operate/observed.ts";
import type { StoragePolicy } from "./storage/policy.ts";
import { openStorage, type Storage } from "./storage/storage.ts";
import type { OperationContext } from "./upkeep/operations.ts";
import { startUpkeep, type UpkeepOptions } from "./upkeep/start.ts";
import { DEFAULT_UPLOAD_LIMITS, type UploadLimits, Uploads } from "./uploads.ts";

/** Where a registry keeps its things and how it behaves. One process at a time serves a folder. */
export interface StorageOptions extends UpkeepOptions {
  /** Made if it is not there. */
  readonly root: string;
  readonly uploads?: UploadLimits;
  /** What may not be stored, whoever asks. */
  readonly policy?: StoragePolicy;
  /** Who may do what; without it everybody may do everything. */
  readonly means?: Means;
  /** What counts as garbage. */
  readonly collection?: OperationContext["collection"];
  /** What clients show to people who use a repository. */
  readonly warnings?: HandlerOptions["warnings"];
  /** Whose images are fetched when somebody asks for them. */
  readonly upstreams?: readonly Upstream[];
  /** Where each request is noted. */
  readonly log?: AccessLog;
  /** A proxy in front says by X-Forwarded-For whom it speaks for. */
  readonly isForwarded?: boolean;
  /** Told of failures that are ours; clients see only their code. */
  readonly onError?: NonNullable<HandlerOptions["onError"]>;
}

/** A registry that answers whoever calls it. Disposing leaves unfinished uploads to the next process. */
export interface OpenRegistry extends AsyncDisposable {
  readonly handle: Handler;
  readonly metrics: Metrics;
  /** Whether it can do its work; else why not. */
  readonly readiness: () => string | undefined;
}

const DAY_MS = 24 * 60 * 60 * 1000;

const NOTHING_IS_GARBAGE: OperationContext["collection"] = {
  retention: [],
  removeUntagged: [],
  graceMs: DAY_MS,
  isImmutable: () => false,
  isPartial: () => false,
};

/** Opens the registry below `options.root`. */
export function openRegistry({
  root,
  uploads: limits = DEFAULT_UPLOAD_LIMITS,
  policy,
  means,
  collection = NOTHING_IS_GARBAGE,
  warnings,
  upstreams = [],
  log,
  isForwarded = false,
  onError,
  ...upkeepOptions
}: StorageOptions): OpenRegistry {
  const storage = openStorage(root, policy);
  const uploads = Uploads.open(storage, limits);
  const report = (error: unknown): void => onError?.(error);
  const isReadOnly = policy?.isReadOnly ?? false;
  const cache = new PullThrough(storage, upstreams, { isReadOnly, onError: report });
  const upkeep = startUpkeep({ storage, root, collection }, uploads, upkeepOptions, report);
  const metrics = new Metrics(gaugesOf(uploads));
  const access = new Access(
    means && new Authenticator(means),
    async (repository, tag) => (await storage.metadata.tag(repository, tag)) !== undefined,
  );
  const tokens = means?.tokens;
  const handle = makeHandler({
    storage,
    uploads,
    cache,
    access,
    warnings,
    isReadOnly,
    tokens,
    ...(onError && { onError }),
  });
  return {
    handle: observe(handle, { metrics, log, isForwarded }),
    metrics,
    readiness: () => readinessOf(storage),
    async [Symbol.asyncDispose]() {
      await log?.flush();
      await upkeep[Symbol.asyncDispose]();
      uploads.close();
      await cache[Symbol.asyncDispose]();
      await storage.hasher.idle();
      storage[Symbol.dispose]();
    },
  };
}

function gaugesOf(uploads: Uploads): Gauge[] {
  return [
    { name: "teu_registry_uploads", help: "Uploads under way.", read: () => uploads.count },
    {
      name: "process_resident_memory_bytes",
      help: "Memory that the process has.",
      read: () => process.memoryUsage.rss(),
    },
    {
      name: "process_start_time_seconds",
      help: "When the process began.",
      read: () => Math.round(performance.timeOrigin) / 1000,
    },
  ];
}

/** Reads something, as a request would. */
function readinessOf({ metadata }: Storage): string | undefined {
  try {
    metadata.repositories({ after: "", limit: 1 });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
