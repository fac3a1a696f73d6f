#!/bin/bash
# The whole way once, on this machine alone: a registry on a free loopback port, the sample image pushed to it, forgotten
# here, and run from there. All state lies in one temporary directory and goes with it, whatever happens.
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(id -u)" = 0 ] || { echo "demo: containers need root: sudo make demo" >&2; exit 1; }

state=$(mktemp -d "${TMPDIR:-/tmp}/teu-demo-XXXXXX")
export TEU_ROOT=$state/root TEU_RUN=$state/run
teu=$PWD/dist/teu
registry=

clean_up() {
  [ -z "$registry" ] || { kill "$registry" && wait "$registry"; } 2>/dev/null || true
  # Containers have gone with their run; this is for a demo that was cut short.
  umount --quiet "$TEU_RUN"/containers/*/rootfs 2>/dev/null || true
  rm -rf --one-file-system "$state"
}
trap clean_up EXIT

bold=$'\033[1m' plain=$'\033[0m'
[ -t 1 ] || bold='' plain=''
say() { printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"; }
show() { say "${*/#$teu/teu}"; "$@"; }

say "teu registry serve --listen 127.0.0.1:0 --root $state/registry &"
"$teu" registry serve --listen 127.0.0.1:0 --root "$state/registry" >"$state/address" &
registry=$!
until [ -s "$state/address" ]; do
  kill -0 "$registry" 2>/dev/null || { echo "demo: the registry did not start" >&2; exit 1; }
  sleep 0.01
done
image=$(cat "$state/address")/teu/hello
cat "$state/address"

.tools/bun scripts/hello-image.ts "$state/hello.tar"
show "$teu" load --input "$state/hello.tar"
show "$teu" tag teu/hello "$image"
show "$teu" push "$image"
show "$teu" rmi teu/hello "$image"

# No program in a container can know the host's namespaces: it is told them, to compare them with its own.
# Without a network, nothing of this machine is changed.
say "teu run --rm --trace --network none --memory 64m --cpus 0.5 --pids-limit 32 $image"
"$teu" run --rm --trace --network none --memory 64m --cpus 0.5 --pids-limit 32 \
  --env HOST_NAMESPACES="$(readlink /proc/self/ns/* | tr '\n' ' ')" "$image"
