#!/usr/bin/env bash
# Builds build/worker; quick when nothing changed. With --stubs it writes gen/ anew first.
set -euo pipefail
cd "$(dirname "$0")"
source ../build_steps.sh

needed=20
command -v node > /dev/null || missing "node is missing: install Node.js $needed or newer"
command -v npm > /dev/null || missing "npm is missing: install the one that comes with Node.js"
found=$(node --version)
at_least "$needed" "${found#v}" || missing "Node.js is too old, this is $found: install $needed or newer"

mkdir -p build
if ! is_newer node_modules/.synced package.json package-lock.json .npmrc; then
    npm ci --ignore-scripts --silent
    touch node_modules/.synced
fi
[ "${1:-}" != --stubs ] || write_stubs
if is_newer build/worker "$CONTRACT" gen src package-lock.json tsconfig.json buf.gen.yaml build.sh ../build_steps.sh; then
    exit 0
fi
check_stubs
rm -rf build/js build/worker
node_modules/.bin/tsc
cat > build/worker << 'END'
#!/bin/sh
exec node "$(dirname "$0")/js/src/main.js" "$@"
END
chmod +x build/worker
