/** runc's commands that are not built: known with all their flags, so that the answer to a caller is what is missing, by name. */
import { Unsupported } from "../../base/index.ts";
import { loadState } from "../state.ts";
import { containerArgument, runtimeCommand } from "./context.ts";

const text = (summary: string) => ({ kind: "string", value: "VALUE", summary }) as const;
const yes = (summary: string) => ({ kind: "boolean", summary }) as const;

/** What both have. */
const FLAGS = {
  "image-path": text("path to the image files"),
  "work-path": text("path for working files and logs"),
  "tcp-established": yes("allow open tcp connections"),
  "ext-unix-sk": yes("allow external unix sockets"),
  "shell-job": yes("allow shell jobs"),
  "file-locks": yes("handle file locks"),
  "manage-cgroups-mode": text("cgroups mode: soft, full, strict or ignore"),
  "empty-ns": { kind: "list", value: "NAMESPACE", summary: "namespaces that are made anew" },
  "auto-dedup": yes("make memory images smaller as they are used"),
  "lazy-pages": yes("bring memory over when it is needed"),
} as const;

export const checkpoint = runtimeCommand({
  name: "checkpoint",
  summary: "checkpoint a running container (not built yet)",
  flags: {
    ...FLAGS,
    "parent-path": text("path to the images of an earlier checkpoint"),
    "leave-running": yes("let the container go on"),
    "tcp-skip-in-flight": yes("leave out connections that are not established yet"),
    "link-remap": yes("keep files that have no name any more"),
    "page-server": text("address and port to send memory to"),
    "status-fd": text("descriptor that is written to when lazy pages can be asked for"),
    "pre-dump": yes("save memory only, and let the container go on"),
  },
  arguments: [containerArgument],
  examples: [],
  run({ arguments: [id = ""] }, { root }) {
    loadState(root, id);
    throw new Unsupported({ what: "command checkpoint", why: "not built yet" });
  },
});

export const restore = runtimeCommand({
  name: "restore",
  summary: "restore a container from a checkpoint (not built yet)",
  flags: {
    ...FLAGS,
    bundle: { kind: "string", short: "b", value: "DIR", summary: "path to the bundle directory" },
    detach: { kind: "boolean", short: "d", summary: "detach from the container's process" },
    "console-socket": text("socket that is sent the terminal's master"),
    "pid-file": text("file to write the process id to"),
    "no-subreaper": yes("disable the use of the subreaper"),
    "no-pivot": yes("do not use pivot root"),
    "lsm-profile": text("profile of the security module: type:name"),
    "lsm-mount-context": text("label of all mounts"),
  },
  arguments: [containerArgument],
  examples: [],
  run() {
    throw new Unsupported({ what: "command restore", why: "not built yet" });
  },
});
