/**
 * Calls that 32-bit x86 also makes through `socketcall(number, …)` and `ipc(number, …)`: a rule for the name alone
 * would leave the other door open. Source: linux/net.h, linux/ipc.h.
 */

/** What carries a call: `call`, when its first argument under `mask` is `number`. */
export interface Carrier {
  readonly call: "socketcall" | "ipc";
  readonly mask: number;
  readonly number: number;
}

/** The call that carries each name on 32-bit x86. */
export const CARRIERS: ReadonlyMap<string, Carrier> = new Map([
  ["socket", socketcall(1)],
  ["bind", socketcall(2)],
  ["connect", socketcall(3)],
  ["listen", socketcall(4)],
  ["accept", socketcall(5)],
  ["getsockname", socketcall(6)],
  ["getpeername", socketcall(7)],
  ["socketpair", socketcall(8)],
  ["send", socketcall(9)],
  ["recv", socketcall(10)],
  ["sendto", socketcall(11)],
  ["recvfrom", socketcall(12)],
  ["shutdown", socketcall(13)],
  ["setsockopt", socketcall(14)],
  ["getsockopt", socketcall(15)],
  ["sendmsg", socketcall(16)],
  ["recvmsg", socketcall(17)],
  ["accept4", socketcall(18)],
  ["recvmmsg", socketcall(19)],
  ["sendmmsg", socketcall(20)],
  ["semop", ipc(1)],
  ["semget", ipc(2)],
  ["semctl", ipc(3)],
  ["semtimedop", ipc(4)],
  ["msgsnd", ipc(11)],
  ["msgrcv", ipc(12)],
  ["msgget", ipc(13)],
  ["msgctl", ipc(14)],
  ["shmat", ipc(21)],
  ["shmdt", ipc(22)],
  ["shmget", ipc(23)],
  ["shmctl", ipc(24)],
]);

function socketcall(number: number): Carrier {
  return { call: "socketcall", mask: 0xffff_ffff, number };
}

/** The upper half is a version, which anybody may set: compared whole, ipc(1 << 16 | SHMGET) would slip through. */
function ipc(number: number): Carrier {
  return { call: "ipc", mask: 0xffff, number };
}
