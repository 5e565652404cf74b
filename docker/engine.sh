#!/usr/bin/env bash
# Runs a command beside a container engine that lives only as long as the command:
#
#     docker/engine.sh COMMAND...
#
# The engine and its containers are in network, mount and process namespaces of their own. Nothing of
# the machine changes (no bridge, no rule of a packet filter, no forwarding), no packet of a container
# leaves it, and when the command ends, or this script is killed, every process in there ends with it.
# Images and layers stay in $ENGINE_ROOT for the next time.
#
#     ENGINE=host      use the engine that `docker` on this machine talks to
#     ENGINE_ROOT      where the private engine keeps its layers (default: .engine in the repository)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ENGINE_ROOT=${ENGINE_ROOT:-$(dirname "$here")/.engine}
readonly PROGRAMS=(dockerd:docker.io iptables:iptables unshare:util-linux setpriv:util-linux ip:iproute2)

fail() {
    echo "no container engine can be had: $*" >&2
    exit 69
}

missing_packages() {
    local each
    for each in "${PROGRAMS[@]}"; do
        PATH=/usr/sbin:/sbin:$PATH command -v "${each%%:*}" >/dev/null || printf '%s ' "${each##*:}"
    done
}

install_missing() {
    local packages
    packages=$(missing_packages)
    [[ -z $packages ]] && return
    command -v apt-get >/dev/null ||
        fail "these Debian packages are missing and there is no apt-get: $packages. Install a container" \
            "engine yourself and run it with ENGINE=host"
    [[ ! -d /run/systemd/system ]] ||
        fail "these Debian packages are missing: $packages. Installing them here would start services;" \
            "install them yourself, or run your own engine and say ENGINE=host"
    echo "Installing $packages" >&2
    # Debian asks this file whether a package may start its service, which is wanted nowhere.
    local policy=/usr/sbin/policy-rc.d ours=
    [[ -e $policy ]] || { ours=$policy && printf '#!/bin/sh\nexit 101\n' >"$ours" && chmod 755 "$ours"; }
    local code=0
    # shellcheck disable=SC2086 # the packages are words
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends $packages; } >"$ENGINE_ROOT/apt.log" 2>&1 || code=$?
    [[ -z $ours ]] || rm -f "$ours"
    ((code == 0)) || {
        tail -n 5 "$ENGINE_ROOT/apt.log" >&2
        fail "apt-get could not install $packages (all it said: $ENGINE_ROOT/apt.log)"
    }
    packages=$(missing_packages)
    [[ -z $packages ]] || fail "apt-get installed $packages, and their programs are not there"
}

enter_namespaces() {
    unshare --net --mount --pid --fork true 2>/dev/null ||
        fail "this process may not make network, mount and process namespaces (it needs CAP_SYS_ADMIN)"
    # One engine at a time on one folder of layers. The lock is inherited by this script alone.
    exec 9>"$ENGINE_ROOT/lock"
    flock --wait 600 9 || fail "another engine has used $ENGINE_ROOT for ten minutes"
    ENGINE_INSIDE=$(mktemp -d /tmp/sh-engine.XXXXXX)
    export ENGINE_INSIDE
    trap 'rm -rf "$ENGINE_INSIDE"' EXIT
    local code=0
    # The namespaces end with this script, however it ends.
    setpriv --pdeathsig KILL \
        unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc \
        "$here/engine.sh" "$@" || code=$?
    remove_control_groups
    exit "$code"
}

# What the engine made for its containers in the machine's control groups. They are empty by now, and
# carry the name of this run.
remove_control_groups() {
    find /sys/fs/cgroup -mindepth 1 -depth -type d -path "*/$(basename "$ENGINE_INSIDE")*" \
        -exec rmdir {} + 2>/dev/null || true
}

start_engine() {
    ip link set lo up
    export DOCKER_HOST=unix://$ENGINE_INSIDE/docker.sock
    dockerd --host "$DOCKER_HOST" --data-root "$ENGINE_ROOT/data" --exec-root "$ENGINE_INSIDE/exec" \
        --pidfile "$ENGINE_INSIDE/pid" --cgroup-parent "/$(basename "$ENGINE_INSIDE")" \
        --log-level warn >"$ENGINE_ROOT/dockerd.log" 2>&1 9>&- &
    engine=$!
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        docker version >/dev/null 2>&1 && return
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.05
    done
    tail -n 5 "$ENGINE_ROOT/dockerd.log" >&2
    fail "dockerd does not start (all it said: $ENGINE_ROOT/dockerd.log)"
}

stop_engine() {
    local left
    left=$(docker ps --all --quiet)
    # shellcheck disable=SC2086 # the ids are words
    [[ -z $left ]] || docker rm --force --volumes $left >/dev/null
    docker volume prune --force >/dev/null
    docker network prune --force >/dev/null
    # Builds that a later one took the name of.
    docker image prune --force >/dev/null
    kill "$engine" && wait "$engine" || true
}

if [[ ${ENGINE:-} == host ]]; then
    docker version >/dev/null || fail "ENGINE=host, and no engine answers \`docker version\`"
    exec "$@"
fi
# Debian's client goes with Debian's engine; another may stand before it on the path.
export PATH=/usr/bin:/usr/sbin:/sbin:$PATH
if [[ -z ${ENGINE_INSIDE:-} ]]; then
    [[ $(uname -s) == Linux ]] || fail "this is no Linux; run a container engine and say ENGINE=host"
    ((EUID == 0)) || fail "this user is not root; run as root, or with your own engine and ENGINE=host"
    mkdir -p "$ENGINE_ROOT"
    install_missing
    enter_namespaces "$@"
fi
start_engine
code=0
"$@" 9>&- || code=$?
stop_engine
exit "$code"
