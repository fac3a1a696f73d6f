/** Every command by its word. Only the one that is called is loaded. */
import type { CommandTable } from "../base/index.ts";
import type { CliContext } from "./context.ts";

const CONTAINERS = "Containers";
const IMAGES = "Images";
const PARTS = "Parts of teu that work alone";
const ABOUT = "About teu";

/** The commands of `teu`, in the order in which help shows them. */
export const COMMANDS: CommandTable<CliContext> = {
  run: {
    summary: "Run a program in a new container",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/run.ts")).command,
  },
  create: {
    summary: "Make a container, and start nothing in it",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/create.ts")).command,
  },
  ps: {
    summary: "List containers",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/ps.ts")).command,
  },
  start: {
    summary: "Start containers once more",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/start.ts")).command,
  },
  stop: {
    summary: "Ask containers to end, and end them",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/stop.ts")).command,
  },
  restart: {
    summary: "Stop containers and start them once more",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/restart.ts")).command,
  },
  kill: {
    summary: "Send containers a signal",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/kill.ts")).command,
  },
  wait: {
    summary: "Wait until containers have ended",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/wait.ts")).command,
  },
  attach: {
    summary: "Join a container that runs",
    group: CONTAINERS,
    load: async () => (await import("./commands/attach.ts")).command,
  },
  exec: {
    summary: "Run one more program in a container",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/exec.ts")).command,
  },
  pause: {
    summary: "Stop all processes of containers where they are",
    group: CONTAINERS,
    load: async () => (await import("./commands/pause.ts")).command,
  },
  unpause: {
    summary: "Let paused containers go on",
    group: CONTAINERS,
    load: async () => (await import("./commands/unpause.ts")).command,
  },
  top: {
    summary: "Show the processes of a container",
    group: CONTAINERS,
    load: async () => (await import("./commands/top.ts")).command,
  },
  update: {
    summary: "Change the limits and the restart policy of containers",
    group: CONTAINERS,
    load: async () => (await import("./commands/update.ts")).command,
  },
  stats: {
    summary: "Show what containers use, again and again",
    group: CONTAINERS,
    load: async () => (await import("./commands/stats.ts")).command,
  },
  rename: {
    summary: "Call a container otherwise",
    group: CONTAINERS,
    load: async () => (await import("./commands/rename.ts")).command,
  },
  diff: {
    summary: "Show what a container has written",
    group: CONTAINERS,
    load: async () => (await import("./commands/diff.ts")).command,
  },
  commit: {
    summary: "Make an image of what a container has written",
    group: CONTAINERS,
    load: async () => (await import("./commands/commit.ts")).command,
  },
  export: {
    summary: "Write all files of a container as a tar archive",
    group: CONTAINERS,
    load: async () => (await import("./commands/export.ts")).command,
  },
  cp: {
    summary: "Copy files between a container and this machine",
    group: CONTAINERS,
    load: async () => (await import("./commands/cp.ts")).command,
  },
  logs: {
    summary: "Show what a container has written",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/logs.ts")).command,
  },
  port: {
    summary: "Show the ports of this machine that lead to a container",
    group: CONTAINERS,
    load: async () => (await import("./commands/port.ts")).command,
  },
  network: {
    summary: "Make, list and remove networks",
    group: CONTAINERS,
    load: async () => (await import("./commands/network.ts")).command,
  },
  volume: {
    summary: "Make, list and remove volumes",
    group: CONTAINERS,
    load: async () => (await import("./commands/volume.ts")).command,
  },
  rm: {
    summary: "Remove containers",
    group: CONTAINERS,
    opensStore: true,
    load: async () => (await import("./commands/rm.ts")).command,
  },
  container: {
    summary: "Commands about containers, by docker's long names",
    group: CONTAINERS,
    load: async () => (await import("./commands/container.ts")).command,
  },
  image: {
    summary: "Commands about images, by docker's long names",
    group: IMAGES,
    load: async () => (await import("./commands/image.ts")).command,
  },
  history: {
    summary: "Show how an image came to be",
    group: IMAGES,
    load: async () => (await import("./commands/history.ts")).command,
  },
  pull: {
    summary: "Get an image from its registry",
    group: IMAGES,
    load: async () => (await import("./commands/pull.ts")).command,
  },
  push: {
    summary: "Put an image into the registry that its name names",
    group: IMAGES,
    load: async () => (await import("./commands/push.ts")).command,
  },
  copy: {
    summary: "Copy an image between registries, archives, layouts and this machine",
    group: IMAGES,
    load: async () => (await import("./commands/copy.ts")).command,
  },
  sync: {
    summary: "Copy many images, those that changed, between registries and folders",
    group: IMAGES,
    load: async () => (await import("./commands/sync.ts")).command,
  },
  images: {
    summary: "List images",
    group: IMAGES,
    opensStore: true,
    load: async () => (await import("./commands/images.ts")).command,
  },
  tag: {
    summary: "Give an image one more name",
    group: IMAGES,
    load: async () => (await import("./commands/tag.ts")).command,
  },
  rmi: {
    summary: "Remove images",
    group: IMAGES,
    load: async () => (await import("./commands/rmi.ts")).command,
  },
  sign: {
    summary: "Sign an image in its registry",
    group: IMAGES,
    load: async () => (await import("./commands/sign.ts")).command,
  },
  verify: {
    summary: "Look whether an image is signed by a key",
    group: IMAGES,
    load: async () => (await import("./commands/verify.ts")).command,
  },
  "generate-key-pair": {
    summary: "Make keys to sign images with",
    group: IMAGES,
    load: async () => (await import("./commands/generate-key-pair.ts")).command,
  },
  inspect: {
    summary: "Show all that is known of images and containers",
    group: IMAGES,
    opensStore: true,
    load: async () => (await import("./commands/inspect.ts")).command,
  },
  ls: {
    summary: "List the tags of a repository at its registry",
    group: IMAGES,
    load: async () => (await import("./commands/ls.ts")).command,
  },
  catalog: {
    summary: "List the repositories of a registry",
    group: IMAGES,
    load: async () => (await import("./commands/catalog.ts")).command,
  },
  search: {
    summary: "Search a registry for repositories",
    group: IMAGES,
    load: async () => (await import("./commands/search.ts")).command,
  },
  manifest: {
    summary: "Get, put, look at and remove manifests at a registry",
    group: IMAGES,
    load: async () => (await import("./commands/manifest.ts")).command,
  },
  blob: {
    summary: "Get, put, look at and remove blobs at a registry",
    group: IMAGES,
    load: async () => (await import("./commands/blob.ts")).command,
  },
  referrers: {
    summary: "List what refers to an image: signatures, bills of material, notes",
    group: IMAGES,
    load: async () => (await import("./commands/referrers.ts")).command,
  },
  artifact: {
    summary: "Attach files to images at a registry, and get them back",
    group: IMAGES,
    load: async () => (await import("./commands/artifact.ts")).command,
  },
  login: {
    summary: "Tell a registry who we are, and keep that",
    group: IMAGES,
    load: async () => (await import("./commands/login.ts")).command,
  },
  logout: {
    summary: "Forget who we are to a registry",
    group: IMAGES,
    load: async () => (await import("./commands/logout.ts")).command,
  },
  runtime: {
    summary: "Create, start and remove containers of bundles, as runc does",
    group: PARTS,
    load: async () => (await import("./commands/runtime.ts")).command,
  },
  import: {
    summary: "Make an image of the archive of a file system",
    group: IMAGES,
    load: async () => (await import("./commands/import.ts")).command,
  },
  load: {
    summary: "Load images from an OCI or docker archive",
    group: IMAGES,
    load: async () => (await import("./commands/load.ts")).command,
  },
  save: {
    summary: "Save images to an OCI archive",
    group: IMAGES,
    load: async () => (await import("./commands/save.ts")).command,
  },
  unpack: {
    summary: "Unpack an image to a bundle that any OCI runtime runs",
    group: IMAGES,
    load: async () => (await import("./commands/unpack.ts")).command,
  },
  registry: {
    summary: "Serve images to others",
    group: PARTS,
    load: async () => (await import("./commands/registry.ts")).command,
  },
  serve: {
    summary: "Look after containers: health checks, and those that begin again after a reboot",
    group: ABOUT,
    load: async () => (await import("./commands/serve.ts")).command,
  },
  generate: {
    summary: "Print what other programs need to know of containers",
    group: ABOUT,
    load: async () => (await import("./commands/generate.ts")).command,
  },
  healthcheck: {
    summary: "Find out whether a container works",
    group: CONTAINERS,
    load: async () => (await import("./commands/healthcheck.ts")).command,
  },
  "unpack-layer": {
    summary: "Unpack one layer, for teu itself",
    hidden: true,
    load: async () => (await import("./commands/unpack-layer.ts")).command,
  },
  "after-exit": {
    summary: "Do what follows a container's end, for teu itself",
    hidden: true,
    load: async () => (await import("./commands/after-exit.ts")).command,
  },
  completion: {
    summary: "Print what lets a shell complete the words of teu",
    group: ABOUT,
    load: async () => (await import("./commands/completion.ts")).command,
  },
  complete: {
    summary: "Tell a shell how a word may go on, for teu itself",
    hidden: true,
    load: async () => (await import("./commands/complete.ts")).command,
  },
  "name-server": {
    summary: "Answer containers who ask for each other, for teu itself",
    hidden: true,
    load: async () => (await import("./commands/name-server.ts")).command,
  },
  audit: {
    summary: "Show who had what run here, and what it was allowed to do",
    group: ABOUT,
    load: async () => (await import("./commands/audit.ts")).command,
  },
  events: {
    summary: "Tell what happens to containers, images, networks and volumes",
    group: ABOUT,
    load: async () => (await import("./commands/events.ts")).command,
  },
  system: {
    summary: "Look after what teu keeps on this machine",
    group: ABOUT,
    load: async () => (await import("./commands/system.ts")).command,
  },
  version: {
    summary: "Show which teu this is",
    group: ABOUT,
    load: async () => (await import("./commands/version.ts")).command,
  },
  info: {
    summary: "Show what teu finds on this machine",
    group: ABOUT,
    load: async () => (await import("./commands/info.ts")).command,
  },
};
