/** `--link CONTAINER[:ALIAS]`. Source: docker run reference, --link; moby opts/parse.go. */
import { InvalidOption } from "./error.ts";

/** Another container, and a further name by which one container alone finds it. */
export interface ContainerLink {
  /** Its name or ID, as it was asked for. */
  readonly target: string;
  readonly alias: string;
  /** Its ID, where it was looked up when this was asked for: in the pre-defined network. */
  readonly id?: string;
}

/** What may stand in /etc/hosts and in the name of a variable: a further line or word there would be another answer. */
const ALIAS = /^[^\s\p{Cc}=#/]+$/u;

/** Reads what a flag says; also `/CONTAINER:/ITSELF/ALIAS`, as docker's inspect shows it. @throws {InvalidOption} docker's words */
export function parseLink(text: string): ContainerLink {
  const invalid = (why: string) => new InvalidOption({ option: "--link", value: text }, why);
  if (text === "") throw invalid("empty string specified for links");
  const [first = "", second = first, ...more] = text.split(":");
  if (more.length > 0) throw invalid(`bad format for links: ${text}`);
  const isShown = first.startsWith("/");
  const target = isShown ? first.slice(1) : first;
  const alias = isShown ? second.slice(second.lastIndexOf("/") + 1) : second;
  if (target === "" || !ALIAS.test(alias)) throw invalid(`bad format for links: ${text}`);
  return { target, alias };
}
