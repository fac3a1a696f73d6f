import { describe, expect, test } from "bun:test";
import type { Linux, Mount } from "../../spec/index.ts";
import { PlanBuilder } from "../plan/builder.ts";
import type { Plan } from "../plan/plan.ts";
import { printPlan } from "../plan/print.ts";
import type { Circumstances } from "./context.ts";
import { compileMounts, finishReadonly } from "./mounts.ts";

const WORLD: Circumstances = {
  containerID: "c",
  bundle: "/bundle",
  rootfs: "/bundle/rootfs",
  hostProcs: [],
  hostProcParents: [],
  stateDirectory: "/run/c",
  sources: new Map([["/bundle/file", "file"]]),
  cgroup: {
    version: 1,
    joins: [],
    isOwn: true,
    mounts: [
      { controllers: ["cpu", "cpuacct"], name: "cpu,cpuacct", path: "/sys/fs/cgroup/cpu,cpuacct/c" },
      { controllers: ["name=systemd"], name: "systemd", path: "/sys/fs/cgroup/systemd/c" },
    ],
  },
  cgroupNamespace: false,
  isRootless: false,
  isInUserNamespace: false,
  lastCapability: 40,
  hasKcore: false,
  noPivot: false,
  noNewKeyring: true,
  preserveFds: 0,
  nullStreams: [],
  dieWithParent: false,
};
const V2 = {
  cgroup: {
    version: 2,
    joins: [],
    isOwn: true,
    mounts: [{ controllers: [], name: "", path: "/sys/fs/cgroup/c" }],
  },
} as const satisfies Partial<Circumstances>;

interface Case {
  readonly says: string;
  readonly mount: Partial<Mount>;
  readonly world?: Partial<Circumstances>;
  readonly linux?: Linux;
  readonly inUserNamespace?: boolean;
  readonly want: readonly string[];
}

