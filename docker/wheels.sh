#!/usr/bin/env bash
# Fetches and builds everything that the images are made of into the folder that `docker build` is given:
# docker/wheels.sh FOLDER. What is pinned in requirements/image-*.lock, as wheels with the hashes that
# stand there, and a wheel of each distribution of this repository. The build itself needs no network.
#
#     PYTHON    has pip, uv and the build backend (default: that of .venv)
#     ARCH      the processor of the images (default: this machine's)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

context=$1
python=${PYTHON:-.venv/bin/python}
arch=${ARCH:-$(uname -m)}
# The C libraries up to that of the images' base, newest first.
platforms=()
for glibc in 2_36 2_35 2_34 2_31 2_28 2_27 2_24 2_17; do platforms+=(--platform "manylinux_${glibc}_$arch"); done

for each in sidecar worker tools; do
    lock=requirements/image-$each.lock
    # The lock beside the wheels is written last: it says that all of them are there.
    cmp --quiet "$lock" "$context/wheels/$each.lock" && continue
    rm -rf "$context/wheels/$each"
    mkdir -p "$context/wheels/$each"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --require-hashes --requirement "$lock" --python-version 3.11 \
        "${platforms[@]}" --platform any --dest "$context/wheels/$each"
    cp "$lock" "$context/wheels/$each.lock"
done
rm -rf "$context/wheels/ours"
mkdir -p "$context/wheels/ours"
if [ "$arch" = "$(uname -m)" ] && "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    make --quiet compiled
    cp build/compiled/*.whl "$context/wheels/ours"
else
    # A compiler makes modules for its own processor and Python; the others run as they are written.
    echo "the images get uncompiled wheels: they are built on $(uname -m) for Python 3.11 on $arch" >&2
    for each in client server; do
        "$(dirname "$python")/uv" build --quiet --wheel --no-build-isolation --python "$python" \
            --out-dir "$context/wheels/ours" "$each"
    done
fi
cp docker/Dockerfile docker/licences.py docker/sidehook.yaml "$context"
