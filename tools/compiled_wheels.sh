#!/usr/bin/env bash
# Builds a wheel of each distribution into a folder, with the modules compiled that their pyproject.toml
# names: tools/compiled_wheels.sh FOLDER. Needs a C compiler and the headers of Python.
#
# The compiler leaves its modules beside the sources, where an editable install would find them: so
# it gets a copy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$(realpath --canonicalize-missing "$1")
bin=$PWD/.venv/bin
command -v "${CC:-cc}" > /dev/null || {
    echo "Compiled wheels need a C compiler, and there is no '${CC:-cc}' here: install one (Debian: gcc and libc6-dev)." >&2
    exit 1
}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard client server pyproject.toml |
    tar --create --null --files-from - | tar --extract --directory "$copy"
rm -rf "$folder"
mkdir -p "$folder"
for each in client server; do
    # The build hides its own standard output; what it says when it fails is kept.
    (
        cd "$copy/$each"
        PATH=$bin:$PATH MYPYPATH=$copy/client:$copy/server HATCH_BUILD_HOOK_ENABLE_MYPYC=true \
            "$bin/uv" build --quiet --wheel --no-build-isolation --python "$bin/python" --out-dir "$folder" .
    ) > "$copy/log" 2>&1 || { cat "$copy/log" >&2; exit 1; }
done
