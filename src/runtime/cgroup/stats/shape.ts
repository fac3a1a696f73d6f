/**
 * What `events` tells of a container, in runc's shape. Counters have 64 bits; what is zero or not known is left out where
 * runc leaves it out.
 * Source: runc types/events.go.
 */

/** One kind of memory. */
export interface MemoryEntry {
  readonly limit: bigint;
  readonly usage?: bigint;
  readonly max?: bigint;
  readonly failcnt: bigint;
}

/** Pressure stall information, by cgroup-v2.rst; averages are percentages. */
export interface Pressure {
  readonly some?: PressureLine;
  readonly full?: PressureLine;
}

export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly total: bigint;
}

/** One counter of one block device. */
export interface BlkioEntry {
  readonly major?: bigint;
  readonly minor?: bigint;
  readonly op?: string;
  readonly value?: bigint;
}

/** `data` of a stats event. */
export interface Stats {
  readonly cpu: {
    readonly usage?: {
      readonly total?: bigint;
      readonly percpu?: readonly bigint[];
      readonly percpu_kernel?: readonly bigint[];
      readonly percpu_user?: readonly bigint[];
      readonly kernel: bigint;
      readonly user: bigint;
    };
    readonly throttling?: {
      readonly periods?: bigint;
      readonly throttledPeriods?: bigint;
      readonly throttledTime?: bigint;
    };
    readonly psi?: Pressure;
  };
  readonly cpuset: Readonly<Record<string, bigint | readonly number[]>>;
  readonly memory: {
    readonly cache?: bigint;
    readonly usage?: MemoryEntry;
    readonly swap?: MemoryEntry;
    readonly kernel?: MemoryEntry;
    readonly kernelTCP?: MemoryEntry;
    readonly raw?: Readonly<Record<string, bigint>>;
    readonly psi?: Pressure;
  };
  readonly pids: { readonly current?: bigint; readonly limit?: bigint };
  readonly blkio: Readonly<Record<string, readonly BlkioEntry[] | Pressure | undefined>>;
  readonly hugetlb: Readonly<
    Record<string, { readonly usage?: bigint; readonly max?: bigint; readonly failcnt: bigint }>
  >;
  readonly intel_rdt: Readonly<Record<string, unknown>>;
  /** runc knows none that a container of a document has. */
  readonly network_interfaces: null;
}

/** Without the members that Go's `omitempty` leaves out. */
export function sparse<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept = Object.entries(members).filter(([, value]) => !isEmpty(value));
  return Object.fromEntries(kept) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** As `omitzero` has it: undefined when all members are zero. */
export function unlessZero<T extends object>(members: T): T | undefined {
  return Object.values(members).every(isEmpty) ? undefined : members;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === 0n || value === "") return true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** JSON with all digits of 64-bit numbers. */
export function encodeStats(event: unknown): string {
  // Newer than the library that the types come from; a test has it write 2^64 - 1.
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  return JSON.stringify(event, (_, value: unknown) =>
    typeof value === "bigint" ? rawJSON(String(value)) : value,
  );
}
