#!/usr/bin/env bash
# Builds the images out of the folder that docker/wheels.sh filled, says how large they are, and puts their
# bills of materials and licences beside it: docker/images.sh FOLDER [BASE.tar]
#
# With BASE.tar, a base that docker/base.sh made takes the name of the Dockerfile's default, which is then
# built on as anywhere else; without, that default is the engine's to find, or BASE_IMAGE is.
#
#     BASE_IMAGE      the base, by name or digest
#     IMAGE_PREFIX    what stands before `sidecar` and `worker` (default: sidehook-)
#     IMAGE_TAG       the tag (default: dev)
set -euo pipefail

context=$1
base=${2:-}
prefix=${IMAGE_PREFIX:-sidehook-}
tag=${IMAGE_TAG:-dev}
# What each image may add to its base, in MB of a million bytes.
declare -A bound=([sidecar]=160 [worker]=60)

fail() {
    echo "$*" >&2
    exit 1
}

arguments=()
if [[ -n $base ]]; then
    default=$(sed -n 's/^ARG BASE_IMAGE=//p' "$context/Dockerfile")
    # Every image on it has the label too, and tells by that what its base really is.
    docker import --change 'CMD ["python3"]' --change 'LABEL sidehook.base=stand-in' \
        "$base" "$default" >/dev/null
fi
[[ -z ${BASE_IMAGE:-} ]] || arguments+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
version=$(basename "$context"/wheels/ours/sidehook_server-*.whl | cut -d - -f 2)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[[ -z $(git status --porcelain 2>/dev/null) ]] || revision+=-changed

size() { docker image inspect --format '{{.Size}}' "$1"; }
megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f", bytes / 1e6 }'; }

for target in sidecar worker; do
    image=$prefix$target:$tag
    DOCKER_BUILDKIT=1 docker build --quiet --target "$target" --tag "$image" \
        --build-arg "VERSION=$version" --build-arg "REVISION=$revision" "${arguments[@]}" \
        --file "$context/Dockerfile" "$context" >/dev/null
    holder=$(docker create "$image")
    docker cp "$holder:/opt/sidehook/share/sidehook/sbom.cdx.json" "$context/$target.sbom.cdx.json"
    docker cp "$holder:/opt/sidehook/share/sidehook/licences.txt" "$context/$target.licences.txt"
    docker rm "$holder" >/dev/null
    # The first layer or layers are the base's; what is added is in the rest.
    whole=$(size "$image")
    added=$(docker history --human=false --format '{{.Size}} {{.CreatedBy}}' "$image" |
        awk '/\/opt\/sidehook|\/run\/sidehook|\/var\/lib\/sidehook|\/hooks|\/etc\/(passwd|sidehook)/ { sum += $1 } END { print sum }')
    echo "$image: $(megabytes "$whole") MB, of which $(megabytes "$added") MB over its base" \
        "(at most ${bound[$target]}); $context/$target.sbom.cdx.json, $context/$target.licences.txt"
    ((added > 0 && added <= bound[$target] * 1000000)) ||
        fail "$image adds $(megabytes "$added") MB to its base, and ${bound[$target]} are its bound"
done
