#!/bin/sh
# Brings the pinned Bun (the version in package.json, as an npm package) and the development packages. Safe to run again.
set -eu
cd "$(dirname "$0")/.."
version=$(node -p 'require("./package.json").engines.bun')
case $(uname -m) in x86_64) package=@oven/bun-linux-x64 ;; aarch64) package=@oven/bun-linux-aarch64 ;; *) echo "bootstrap: no Bun for $(uname -m)" >&2; exit 1 ;; esac
bun=.tools/bun
if [ "$("$bun" --version 2>/dev/null || true)" != "$version" ]; then
  mkdir -p .tools
  # --ignore-scripts: the package holds the program itself, nothing has to run.
  npm install --prefix .tools --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "$package@$version" >&2
  ln -sf "node_modules/$package/bin/bun" "$bun"
fi
# shellcheck disable=SC3013  # dash and busybox have -nt
[ node_modules -nt bun.lock ] || { "$bun" install --frozen-lockfile --silent && touch node_modules; }
