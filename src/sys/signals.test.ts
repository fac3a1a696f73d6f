import { expect, test } from "bun:test";
import { parseSignalNumber } from "./signals.ts";

const known: [text: string, number: number][] = [
  ["TERM", 15],
  ["SIGTERM", 15],
  ["sigkill", 9],
  ["1", 1],
  ["37", 37],
  ["64", 64],
  ["RTMIN", 34],
  ["SIGRTMIN+3", 37],
  ["rtmin+30", 64],
  ["SIGRTMAX", 64],
  ["RTMAX-14", 50],
  ["SIGRTMAX-30", 34],
];
test.each(known)("parseSignalNumber() knows %s", (text, number) => {
  expect(parseSignalNumber(text)).toBe(number);
});

const none = "0 65 -1 9x 1.5 NOPE SIG SIGSIGTERM RTMIN- RTMIN+ RTMIN+31 RTMIN-1 RTMAX+1 RTMAX-31 constructor";
test.each(["", ...none.split(" ")])("parseSignalNumber() knows no %p", (text) => {
  expect(parseSignalNumber(text)).toBeUndefined();
});
