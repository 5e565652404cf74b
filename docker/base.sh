#!/usr/bin/env bash
# Makes a stand-in for the images' default base, a slim Debian with Python 3.11, out of the packages of the
# Debian release that this machine runs, and prints nothing: docker/base.sh OUT.tar
#
# It is for machines that reach packages and no registry of images. What stands in an image that is
# given away should be the default base, which its publishers keep patched.
set -euo pipefail

out=$1
kept=${out%.tar}.packages

fail() {
    echo "no base image can be made: $*" >&2
    exit 69
}

if ! command -v mmdebstrap >/dev/null; then
    command -v apt-get >/dev/null || fail "the Debian package mmdebstrap is missing, and there is no apt-get"
    ((EUID == 0)) || fail "the Debian package mmdebstrap is missing, and this user may not install it"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends mmdebstrap; } >&2 ||
        fail "apt-get could not install mmdebstrap"
fi
release=$(. /etc/os-release && echo "${ID:-}:${VERSION_CODENAME:-}")
[[ $release == debian:bookworm ]] ||
    fail "this is $release, and Python 3.11 is in debian:bookworm; name another base: make images BASE_IMAGE=..."

# The machine's own sources of that release, mirrors and all, and no others that stand beside them.
sources=()
for each in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/debian.list; do
    [[ -s $each ]] && sources+=("$each")
done
((${#sources[@]})) || fail "no sources of Debian's packages in /etc/apt"

pip=$(mktemp -d)
trap 'rm -rf "$pip" "$out.new"' EXIT
# The pip that made this environment goes into the base, whose default has one too.
wheel=$("${PYTHON:-python3}" -c 'import pip, pathlib; print(pathlib.Path(pip.__file__).parent)')
cp -r "$wheel" "$pip/pip"
find "$pip" -name __pycache__ -prune -exec rm -rf {} +

mkdir -p "$kept"
# Packages that were fetched before are fetched from $kept; without /usr/share/doc, but for the terms on
# which each package may be given away.
mmdebstrap --quiet --format=tar --variant=essential --include=python3,passwd,libstdc++6,ca-certificates,tzdata \
    --skip=download/empty --skip=essential/unlink \
    --setup-hook='mkdir -p "$1/var/cache/apt/archives"' \
    --setup-hook="sync-in '$kept' /var/cache/apt/archives" \
    --customize-hook="sync-out /var/cache/apt/archives '$kept'" \
    --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook="copy-in '$pip/pip' /usr/local/lib/python3.11/dist-packages" \
    --customize-hook='ln -sf python3 "$1/usr/bin/python"' \
    --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/*' \
    bookworm "$out.new" "${sources[@]}" >&2
mv "$out.new" "$out"
