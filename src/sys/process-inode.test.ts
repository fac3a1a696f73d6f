import { expect, test } from "bun:test";
import { syscall } from "./binding.ts";
import { isProcess, processInode } from "./process-inode.ts";
import { spawn } from "./spawn.ts";

/** A shell that stays until it is killed; nobody reaps it before that. */
function shell(): { pid: number; pidfd: number } {
  return spawn({
    executable: "/bin/sh",
    argv: ["sh", "-c", "kill -STOP $$"],
    env: [],
    descriptors: [0, 1, 2],
  });
}

test("isProcess() knows a process by its inode, and none that is another, a zombie or gone", () => {
  const { pid, pidfd } = shell();
  const inode = processInode(pidfd);
  try {
    if (inode === undefined) return; // before Linux 6.9 owners are known by when they began
    expect(inode).toBeGreaterThan(0);
    expect(isProcess(pid, inode)).toBe(true);
    expect(isProcess(pid, inode - 1)).toBe(false);
    expect(isProcess(process.pid, inode)).toBe(false);
  } finally {
    syscall("pidfd_send_signal", pidfd, 9, 0, 0);
    syscall("ppoll", Int32Array.of(pidfd, 1), 1, 0, 0);
  }
  expect(isProcess(pid, inode)).toBe(false);
  syscall("wait4", pid, 0, 0, 0);
  syscall("close", pidfd);
  expect(isProcess(pid, inode)).toBe(false);
});

test("processInode() tells two processes apart", () => {
  const both = [shell(), shell()];
  try {
    const [one, other] = both.map(({ pidfd }) => processInode(pidfd));
    if (one !== undefined) expect(one).not.toBe(other);
  } finally {
    for (const { pid, pidfd } of both) {
      syscall("pidfd_send_signal", pidfd, 9, 0, 0);
      syscall("wait4", pid, 0, 0, 0);
      syscall("close", pidfd);
    }
  }
});
