/** What a cgroup plan consists of: values to write to cgroup files, in order, each with the clause that asks for it. */

/** One value for one file. */
export interface CgroupWrite {
  /** The v1 controller, or the part of a v2 file's name before the dot. */
  readonly controller: string;
  /** Absolute. */
  readonly path: string;
  readonly value: string;
  /** The field of config.json: `linux.resources.memory.limit`. */
  readonly clause: string;
  /** By errno name; an errno that is not here fails the container. */
  readonly onError?: Readonly<Record<string, CgroupWriteRule>>;
}

/**
 * ignore: the kernel lacks the file, and the value is what it does anyway;
 * retry: once more after the writes that follow, whose values it depends on;
 * otherwise another write in its place.
 */
export type CgroupWriteRule = "ignore" | "retry" | CgroupWrite;
