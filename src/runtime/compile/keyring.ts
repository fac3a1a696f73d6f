/**
 * A session keyring of the container's own, so that keys of the caller do not come in: PID 1 makes it, exec'd processes join
 * it by its name. Source: runc create, exec; keyctl(2), session-keyring(7).
 */
import type { PlanBuilder } from "../plan/builder.ts";
import { KEYCTL_JOIN_SESSION_KEYRING } from "./constants.ts";
import { T1 } from "./context.ts";

const KEYCTL_SETPERM = 5;
/** Everything for who possesses it; to view, read and link for its user: what the kernel gives such a keyring. */
const USUAL_PERMISSIONS = 0x3f13_0000;
/** Joining by name is a search: by the user, or, across a user namespace, by others. */
const USER_SEARCH = 0x0008_0000;
const OTHER_SEARCH = 0x0000_0008;

/** In create it is made so that exec finds it. Where there are no keyrings, or no right to one, there is nothing to keep apart. */
export function compileKeyring(
  plan: PlanBuilder,
  containerID: string,
  made: { inUserNamespace: boolean } | undefined,
): void {
  plan.section("--no-new-keyring", made === undefined ? "runc exec" : "runc create");
  const none = plan.label();
  plan.call("keyctl", [KEYCTL_JOIN_SESSION_KEYRING, plan.text(`_ses.${containerID}`)], {
    result: T1,
    on: { ENOSYS: none, EPERM: none },
  });
  if (made !== undefined) {
    const search = made.inUserNamespace ? OTHER_SEARCH : USER_SEARCH;
    plan.call("keyctl", [KEYCTL_SETPERM, T1, USUAL_PERMISSIONS | search]);
  }
  plan.place(none);
}
