#!/usr/bin/env bash
# Compiles what is declared into lock files: exact versions with hashes, for every platform, and
# without the address of the index that they were resolved from. Options go on to `uv pip compile`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compile() {
    local output=$1
    shift
    echo "$output" >&2
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
        --no-emit-package sidehook --no-emit-package sidehook-server \
        --output-file "$output" "$@"
}

compile requirements/uv.txt requirements/uv.in "$@"
compile proto/requirements.txt proto/requirements.in "$@"
compile requirements/dev.lock --extra otlp \
    client/pyproject.toml server/pyproject.toml requirements/dev.in "$@"
compile requirements/floor.lock --resolution lowest-direct \
    client/pyproject.toml requirements/build.in requirements/test.in "$@"
compile requirements/mutation.lock client/pyproject.toml server/pyproject.toml \
    requirements/mutation.in "$@"
compile requirements/mellea.lock client/pyproject.toml server/pyproject.toml \
    requirements/build.in requirements/test.in requirements/examples.in \
    requirements/mellea.in "$@"
compile requirements/model.lock requirements/model.in "$@"
compile requirements/fuzz.lock client/pyproject.toml server/pyproject.toml \
    requirements/build.in requirements/fuzz.in "$@"
compile requirements/kubernetes.lock client/pyproject.toml server/pyproject.toml \
    requirements/kubernetes.in "$@"
compile requirements/kubernetes-tools.lock --no-deps requirements/kubernetes-tools.in "$@"
compile requirements/image-sidecar.lock --extra encryption --extra otlp \
    client/pyproject.toml server/pyproject.toml "$@"
compile requirements/image-worker.lock client/pyproject.toml requirements/image-worker.in "$@"
compile requirements/image-tools.lock requirements/image-tools.in "$@"
compile requirements/containers.lock client/pyproject.toml requirements/containers.in "$@"
compile requirements/bench.lock client/pyproject.toml server/pyproject.toml \
    requirements/build.in requirements/bench.in --constraint requirements/dev.lock "$@"
compile requirements/cpex.lock requirements/cpex.in --constraint requirements/dev.lock "$@"
compile requirements/litellm.lock requirements/litellm.in "$@"
