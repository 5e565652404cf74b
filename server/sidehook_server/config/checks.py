"""What is wrong with a configuration whose values are all right by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sidehook._catalogue import CATALOGUE
from sidehook._types import Mode
from sidehook_server.config.kinds import socket_path_problem
from sidehook_server.config.model import (
    Address,
    Config,
    HookConfig,
    UndeclaredTypes,
    WorkerConfig,
)
from sidehook_server.config.naming import did_you_mean
from sidehook_server.config.problems import Place, Problem
from sidehook_server.modes import MODES


def check(config: Config, places: Mapping[str, Place], *, source: str) -> Iterator[Problem]:
    """Every contradiction, at the place of the key that it is about."""
    for key, text in _found(config):
        yield Problem(_place(key, places, Place(source)), key, text)


def _place(key: str, places: Mapping[str, Place], otherwise: Place) -> Place:
    """The place of a key, else of the nearest one above it."""
    while key and key not in places:
        key = key.rpartition(".")[0]
    return places.get(key, otherwise)


def _found(config: Config) -> Iterator[tuple[str, str]]:
    yield from _sockets(config)
    yield from _addresses(config)
    yield from _times(config)
    yield from _overload(config)
    for worker in config.workers.values():
        yield from _worker(worker, config)


def _sockets(config: Config) -> Iterator[tuple[str, str]]:
    listen = config.listen
    for key, path in (("socket", listen.socket), ("workers_socket", listen.workers_socket)):
        if problem := socket_path_problem(path):
            yield f"listen.{key}", problem
    if listen.socket == listen.workers_socket:
        yield (
            "listen.workers_socket",
            f"{listen.socket} is the socket of the applications too, and whoever may call could "
            "register; name another path",
        )


def _addresses(config: Config) -> Iterator[tuple[str, str]]:
    listen = config.listen
    given = {"tcp": listen.tcp, "tcp_workers": listen.tcp_workers, "admin": listen.admin}
    taken: dict[Address, str] = {}
    for key, address in given.items():
        if address is None:
            continue
        if not address.is_loopback and not listen.insecure_tcp:
            yield (
                f"listen.{key}",
                f"{address} is open to other machines, and there is no TLS; use 127.0.0.1, or say "
                "`insecure_tcp: true` when the network itself is trusted",
            )
        if address.port and address in taken:
            yield f"listen.{key}", f"{address} is {taken[address]} too; use another port"
        taken[address] = f"listen.{key}"


def _times(config: Config) -> Iterator[tuple[str, str]]:
    limits = config.limits
    if limits.margin >= limits.default_budget:
        yield (
            "limits.margin",
            f"{limits.margin:g}s is not under the default_budget of {limits.default_budget:g}s, so "
            "that no time is left for hooks; use a shorter one",
        )


def _overload(config: Config) -> Iterator[tuple[str, str]]:
    overload = config.overload
    if overload.shed_observers_at < overload.shed_detached_at:
        yield (
            "overload.shed_observers_at",
            f"{overload.shed_observers_at:g} is under the shed_detached_at of "
            f"{overload.shed_detached_at:g}, and FIRE_AND_FORGET hooks go first; use as much or "
            "more",
        )


def _worker(worker: WorkerConfig, config: Config) -> Iterator[tuple[str, str]]:
    path = f"workers[{worker.name}]"
    target = worker.target or ""
    if worker.uid is not None and target and not target.startswith("unix:"):
        yield (
            f"{path}.uid",
            "a user id cannot be verified over TCP; dial a Unix socket, or remove the key",
        )
    for hook_type in sorted(worker.types):
        yield from _declared(f"{path}.types", hook_type, config)
    for hook in worker.hooks:
        yield from _hook(f"{path}.hooks[{hook.name}]", hook, worker, config)


def _hook(
    path: str, hook: HookConfig, worker: WorkerConfig, config: Config
) -> Iterator[tuple[str, str]]:
    if hook.hook_type is not None:
        yield from _declared(f"{path}.type", hook.hook_type, config)
    yield from _observing(path, hook)
    if not hook.required:
        return
    if hook.shadow:
        yield (
            f"{path}.shadow",
            "a hook in shadow decides nothing, and cannot be required; remove one of the two",
        )
    if hook.scope:
        yield (
            f"{path}.scope",
            "a required hook runs for every call; remove `scope`, or `required`",
        )
    if worker.optional:
        yield (
            f"{path}.required",
            "the worker is optional, and its hook cannot be required; remove one of the two",
        )


def _observing(path: str, hook: HookConfig) -> Iterator[tuple[str, str]]:
    """What goes with some modes only."""
    if hook.mode is None:
        return
    if hook.sample is not None and not (hook.shadow or MODES[hook.mode].observes):
        yield (
            f"{path}.sample",
            f"a {hook.mode} hook sees every call; remove `sample`, or let it observe with "
            "`shadow: true`",
        )
    if hook.requires_final_payload and hook.mode is not Mode.SEQUENTIAL:
        yield (
            f"{path}.requires_final_payload",
            f"only sequential hooks may require the final payload, not {hook.mode}; remove it",
        )


def _declared(key: str, hook_type: str, config: Config) -> Iterable[tuple[str, str]]:
    known = [*CATALOGUE, *config.hook_types]
    if hook_type in known or config.undeclared_types is UndeclaredTypes.ALLOW:
        return ()
    hint = did_you_mean(hook_type, map(str, known))
    return ((key, f"hook type {hook_type!r} is not declared; add it to hook_types{hint}"),)
