/**
 * Security labels: the AppArmor profile of PID 1 and of an exec'd process, and what a kernel without a module says.
 * Source: runtime-spec config.md, process.apparmorProfile, process.selinuxLabel; config-linux.md, Mount label.
 */
import { describe, expect } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Need, needs, program, root } from "../../support/needs.ts";
import { type Change, changes, withLinux, withMounts, withProcess } from "../support/bundle.ts";
import { Container, TESTED } from "../support/runtime.ts";

const ENABLED = "/sys/module/apparmor/parameters/enabled";
const hasAppArmor = existsSync(ENABLED) && readFileSync(ENABLED, "utf8").startsWith("Y");
const appArmor: Need = { says: "a kernel with AppArmor", isMet: () => hasAppArmor };
const noAppArmor: Need = { says: "a kernel without AppArmor", isMet: () => !hasAppArmor };
const noSELinux: Need = { says: "a kernel without SELinux", isMet: () => !existsSync("/sys/fs/selinux") };

const PROFILE = `teu-test-${process.pid}`;
/** Everything is allowed but one file, so that it shows whether the profile holds. */
const TEXT = `profile ${PROFILE} flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  network,
  mount,
  umount,
  signal,
  ptrace,
  deny /etc/denied rw,
}
`;

/** Loads (`-r`) or removes (`-R`) the profile. */
function parser(flag: "-r" | "-R"): void {
  const { success, stderr } = Bun.spawnSync(["apparmor_parser", "--skip-cache", flag], {
    stdin: Buffer.from(TEXT),
  });
  if (!success) throw new Error(`apparmor_parser ${flag}: ${stderr.toString()}`);
}

/** What a runtime writes to, as files of nobody's. */
function plantAttributes(folder: string): void {
  for (const name of ["self/attr/apparmor/exec", "self/attr/exec", "thread-self/attr/exec"]) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), "");
  }
}

const ASK = "cat /proc/self/attr/current; cat /etc/denied; cat /proc/self/attr/apparmor/exec 2>/dev/null";
const DENIED = `${PROFILE} (enforce)\n`;

describe(`the AppArmor profile of a container of ${TESTED.name}`, () => {
  const test = needs(root, program("busybox"), program("apparmor_parser"), appArmor);

  test("holds for PID 1 and for an exec'd process, without no_new_privs too", async () => {
    parser("-r");
    try {
      for (const noNewPrivileges of [true, false]) {
        await using container = new Container();
        await Bun.write(`${container.bundle.rootfs}/etc/denied`, "secret\n");
        container.configure(
          `${ASK}; exec sleep 1000`,
          withProcess({ apparmorProfile: PROFILE, noNewPrivileges }),
        );
        expect(await container.call(["run", "-d", container.id])).toMatchObject({ status: 0 });
        while (!container.outputOf(1).includes("\n")) await Bun.sleep(20);
        expect(container.outputOf(1)).toBe(DENIED);
        const exec = await container.call(["exec", container.id, "/bin/sh", "-c", ASK]);
        expect(exec.stdout).toBe(DENIED);
        expect(exec.stderr).toContain("/etc/denied': Permission denied");
      }
    } finally {
      parser("-R");
    }
  });

  // CVE-2019-16884, 2019-19921, 2023-28642, 2025-52881: the profile is written to something else, and the program runs without it.
  const ATTACKS: { says: string; plant: (rootfs: string) => void; change?: Change }[] = [
    {
      says: "a /proc that is a link to a tree with files of the same names",
      plant: (rootfs) => {
        plantAttributes(join(rootfs, "fake"));
        rmSync(join(rootfs, "proc"), { recursive: true });
        symlinkSync("/fake", join(rootfs, "proc"));
      },
    },
    {
      says: "files of the same names below the procfs",
      plant: (rootfs) => plantAttributes(join(rootfs, "proc")),
    },
    {
      says: "a file system in memory over /proc/self/attr",
      plant: () => undefined,
      change: withMounts({ destination: "/proc/self/attr", type: "tmpfs", source: "tmpfs" }),
    },
    {
      says: "a volume over /proc",
      plant: (rootfs) => plantAttributes(join(rootfs, "../volume")),
      change: (config) =>
        withMounts({ destination: "/proc", type: "bind", source: "volume", options: ["bind"] })(config),
    },
  ];
  test.each(ATTACKS)(
    "holds, or the container is refused: $says",
    async ({ plant, change = (same) => same }) => {
      parser("-r");
      try {
        await using container = new Container();
        const { rootfs } = container.bundle;
        await Bun.write(`${rootfs}/etc/denied`, "secret\n");
        plant(rootfs);
        container.configure(ASK, changes(withProcess({ apparmorProfile: PROFILE }), change));
        const { stdout } = await container.run();
        expect(["", DENIED]).toContain(stdout);
      } finally {
        parser("-R");
      }
    },
  );

  test("exec --apparmor gives one to a container that has none", async () => {
    parser("-r");
    try {
      await using container = new Container();
      await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
      const words = ["exec", "--apparmor", PROFILE, container.id, "cat", "/proc/self/attr/current"];
      expect(await container.call(words)).toEqual({ status: 0, stdout: DENIED, stderr: "" });
      expect((await container.call(["exec", container.id, "cat", "/proc/self/attr/current"])).stdout).toBe(
        "unconfined\n",
      );
    } finally {
      parser("-R");
    }
  });

  test("one that is not loaded is told by the field", async () => {
    await using container = new Container();
    container.configure("true", withProcess({ apparmorProfile: "teu-test-no-such-profile" }));
    const { status, stderr } = await container.run();
    expect(status).toBe(1);
    expect(stderr).toMatch(/apparmor.*no such file or directory/i);
    expect(readdirSync(container.stateFolder)).toEqual([]);
  });
});