/** The mounting itself as `plan` prints it, without the way to the destination and without closing. */
function steps(plan: Plan): string[] {
  return printPlan(plan)
    .split("\n")
    .map((line) => line.replace(/^ *\d+ {2}/, "").replace(/ {2}[A-Z]+: .*/, ""))
    .filter((line) =>
      /(open_tree|fs(open|pick|config|mount)|mount_setattr|move_mount|symlinkat|fchmod)\(|copy-up|SYNC tree|parent: tree/.test(
        line,
      ),
    );
}

function compiled({ mount, world, linux = {}, inUserNamespace = false }: Case): Plan {
  const plan = new PlanBuilder();
  const mounts = [{ destination: "/m", ...mount }];
  compileMounts(plan, mounts, { world: { ...WORLD, ...world }, inUserNamespace, linux });
  finishReadonly(plan, mounts);
  return plan.finish();
}

const MAP = [{ containerID: 0, hostID: 1, size: 2 }];

const cases: readonly Case[] = [
  {
    says: "options of the mount, of the file system, and propagation last; read-only comes in the end",
    mount: {
      type: "tmpfs",
      source: "x",
      options: ["ro", "nosuid", "size=1", "foo", "mode=700", "sync", "rshared"],
    },
    want: [
      'r21 = fsopen("tmpfs", FSOPEN_CLOEXEC)',
      'fsconfig(r21, FSCONFIG_SET_STRING, "source", "x")',
      'fsconfig(r21, FSCONFIG_SET_FLAG, "sync")',
      'fsconfig(r21, FSCONFIG_SET_STRING, "size", "1")',
      'fsconfig(r21, FSCONFIG_SET_FLAG, "foo")',
      'fsconfig(r21, FSCONFIG_SET_STRING, "mode", "700")',
      "fsconfig(r21, FSCONFIG_CMD_CREATE)",
      "r20 = fsmount(r21, 1, NOSUID)",
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      'mount_setattr(r20, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=0x0, attr_clr=0x0, propagation=0x100000}, 32)',
      'mount_setattr(r20, "", AT_EMPTY_PATH, {attr_set=0x1, attr_clr=0x0, propagation=0x0}, 32)',
    ],
  },
  {
    says: "a tmpfs without a mode takes that of its directory, and with tmpcopyup what is in it",
    mount: { type: "tmpfs", options: ["tmpcopyup"] },
    want: [
      'r21 = fsopen("tmpfs", FSOPEN_CLOEXEC)',
      "fsconfig(r21, FSCONFIG_CMD_CREATE)",
      "r20 = fsmount(r21, 1)",
      "fchmod(r21, r11)",
      "SYNC copy-up(r13, r12)",
      '    ->  the parent: copy-up destination="/m"',
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
    ],
  },
  {
    says: "a bind: the mount's attributes, the tree's, propagation in its order",
    mount: { type: "bind", source: "file", options: ["rbind", "ro", "rnoatime", "private", "rslave"] },
    want: [
      'r20 = open_tree(AT_FDCWD, "/bundle/file", AT_RECURSIVE|OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)',
      'mount_setattr(r20, "", AT_EMPTY_PATH, {attr_set=0x1, attr_clr=0x0, propagation=0x0}, 32)',
      'mount_setattr(r20, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=0x10, attr_clr=0x70, propagation=0x0}, 32)',
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      'mount_setattr(r20, "", AT_EMPTY_PATH, {attr_set=0x0, attr_clr=0x0, propagation=0x40000}, 32)',
      'mount_setattr(r20, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=0x0, attr_clr=0x0, propagation=0x80000}, 32)',
    ],
  },
  {
    says: "in a user namespace the parent clones the source if init may not go there",
    mount: { source: "/x", options: ["bind"] },
    inUserNamespace: true,
    want: [
      'r20 = open_tree(AT_FDCWD, "/x", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)',
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      "SYNC tree",
      '    ->  the parent: tree field="mounts[0] /m" path="/x" recursive=false inside=true',
    ],
  },
  {
    says: "a tree whose ids are mapped comes from the parent, too",
    mount: { source: "/x", options: ["rbind", "ridmap"] },
    linux: { uidMappings: MAP, gidMappings: MAP },
    want: [
      "SYNC tree",
      '    ->  the parent: tree field="mounts[0] /m" path="/x" recursive=true inside=false idmap={"uidMappings":[{"containerID":0,"hostID":1,"size":2}],"gidMappings":[{"containerID":0,"hostID":1,"size":2}],"recursive":true}',
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
    ],
  },
  {
    says: "a remount changes the file system and the mount",
    mount: { type: "tmpfs", options: ["remount", "size=2", "noexec"] },
    want: [
      'r21 = fspick(r20, "", FSPICK_CLOEXEC|FSPICK_EMPTY_PATH)',
      'fsconfig(r21, FSCONFIG_SET_STRING, "size", "2")',
      "fsconfig(r21, FSCONFIG_CMD_RECONFIGURE)",
      'mount_setattr(r20, "", AT_EMPTY_PATH, {attr_set=0x8, attr_clr=0x0, propagation=0x0}, 32)',
    ],
  },
  {
    says: "a bind remount changes the mount alone",
    mount: { options: ["remount", "bind", "ro"] },
    want: ['mount_setattr(r20, "", AT_EMPTY_PATH, {attr_set=0x1, attr_clr=0x0, propagation=0x0}, 32)'],
  },
  {
    says: "words about the file system, and words that are about nothing any more",
    mount: {
      type: "ext4",
      source: "/dev/x",
      options: ["iversion", "lazytime", "silent", "loud", "mand", "defaults"],
    },
    want: [
      'r21 = fsopen("ext4", FSOPEN_CLOEXEC)',
      'fsconfig(r21, FSCONFIG_SET_STRING, "source", "/dev/x")',
      'fsconfig(r21, FSCONFIG_SET_FLAG, "i_version")',
      'fsconfig(r21, FSCONFIG_SET_FLAG, "lazytime")',
      'fsconfig(r21, FSCONFIG_SET_FLAG, "mand")',
      "fsconfig(r21, FSCONFIG_CMD_CREATE)",
      "r20 = fsmount(r21, 1)",
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
    ],
  },
  {
    says: "cgroup v1: a tmpfs, the container's directories, links for controllers that share one",
    mount: { type: "cgroup", options: ["ro", "nosuid"] },
    want: [
      'r21 = fsopen("tmpfs", FSOPEN_CLOEXEC)',
      'fsconfig(r21, FSCONFIG_SET_STRING, "source", "tmpfs")',
      'fsconfig(r21, FSCONFIG_SET_STRING, "mode", "755")',
      "fsconfig(r21, FSCONFIG_CMD_CREATE)",
      "r20 = fsmount(r21, 1, NOSUID)",
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      'r20 = open_tree(AT_FDCWD, "/sys/fs/cgroup/cpu,cpuacct/c", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)',
      'mount_setattr(r20, "", AT_EMPTY_PATH, {attr_set=0x3, attr_clr=0x0, propagation=0x0}, 32)',
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      'r20 = open_tree(AT_FDCWD, "/sys/fs/cgroup/systemd/c", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)',
      'mount_setattr(r20, "", AT_EMPTY_PATH, {attr_set=0x3, attr_clr=0x0, propagation=0x0}, 32)',
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      'symlinkat("cpu,cpuacct", r20, "cpu")',
      'symlinkat("cpu,cpuacct", r20, "cpuacct")',
      'mount_setattr(r20, "", AT_EMPTY_PATH, {attr_set=0x1, attr_clr=0x0, propagation=0x0}, 32)',
    ],
  },
  {
    says: "cgroup v1 in a cgroup namespace: fresh mounts, or else the directories",
    mount: { type: "cgroup", options: [] },
    world: { cgroupNamespace: true },
    want: [
      'r21 = fsopen("tmpfs", FSOPEN_CLOEXEC)',
      'fsconfig(r21, FSCONFIG_SET_STRING, "source", "tmpfs")',
      'fsconfig(r21, FSCONFIG_SET_STRING, "mode", "755")',
      "fsconfig(r21, FSCONFIG_CMD_CREATE)",
      "r20 = fsmount(r21, 1)",
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      'r21 = fsopen("cgroup", FSOPEN_CLOEXEC)',
      'fsconfig(r21, FSCONFIG_SET_STRING, "source", "cgroup")',
      'fsconfig(r21, FSCONFIG_SET_FLAG, "cpu")',
      'fsconfig(r21, FSCONFIG_SET_FLAG, "cpuacct")',
      "fsconfig(r21, FSCONFIG_CMD_CREATE)",
      "r20 = fsmount(r21, 1)",
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      'r21 = fsopen("cgroup", FSOPEN_CLOEXEC)',
      'fsconfig(r21, FSCONFIG_SET_STRING, "source", "cgroup")',
      'fsconfig(r21, FSCONFIG_SET_FLAG, "none")',
      'fsconfig(r21, FSCONFIG_SET_STRING, "name", "systemd")',
      "fsconfig(r21, FSCONFIG_CMD_CREATE)",
      "r20 = fsmount(r21, 1)",
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      'symlinkat("cpu,cpuacct", r20, "cpu")',
      'symlinkat("cpu,cpuacct", r20, "cpuacct")',
      'r20 = open_tree(AT_FDCWD, "/sys/fs/cgroup/cpu,cpuacct/c", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)',
      'r20 = open_tree(AT_FDCWD, "/sys/fs/cgroup/systemd/c", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)',
    ],
  },
  {
    says: "cgroup v2 in a cgroup namespace: a fresh mount, or else the directory",
    mount: { type: "cgroup", options: [] },
    world: { ...V2, cgroupNamespace: true },
    want: [
      'r21 = fsopen("cgroup2", FSOPEN_CLOEXEC)',
      'fsconfig(r21, FSCONFIG_SET_STRING, "source", "cgroup")',
      "fsconfig(r21, FSCONFIG_CMD_CREATE)",
      "r20 = fsmount(r21, 1)",
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      'r20 = open_tree(AT_FDCWD, "/sys/fs/cgroup/c", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)',
    ],
  },
  {
    says: "cgroup v2 in a user namespace alone: the host's directory, never writable (2023-25809)",
    mount: { type: "cgroup", options: [] },
    world: V2,
    inUserNamespace: true,
    want: [
      'r20 = open_tree(AT_FDCWD, "/sys/fs/cgroup/c", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)',
      'mount_setattr(r20, "", AT_EMPTY_PATH, {attr_set=0x1, attr_clr=0x0, propagation=0x0}, 32)',
      'move_mount(r20, "", r21, "", F_EMPTY_PATH|T_EMPTY_PATH)',
      "SYNC tree",
      '    ->  the parent: tree field="mounts[0] /m" path="/sys/fs/cgroup/c" recursive=false inside=true',
    ],
  },
];

describe("compileMounts()", () => {
  test.each([...cases])("config.md#mounts: $says", (item) => {
    expect(steps(compiled(item))).toEqual([...item.want]);
  });
});
