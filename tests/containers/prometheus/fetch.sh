#!/usr/bin/env bash
# Fetches Debian's Prometheus for the image that stands in for the one of compose.yaml: fetch.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mkdir -p "$1" && cd "$1" && pwd)
if [[ ! -x $folder/usr/bin/prometheus ]]; then
    cd "$folder"
    { apt-get -qq update && apt-get -qq download prometheus; } >&2 || {
        echo "Debian's package prometheus cannot be fetched, which compose.yaml is tested with" >&2
        exit 69
    }
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/prometheus
    rm prometheus_*.deb
fi
cp "$here/Dockerfile" "$folder"
