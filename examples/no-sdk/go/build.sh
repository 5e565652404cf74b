#!/usr/bin/env bash
# Builds build/worker; quick when nothing changed. With --stubs it writes gen/ anew first.
set -euo pipefail
cd "$(dirname "$0")"
source ../build_steps.sh

# The Go that is here, not one that the go command would download.
export GOTOOLCHAIN=local CGO_ENABLED=0
needed=$(sed -n 's/^go //p' go.mod)
command -v go > /dev/null || missing "go is missing: install Go $needed or newer"
found=$(go env GOVERSION)
at_least "$needed" "${found#go}" || missing "Go is too old, this is $found: install $needed or newer"

[ "${1:-}" != --stubs ] || write_stubs
if is_newer build/worker "$CONTRACT" gen ./*.go go.mod go.sum buf.gen.yaml build.sh ../build_steps.sh; then
    exit 0
fi
mkdir -p build
check_stubs
go vet .
go build -trimpath -buildvcs=false -o build/worker .
# The go command leaves a file alone that would come out the same.
touch build/worker
