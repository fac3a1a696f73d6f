/** What can be wrong with a seccomp profile beyond its types. */
import { TeuError } from "../../base/index.ts";

/** The profile says something that no filter can do. `context.path` points into config.json. */
export class InvalidSeccomp extends TeuError<
  "invalid-seccomp",
  { path: string; found: string; want: string }
> {
  constructor(context: { path: string; found: string; want: string }) {
    super(
      "invalid-seccomp",
      "invalid",
      context,
      `Cannot compile ${context.path}: found ${context.found}, wants ${context.want}`,
    );
  }
}

/** The profile needs more instructions than one filter may have (BPF_MAXINSNS). */
export class SeccompTooLarge extends TeuError<"seccomp-too-large", { limit: number }> {
  constructor(context: { limit: number }) {
    super(
      "seccomp-too-large",
      "exhausted",
      context,
      `Cannot compile linux.seccomp: it needs more than ${context.limit} instructions, the kernel's limit for one filter`,
      { hint: "Conditions on arguments cost most: name fewer values, or compare with a mask" },
    );
  }
}
