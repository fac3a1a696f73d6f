import { expect, test } from "bun:test";
import { knownMountOptions, parseMountOptions } from "./mount-options.ts";

/** Source: config.md, Linux mount options, both tables. */
const WORDS = [
  ..."async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec".split(
    " ",
  ),
  ..."noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private rbind relatime remount ro".split(
    " ",
  ),
  ..."rprivate rshared rslave runbindable rw shared silent slave strictatime suid sync symfollow unbindable".split(
    " ",
  ),
  ..."ratime rdev rdiratime rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid".split(
    " ",
  ),
  ..."rnosymfollow rrelatime rro rrw rstrictatime rsuid rsymfollow idmap ridmap tmpcopyup".split(" "),
];

test.each(WORDS)(
  "config.md#linux-mount-options: %s is known, and not taken for the file system's",
  (word) => {
    expect(knownMountOptions()).toContain(word);
    expect(parseMountOptions([word]).data).toEqual([]);
  },
);

test("config.md#linux-mount-options: other words are the file system's", () => {
  const { data } = parseMountOptions(["size=1k", "mode=755", "lowerdir=a:b=c", "userxattr", "rocket", "r"]);
  expect(data).toEqual([
    ["size", "1k"],
    ["mode", "755"],
    ["lowerdir", "a:b=c"],
    ["userxattr", undefined],
    ["rocket", undefined],
    ["r", undefined],
  ]);
});

test("mount_setattr(2): a mode of access times is set with the old one cleared, in whatever order words come", () => {
  const ATIME = 0x70;
  for (const words of [["noatime"], ["strictatime", "noatime"], ["relatime", "noatime"]])
    expect(parseMountOptions(words).attributes).toEqual({ set: 0x10, clear: ATIME });
  expect(parseMountOptions(["noatime", "relatime"]).attributes).toEqual({ set: 0, clear: ATIME });
  expect(parseMountOptions(["rstrictatime"]).recursive).toEqual({ set: 0x20, clear: ATIME });
});
