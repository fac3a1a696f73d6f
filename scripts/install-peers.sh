#!/bin/sh
# Installs the Debian packages that tests and benchmarks use, those that are missing and no others: the programs that teu
# is compared with, those that call a runtime, the compilers that CI builds with, the emulator that boots a second kernel. Safe to run again; says
# nothing when there is nothing to do.
#
#   scripts/install-peers.sh [GROUP | PACKAGE ...]      groups: peers (default), callers, compilers, machine
#
# Exit status 3: something is missing and cannot be installed here (not root, or no apt-get); its names are on stderr.
set -eu

peers='wrk runc crun criu umoci skopeo buildah containernetworking-plugins docker-registry debootstrap busybox-static uidmap slirp4netns passt attr acl libcap2-bin jq iproute2 nftables procps psmisc strace ca-certificates'
callers='containerd docker.io podman buildah'
compilers='clang gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-armhf-cross libseccomp-dev shellcheck'
machine='apparmor secilc qemu-system-x86 busybox-static cpio xz-utils kmod iproute2 procps systemd dbus'

wanted=
for word in "${@:-peers}"; do
  case $word in
    peers) wanted="$wanted $peers" ;;
    callers) wanted="$wanted $callers" ;;
    compilers) wanted="$wanted $compilers" ;;
    machine) wanted="$wanted $machine" ;;
    *) wanted="$wanted $word" ;;
  esac
done

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
missing=
for package in $wanted; do is_installed "$package" || missing="$missing $package"; done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "install-peers: missing, and only root can install with apt-get:$missing" >&2
  exit 3
fi
export DEBIAN_FRONTEND=noninteractive
quietly() {
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || { status=$?; cat "$log" >&2; rm -f "$log"; return $status; }
  rm -f "$log"
}
echo "install-peers: installing$missing" >&2
# A server that a package brings is not started: tests start their own, with folders of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
fi
quietly apt-get -o DPkg::Lock::Timeout=120 update -qq
# shellcheck disable=SC2086  # a list of words
quietly apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends $missing
