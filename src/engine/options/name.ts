/** Names of containers: given by a person, or made up. Source: moby daemon/names. */
import { randomChoice, randomHex } from "../../base/index.ts";
import { InvalidOption } from "./error.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

const QUALITIES =
  "able brave bright brisk calm clever crisp eager fair fast fine firm fresh gentle grand happy keen kind lively loyal lucky mellow neat noble plain proud quick quiet ready sharp sleek smart snug solid steady stout sturdy swift tidy trim warm wise".split(
    " ",
  );
const SHIPS =
  "barge barque bilander brig caravel carrack catamaran clipper coaster cog cutter dhow dinghy dory felucca ferry fluyt frigate galleon galley gondola gunter hoy junk kayak ketch knarr liner lugger packet pinnace pirogue punt reefer sampan schooner scow skiff sloop smack tanker tender trawler tug wherry xebec yacht yawl".split(
    " ",
  );

/**
 * Checks the value of `--name`; a leading `/`, as docker shows names, is taken off.
 * @param what  Whose name it is, for the message.
 * @throws {InvalidOption}
 */
export function parseName(text: string, what = "container"): string {
  const name = text.replace(/^\//, "");
  if (!NAME.test(name))
    throw new InvalidOption(
      { option: "--name", value: text },
      `Invalid ${what} name (${text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  return name;
}

/** A name for a container that was given none: `calm_ketch`. @param isLong  When short ones were taken. */
export function makeName(isLong = false): string {
  const name = `${randomChoice(QUALITIES)}_${randomChoice(SHIPS)}`;
  return isLong ? `${name}_${randomHex(4)}` : name;
}

/** A container's ID: 64 hex digits. Never all decimal in its first 12: a host name of digits only reads as a number. */
export function makeID(): string {
  for (;;) {
    const id = randomHex(32);
    if (/[a-f]/.test(shortID(id))) return id;
  }
}

/** The first 12 digits of a container's ID: what people see and what the container calls itself. */
export function shortID(id: string): string {
  return id.slice(0, 12);
}
