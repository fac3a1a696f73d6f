/** The socket on which a container's monitor listens, in the container's run directory. */
import { type HostPath, TeuError } from "../../base/index.ts";
import { closeSync, connectUnix, listenUnix, O, openSync } from "../../sys/index.ts";

/** The container's monitor does not listen: it has ended, or was killed. */
export class NotAttachable extends TeuError<"not-attachable", { directory: string }> {
  constructor(context: { directory: string }, cause: unknown) {
    super(
      "not-attachable",
      "unavailable",
      context,
      `Cannot attach to the container: nobody listens in ${JSON.stringify(context.directory)}`,
      { cause },
    );
  }
}

const SOCKET = "attach.sock";

/** The socket on which the monitor of the container in `directory` shall listen. The caller closes it. */
export function listenIn(directory: HostPath): number {
  return inDirectory(directory, listenUnix);
}

/** A connection to the monitor that listens in `directory`. The caller closes it. @throws {NotAttachable} */
export function connectIn(directory: HostPath): number {
  try {
    return inDirectory(directory, connectUnix);
  } catch (error) {
    throw new NotAttachable({ directory }, error);
  }
}

/** A socket's path is bounded by 107 bytes, a directory's is not: the way leads through a descriptor. */
function inDirectory<T>(directory: HostPath, use: (path: string) => T): T {
  const descriptor = openSync(directory, O.DIRECTORY);
  try {
    return use(`/proc/self/fd/${descriptor}/${SOCKET}`);
  } finally {
    closeSync(descriptor);
  }
}
