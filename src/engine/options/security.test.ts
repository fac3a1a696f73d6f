import { expect, test } from "bun:test";
import { parseSecurity } from "./security.ts";

test.each<[string[], object]>([
  [[], { noNewPrivileges: false, isUnmasked: false, hasWritableCgroups: false }],
  [["no-new-privileges"], { noNewPrivileges: true }],
  [["no-new-privileges:true"], { noNewPrivileges: true }],
  [["no-new-privileges", "no-new-privileges=false"], { noNewPrivileges: false }],
  [["writable-cgroups=true"], { hasWritableCgroups: true }],
  [["systempaths=unconfined"], { isUnmasked: true }],
  [["seccomp=unconfined"], { seccomp: "unconfined" }],
  [["seccomp:unconfined"], { seccomp: "unconfined" }],
  [["apparmor=my:profile"], { apparmorProfile: "my:profile" }],
  [
    ["label=type:my_t", "label=level:s0:c1,c2"],
    {
      selinux: {
        process: "system_u:system_r:my_t:s0:c1,c2",
        mount: "system_u:object_r:container_file_t:s0:c1,c2",
      },
    },
  ],
])("parseSecurity() reads %p", (options, want) => expect(parseSecurity(options)).toMatchObject(want));

test("parseSecurity() leaves to the engine what is said to be as it is", () => {
  for (const option of ["seccomp=builtin", "apparmor=unconfined", "label=disable"])
    expect(parseSecurity([option])).toEqual(parseSecurity([]));
});

test.each([
  ["nothing", 'invalid --security-opt: "nothing"'],
  ["no-new-privileges=maybe", 'invalid --security-opt: "no-new-privileges=maybe"'],
  ["systempaths=confined", 'invalid --security-opt: "systempaths=confined"'],
  ["apparmor=", 'invalid --security-opt: "apparmor="'],
  ["label=colour:red", "wants label=user|role|type|level|filetype:VALUE"],
  ["label=type:", "wants label=user|role|type|level|filetype:VALUE"],
  ["seccomp=/nothing", "opening seccomp profile (/nothing) failed: no such file or directory"],
])("parseSecurity() refuses %s: %s", (option, why) => expect(() => parseSecurity([option])).toThrow(why));
