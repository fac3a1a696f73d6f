/** The one under which networks are changed: stores of a machine share its addresses and ports. */
import { lockFile } from "../../sys/index.ts";
import type { Store } from "../store/store.ts";

const LOCK = "/run/teu.network.lock";

export function lock({ home }: Store): Disposable {
  return lockFile(home?.lock ?? LOCK);
}
