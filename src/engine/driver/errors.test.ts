import { expect, test } from "bun:test";
import { isTeuError } from "../../base/index.ts";
import { runtimeError } from "./errors.ts";

test.each([
  [
    'runc create failed: unable to start container process: exec: "nosuch": executable file not found in $PATH',
    "program-not-found",
  ],
  [
    'runc create failed: unable to start container process: exec: "/nosuch": stat /nosuch: no such file or directory',
    "program-not-found",
  ],
  [
    'runc create failed: unable to start container process: exec: "/etc/passwd": permission denied',
    "program-not-executable",
  ],
  ["exec /tmp: is a directory", "program-not-executable"],
  ["exec /x: exec format error", "program-not-executable"],
  ["executable file `nosuch` not found in $PATH: No such file or directory", "program-not-found"],
  ["open `/nosuch`: No such file or directory", "runtime-failed"],
  ['error mounting "/none" to rootfs: no such file or directory', "runtime-failed"],
  ["write /sys/fs/cgroup/memory/x: permission denied", "runtime-failed"],
])("runtimeError() reads %j as %s", (said, code) => {
  const error = runtimeError("runc", "create", said, "nosuch");
  expect(isTeuError(error) && error.code).toBe(code);
});
