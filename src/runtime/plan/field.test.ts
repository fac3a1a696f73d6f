import { describe, expect, test } from "bun:test";
import { isConfigField, memberOf } from "./field.ts";

describe("memberOf()", () => {
  test.each([
    { field: "mounts[0] /m", call: 'fsopen "nosuchfs"', want: "mounts[0].type /m" },
    { field: "mounts[0] /m", call: 'fsconfig "source" "x"', want: "mounts[0].source /m" },
    { field: "mounts[0] /m", call: 'fsconfig "size" "lots"', want: "mounts[0].options /m" },
    { field: "mounts[0] /m", call: "fsconfig", want: "mounts[0] /m" },
    { field: "mounts[0] /m", call: "fsmount", want: "mounts[0].options /m" },
    { field: "mounts[12] /a b", call: "mount_setattr", want: "mounts[12].options /a b" },
    { field: "mounts[0] /m", call: 'open_tree "/x"', want: "mounts[0].source /m" },
    { field: "mounts[0] /m", call: 'openat2 "m"', want: "mounts[0].destination /m" },
    { field: "mounts[0] /m", call: "move_mount", want: "mounts[0].destination /m" },
    { field: "process.user", call: "setresuid", want: "process.user.uid" },
    { field: "process.user", call: "setresgid", want: "process.user.gid" },
    { field: "process.user", call: "setgroups", want: "process.user.additionalGids" },
    { field: "process.user", call: "fchown", want: "process.user" },
    { field: "process.capabilities", call: "prctl", want: "process.capabilities.ambient" },
    { field: "process.capabilities", call: "capset", want: "process.capabilities" },
    { field: "linux.uidMappings", call: "setresuid", want: "linux.uidMappings" },
    { field: "/dev", call: 'openat2 "dev"', want: "/dev" },
  ])("of $field and $call: $want", ({ field, call, want }) => {
    expect(memberOf(field, call)).toBe(want);
  });
});

describe("isConfigField()", () => {
  test.each([
    "process.args",
    "linux.namespaces",
    "mounts[0] /m",
    "root.path",
    "hooks.poststop[0] /x",
    "hostname",
  ])("%s is one", (field) => {
    expect(isConfigField(field)).toBe(true);
  });
  test.each(["/dev", "created", "rest", "init", "hooks", "--preserve-fds", "/process.args"])(
    "%s is none",
    (field) => {
      expect(isConfigField(field)).toBe(false);
    },
  );
});
