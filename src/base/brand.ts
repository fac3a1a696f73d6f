/** Marks a checked value: only the parser of `Name` makes one. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
declare const brand: unique symbol;

/** An absolute path as the host sees it. */
export type HostPath = Brand<string, "HostPath">;

/** An absolute path as the container sees it; it never reaches a host system call as a string. */
export type ContainerPath = Brand<string, "ContainerPath">;
