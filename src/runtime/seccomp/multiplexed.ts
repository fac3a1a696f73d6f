/**
 * Calls that 32-bit x86 also makes through `socketcall(number, …)` and `ipc(number, …)`: a rule for the name alone
 * would leave the other door open. Source: linux/net.h, linux/ipc.h.
 */

/** A call that carries others: its first argument, under `mask`, says which one is meant. */
interface Multiplexer {
  readonly call: "socketcall" | "ipc";
  readonly mask: number;
  readonly numbers: ReadonlyMap<string, number>;
}

const SOCKETCALL: Multiplexer = {
  call: "socketcall",
  mask: 0xffff_ffff,
  numbers: new Map([
    ["socket", 1],
    ["bind", 2],
    ["connect", 3],
    ["listen", 4],
    ["accept", 5],
    ["getsockname", 6],
    ["getpeername", 7],
    ["socketpair", 8],
    ["send", 9],
    ["recv", 10],
    ["sendto", 11],
    ["recvfrom", 12],
    ["shutdown", 13],
    ["setsockopt", 14],
    ["getsockopt", 15],
    ["sendmsg", 16],
    ["recvmsg", 17],
    ["accept4", 18],
    ["recvmmsg", 19],
    ["sendmmsg", 20],
  ]),
};

const IPC: Multiplexer = {
  call: "ipc",
  // The upper half is a version, which anybody may set: compared whole, ipc(1 << 16 | SHMGET) would slip through.
  mask: 0xffff,
  numbers: new Map([
    ["semop", 1],
    ["semget", 2],
    ["semctl", 3],
    ["semtimedop", 4],
    ["msgsnd", 11],
    ["msgrcv", 12],
    ["msgget", 13],
    ["msgctl", 14],
    ["shmat", 21],
    ["shmdt", 22],
    ["shmget", 23],
    ["shmctl", 24],
  ]),
};

/** The call that carries `name`, and how its first argument says so. */
export function multiplexerOf(
  name: string,
): { call: "socketcall" | "ipc"; mask: number; number: number } | undefined {
  for (const { call, mask, numbers } of [SOCKETCALL, IPC]) {
    const number = numbers.get(name);
    if (number !== undefined) return { call, mask, number };
  }
  return undefined;
}
