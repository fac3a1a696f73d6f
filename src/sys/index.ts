/** The Linux calls that Bun has not, errno included. Every call is synchronous and returns or throws at once. */

// The binding: any system call, -errno as its answer.
export { type Argument, addressOf, architecture, byteLength, cString, syscall } from "./binding.ts";
// The machine.
export { thisBoot } from "./boot.ts";
// Processes.
export { childEnded } from "./child.ts";
export { forgetConnections } from "./conntrack.ts";
// Errors: numbers, names, sentences.
export {
  check,
  type ErrnoName,
  errno,
  errnoName,
  errnoOf,
  errnoSentence,
  SystemCallFailed,
} from "./errno.ts";
// Files of the host.
export {
  closeSync,
  type DirectoryEntry,
  existsSync,
  type FileStatus,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readLinkIfAnySync,
  readStartSync,
  readTextIfAnySync,
  readTextSync,
  realpathSync,
  removeSync,
  renameSync,
  rmdirSync,
  statSync,
  writeAllSync,
  writeSync,
  writeTextSync,
} from "./files.ts";
export { freeBytes } from "./free-space.ts";
// File operations below open directories, by bytes.
export { layerFiles } from "./layer-files.ts";
// Locks between processes.
export { lockFile, tryLockFile, tryShareLock } from "./lock.ts";
// Messages with descriptors over unix sockets.
export {
  acceptWaiting,
  connectDatagram,
  connectUnix,
  datagramSocket,
  datagramUnix,
  listenUnix,
  type Received,
  receiveMessage,
  sendMessage,
  socketPair,
  tellSenders,
} from "./message.ts";
export { hasFilterTable } from "./netfilter.ts";
// The kernel's network configuration.
export { NetlinkRefused, NetlinkSocket } from "./netlink.ts";
export { networkCookie } from "./network-cookie.ts";
// System call numbers of both architectures.
export { type Architecture, type SystemCall, systemCallName, systemCallNumber } from "./numbers.ts";
// Flags of open(2) on this machine.
export { O } from "./open-flags.ts";
export { isOtherEndClosed } from "./other-end.ts";
// Terminals, and pipes.
export { duplicate, pipe } from "./pipe.ts";
// Which process a number means.
export { isProcess, processInode } from "./process-inode.ts";
// Quotas of projects.
export { limitProject, type ProjectUse, projectOf, setProject, useOfProject } from "./project-quota.ts";
// Locks that other programs take.
export { tryShareFile } from "./record-lock.ts";
// Copying between descriptors.
export { relayInput, relayPipe, relayTerminal, writeFully } from "./relay.ts";
export {
  addAddress,
  addressesOf,
  changeLink,
  findLink,
  type Link,
  type LinkAddress,
  listLinks,
  markLink,
  natureOf,
} from "./rtnetlink.ts";
// Network devices and their addresses.
export {
  addDefaultRoute,
  createBridge,
  createVethPair,
  deleteLink,
  localSubnets,
  type VethPair,
} from "./rtnetlink-create.ts";
export { deleteMarkedElsewhere, numberNamespace } from "./rtnetlink-elsewhere.ts";
export {
  createDummy,
  createLinkedDevice,
  createVlan,
  IPVLAN_MODES,
  MACVLAN_MODES,
} from "./rtnetlink-linked.ts";
// Content that nobody can change any more.
export { sealedFile } from "./sealed-file.ts";
export { parseSignalNumber, signalNumbers } from "./signals.ts";
export { decodeWaitStatus, type Ended, reap, type Spawn, spawn } from "./spawn.ts";
export {
  copyTerminalSize,
  isTerminal,
  keepNewlines,
  makeRaw,
  openTerminal,
  setTerminalSize,
  type TerminalSize,
  terminalSize,
} from "./terminal.ts";
export { isInUserNamespace, uidOutside } from "./user-namespace.ts";
// Words of the kernel's structures.
export { putWord, wordAt } from "./words.ts";
