/** `--all-tags` of pull and push: a repository in the place of an image. */
import { InvalidOption } from "../engine/index.ts";
import { parseReference } from "../spec/index.ts";

export const ALL_TAGS_FLAG = {
  kind: "boolean",
  short: "a",
  summary: "All tags of the repository that is named",
} as const;

/** The repository that `text` names, in its one spelling. Docker's words. @throws {InvalidOption} {InvalidReference} */
export function repositoryOf(text: string): string {
  if (/[:@]/.test(text.slice(text.lastIndexOf("/") + 1)))
    throw new InvalidOption({ option: "--all-tags", value: text }, "tag can't be used with --all-tags/-a");
  const { registry, repository } = parseReference(text);
  return `${registry}/${repository}`;
}
