/**
 * Docker's and podman's flags that teu has not, and what to do instead. A key is a command and its flags; `*` stands for every command.
 * The page docs/how-to/use-dockers-commands.md tells the same of docker's.
 */

/** Docker's. */
export const FOREIGN_FLAGS_OF_DOCKER: Readonly<Record<string, string>> = {
  "* --disable-content-trust": "content trust of docker is gone: see --signature-policy",
  "* --cpu-count --cpu-percent --io-maxbandwidth --io-maxiops --isolation": "it is of Windows",
  "* --use-api-socket": "there is no daemon whose socket could be shown",
  "run --link-local-ip": "a device has one address of each kind: see --ip and --ip6",
  "create --link-local-ip": "a device has one address of each kind: see --ip and --ip6",
  "* --ipv4": "a network has always addresses of IPv4",
  "create --attach": "a container that is not started has no streams: 'teu start --attach' shows them",
  "* --tree": "'teu image files' and --json show more",
  "load --platform": "an archive is loaded whole: 'teu copy --platform' takes one",
  "save --platform": "an image is saved whole: 'teu copy --platform' takes one",
  "rmi --platform": "an image is removed whole",
  "start --checkpoint --checkpoint-dir":
    "checkpoints are of bundles: 'teu runtime checkpoint' and 'teu runtime restore'",
  "network create --config-from --config-only --ingress --scope": "it is of a cluster",
  "network create --ipam-driver --ipam-opt": "there are no plugins: teu gives addresses by itself",
  "network connect --link-local-ip": "a device has one address of each kind: see --ip and --ip6",
  "volume create --availability --group --limit-bytes --required-bytes --scope --secret --sharing --topology-preferred --topology-required --type":
    "it is of a cluster",
  "volume ls --cluster": "it is of a cluster",
  "manifest inspect --verbose": "it is shown as it is",
};

/** Podman's, of `run` and `create`. */
const OF_PODMAN: Readonly<Record<string, string>> = {
  "arch os variant": "use --platform OS/ARCH[/VARIANT]",
  authfile: "use 'teu login', or DOCKER_CONFIG",
  "tls-verify": "use --insecure for a registry without TLS",
  "cert-dir": "use /etc/containers/certs.d or /etc/docker/certs.d",
  "cgroup-conf cgroups": "limits are flags of their own, and --cgroup-parent is the place of its cgroups",
  "conmon-pidfile pidfile": "'teu inspect -f {{.State.Pid}}' tells it",
  chrootdirs: "use --volume for /etc/hosts and /etc/resolv.conf there",
  "env-host http-proxy": "use --env NAME for each variable of ours, or --env-file",
  "env-merge unsetenv unsetenv-all": "use 'teu run IMAGE env -u NAME COMMAND'",
  "hostuser passwd passwd-entry": "/etc/passwd is the image's: give --user a number",
  "no-hosts": "use --volume to show another /etc/hosts",
  "image-volume": "volumes of an image are anonymous ones, and go with --rm",
  "init-path": "--init is a program of teu's own",
  personality: "'setarch' in the image sets it",
  "pod pod-id-file": "there are no pods: --network, --pid and --ipc container:NAME share namespaces",
  "preserve-fds preserve-fd": "only the standard streams are passed on",
  "read-only-tmpfs": "use --tmpfs /run --tmpfs /tmp --tmpfs /var/tmp",
  replace: "use 'teu rm -f NAME' before it",
  requires: "start the others first",
  rmi: "use 'teu rmi IMAGE' after it",
  rootfs: "'teu import' makes an image of a directory's tar, and 'teu runtime' runs bundles",
  sdnotify: "'teu generate systemd' writes a unit that needs none",
  "seccomp-policy": "use --security-opt seccomp=FILE",
  secret: "use --mount type=bind,source=FILE,target=/run/secrets/NAME,readonly",
  systemd: "use --tmpfs /run --tmpfs /tmp --stop-signal SIGRTMIN+3 --security-opt writable-cgroups",
  timeout: "use 'timeout SECONDS teu run' or 'teu stop'",
  tz: "use --env TZ=ZONE, or --volume /etc/localtime:/etc/localtime:ro",
  umask: "use a shell: sh -c 'umask 027; exec PROGRAM'",
};

/** Why `flag` of `command` is not there, if another engine has it. @param command  As its help calls it: `teu run` */
export function whyNoFlag(command: string, flag: string): string | undefined {
  const name = command.replace(/^teu (container )?/, "").replace(/^(image|system) /, "");
  const found = Object.entries(FOREIGN_FLAGS_OF_DOCKER).find(([key]) => {
    const [head = ""] = key.split(" --");
    return (head === "*" || head === name) && key.split(" ").includes(flag);
  });
  if (found !== undefined) return found[1];
  if (name !== "run" && name !== "create") return undefined;
  return Object.entries(OF_PODMAN).find(([key]) => key.split(" ").includes(flag.slice(2)))?.[1];
}
