#!/bin/sh
# Installs multiarch-action: downloads the program for this machine and the release's sums, compares, and puts it into a folder.
#
#   install.sh [VERSION]          a version such as v1.4.0; default: the latest release
#
# MULTIARCH_BIN   folder for the program (default: ~/.local/bin)
# MULTIARCH_FROM  where releases are (default: https://github.com/org/multiarch-action/releases)
set -eu

die() {
  echo "install.sh: error: $*" >&2
  exit 1
}

# fetch URL FILE
fetch() {
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --retry 3 --output "$2" "$1"
  elif command -v wget >/dev/null; then
    wget --quiet --tries=3 --output-document="$2" "$1"
  else
    die "neither curl nor wget is installed"
  fi || die "downloading $1"
}

# sum_of FILE
sum_of() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

main() {
  version=${1:-latest}
  from=${MULTIARCH_FROM:-https://github.com/org/multiarch-action/releases}
  folder=${MULTIARCH_BIN:-$HOME/.local/bin}
  case $version in
  latest) url=$from/latest/download ;;
  v[0-9]*) url=$from/download/$version ;;
  *) die "\"$version\" is not a version; write it like v1.4.0" ;;
  esac
  case $(uname -s) in
  Linux) system=linux ;;
  Darwin) system=darwin ;;
  *) die "there is no program for $(uname -s); on Windows use the one from the release's page" ;;
  esac
  case $(uname -m) in
  x86_64 | amd64) architecture=amd64 ;;
  aarch64 | arm64) architecture=arm64 ;;
  armv6l | armv7l) architecture=arm ;;
  ppc64le | s390x | riscv64) architecture=$(uname -m) ;;
  *) die "there is no program for $(uname -m)" ;;
  esac
  name=multiarch-action-$system-$architecture

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  fetch "$url/SHA256SUMS" "$work/SHA256SUMS"
  want=$(sed -n "s/  $name\$//p" "$work/SHA256SUMS")
  [ -n "$want" ] || die "$url/SHA256SUMS does not name $name"
  fetch "$url/$name" "$work/$name"
  got=$(sum_of "$work/$name")
  [ "$got" = "$want" ] || die "$url/$name is not the program that was released: its SHA-256 is $got, and SHA256SUMS says $want; nothing was installed"

  mkdir -p "$folder"
  chmod 755 "$work/$name"
  mv "$work/$name" "$folder/multiarch-action"
  echo "installed $("$folder/multiarch-action" --version) as $folder/multiarch-action"
  case ":$PATH:" in
  *":$folder:"*) ;;
  *) echo "$folder is not in PATH: export PATH=\"$folder:\$PATH\"" ;;
  esac
}

main "$@" # at the end, so that half a download does nothing
