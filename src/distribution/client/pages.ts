/** Lists that come in pages. Source: distribution-spec spec.md, Listing Tags; RFC 8288. */
import { BadRegistryAnswer } from "./errors.ts";
import type { Repository } from "./repository.ts";
import type { Session } from "./session.ts";

/** A list without an end is an attack. */
export const MAX_PAGES = 1000;

/** Where the next page is: on the same registry, whatever it says. @throws {BadRegistryAnswer} */
export function nextPage(
  session: Session,
  { registry }: Pick<Repository, "registry">,
  url: string,
  link: string | null,
  operation: string,
): string | undefined {
  const [, target] = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(link ?? "") ?? [];
  if (target === undefined) return undefined;
  const next = URL.canParse(target, url) ? new URL(target, url) : undefined;
  if (next?.origin === session.origin) return next.href;
  const reason = `the next page is elsewhere, at ${JSON.stringify(target)}`;
  throw new BadRegistryAnswer({ registry, operation, reason });
}