const REFUSED: readonly { field: string; need: Need; change: Change; says: string }[] = [
  {
    field: "process.apparmorProfile",
    need: noAppArmor,
    change: withProcess({ apparmorProfile: "x" }),
    says: "apparmor not supported",
  },
  {
    field: "process.selinuxLabel",
    need: noSELinux,
    change: withProcess({ selinuxLabel: "system_u:system_r:container_t:s0" }),
    says: "selinux is disabled or not supported",
  },
  {
    field: "linux.mountLabel",
    need: noSELinux,
    change: withLinux({ mountLabel: "system_u:object_r:container_file_t:s0" }),
    says: "selinux is disabled or not supported",
  },
];

describe(`a kernel that lacks what ${TESTED.name} is asked for`, () => {
  for (const { field, need, change, says } of REFUSED)
    needs(
      root,
      program("busybox"),
      need,
    )(`${field} is refused before anything is made`, async () => {
      await using container = new Container();
      const { status, stderr } = await container.configure("true", change).call(["create", container.id]);
      expect(status).toBe(1);
      if (TESTED.name !== "runc") expect(stderr).toContain(`${field}: `);
      if (TESTED.name !== "runc") expect(stderr).toContain(says);
      expect(readdirSync(container.stateFolder)).toEqual([]);
    });

  needs(
    root,
    program("busybox"),
    noAppArmor,
  )("exec --apparmor is refused", async () => {
    await using container = new Container();
    await container.configure("exec sleep 1000").call(["run", "-d", container.id]);
    const { status, stderr } = await container.call(["exec", "--apparmor", "x", container.id, "true"]);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/apparmor/i);
  });
});

/**
 * Runs where the kernel has SELinux and no policy yet: `test/vm/run -k security=selinux`. The policy lets everybody do everything, so
 * that what is tested is whether the labels arrive.
 */
const SELINUX = "/sys/fs/selinux";
const hasSELinux = existsSync(`${SELINUX}/load`);
const seLinux: Need = { says: "a kernel with SELinux", isMet: () => hasSELinux };

describe(`SELinux labels of a container of ${TESTED.name}`, () => {
  const test = needs(root, program("busybox"), program("secilc"), seLinux);
  const label = "system_u:system_r:container_t";
  const mountLabel = "system_u:object_r:container_file_t";
  const current = "cat /proc/self/attr/current | tr -d '\\000'; echo";

  const loadPolicy = (): void => {
    const folder = mkdtempSync(join(tmpdir(), "teu-selinux-"));
    const source = join(import.meta.dir, "../../fixtures/selinux.cil");
    const words = ["-M", "false", "-c", "31", "-o", join(folder, "policy"), "-f", "/dev/null", source];
    const { success, stderr } = Bun.spawnSync(["secilc", ...words], { stderr: "pipe" });
    if (!success) throw new Error(`secilc: ${stderr.toString()}`);
    writeFileSync(`${SELINUX}/load`, readFileSync(join(folder, "policy")));
    rmSync(folder, { recursive: true });
  };

  test("hold for PID 1, for an exec'd process and for what is mounted", async () => {
    loadPolicy();
    await using container = new Container();
    const script = `${current}; grep -E ' /(tmp|dev|dev/shm|dev/pts|proc/scsi|sys/firmware) ' /proc/mounts; exec sleep 1000`;
    container.configure(
      script,
      changes(
        withProcess({ selinuxLabel: label }),
        withLinux({ mountLabel }),
        withMounts({ destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid"] }),
      ),
    );
    expect(await container.call(["run", "-d", container.id])).toMatchObject({ status: 0, stderr: "" });
    while (!container.outputOf(1).includes(" /tmp ")) await Bun.sleep(20);
    const [own, ...mounts] = container.outputOf(1).trim().split("\n");
    expect(own).toBe(label);
    expect(mounts.length).toBeGreaterThan(2);
    for (const mount of mounts) expect(mount).toContain(`context=${mountLabel}`);
    const exec = await container.call(["exec", container.id, "/bin/sh", "-c", current]);
    expect(exec.stdout.trim()).toBe(label);
    const other = "system_u:system_r:host_t";
    const words = ["exec", "--process-label", other, container.id, "/bin/sh", "-c", current];
    expect((await container.call(words)).stdout.trim()).toBe(other);
  });

  test("that the policy does not know are refused, and nothing of the container stays", async () => {
    loadPolicy();
    await using container = new Container();
    container.configure("true", withProcess({ selinuxLabel: "system_u:system_r:nobody_t" }));
    const { status, stderr } = await container.call(["run", container.id]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("nvalid argument");
  });
});
