/** The bundle that runtimes are timed with: `true` in all namespaces, with what `runc spec` asks for. */
import {
  type Bundle,
  baseConfig,
  makeBundle,
  withNewNamespace,
  withProcess,
} from "../../test/integration/support/bundle.ts";

/** @param args  The program, of busybox. */
export function makeTimedBundle(...args: readonly string[]): Bundle {
  const bundle = makeBundle();
  bundle.writeConfig(withNewNamespace("cgroup")(withProcess({ args: [...args] })(baseConfig(""))));
  return bundle;
}
