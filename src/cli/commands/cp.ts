/** `teu cp`: files between a container and this machine, or another container. Docker's words and rules, and podman's way between two containers. */
import { posix } from "node:path";
import { asCalled, workingDirectory, writeAll } from "../../base/index.ts";
import {
  type CopyEnd,
  copyBetween,
  copyFromArchive,
  copyToArchive,
  findContainer,
  InvalidOption,
  openEngine,
  type Store,
} from "../../engine/index.ts";
import { type ByteString, decodeName } from "../../image/index.ts";
import { teuCommand } from "../context.ts";
import { ReaderGone } from "../reader.ts";

export const command = teuCommand({
  name: "teu cp",
  summary: "Copy files between a container and this machine, or another container",
  description: `One of the two, or both, are CONTAINER:PATH; a container need not run. With - for SOURCE an archive (tar) is read from stdin and unpacked into a directory of the
container, with - for TARGET one is written to stdout. A directory goes into a directory that is there, under its name; SOURCE/. means what is in it.`,
  flags: {
    archive: { kind: "boolean", short: "a", summary: "Keep owners" },
    "follow-link": { kind: "boolean", short: "L", summary: "Copy what SOURCE leads to where it is a link" },
    quiet: {
      kind: "boolean",
      short: "q",
      summary: "For scripts that are written for docker; nothing is shown",
    },
  },
  arguments: [{ name: "SOURCE" }, { name: "TARGET" }],
  examples: [
    { command: "teu cp web:/etc/nginx/nginx.conf .", says: "Look at a file" },
    { command: "teu cp site/. web:/usr/share/nginx/html", says: "Put what is in a folder into a container" },
    { command: "teu cp web:/var/log - | tar -t", says: "List what is there" },
    { command: "teu cp old:/data/. new:/data", says: "From one container to another" },
  ],
  async run({ flags, arguments: words }, { environment }) {
    const store = await openEngine(environment);
    const [from, to] = asCalled(words) as [ByteString, ByteString]; // one byte per character; the grammar wants two
    const options = { keepsOwners: flags.archive, followsLink: flags["follow-link"] };
    const [source, target] = [endOf(store, from), endOf(store, to)];
    if (source?.kind === target?.kind && source?.kind !== "container")
      throw new InvalidOption(
        { option: "SOURCE", value: decodeName(from) },
        "must specify at least one container source",
      );
    if (source === undefined) {
      if (target?.kind !== "container")
        throw new InvalidOption(
          { option: "TARGET", value: decodeName(to) },
          "must specify at least one container source",
        );
      await copyFromArchive(store, Bun.stdin.stream(), target, options);
    } else if (target === undefined) await copyToArchive(store, source, writeWhole, options);
    else await copyBetween(store, source, target, options);
    return 0;
  },
});

/** @throws {InvalidOption} what a variable that is not set leaves, of which the path would be the whole container or this folder */
function requirePath(path: string, text: ByteString): void {
  if (path === "")
    throw new InvalidOption(
      { option: "PATH", value: decodeName(text) },
      "source and destination can not be empty",
    );
}

/** `-` is none: a stream. A path with a slash before its first colon is no container's. */
function endOf(store: Store, text: ByteString): CopyEnd | undefined {
  if (text === "-") return undefined;
  const [, name = "", path = ""] = /^([^/:]+):(.*)$/s.exec(text) ?? [];
  if (name !== "" && name !== "." && name !== "..") {
    requirePath(path, text);
    const container = findContainer(store, decodeName(name as ByteString));
    return { kind: "container", container, path: path as ByteString }; // a part of `text`
  }
  requirePath(text, text);
  const end = /\/\.?$/.exec(text)?.[0] ?? (text === "." ? "/." : "");
  return { kind: "host", path: `${posix.resolve(workingDirectory(), text)}${end}` as ByteString };
}

/** What is cut short is no archive. */
function writeWhole(piece: Uint8Array): void {
  if (!writeAll(1, piece)) throw new ReaderGone();
}
