"""What is wrong with a configuration whose values are all right by themselves."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from sidehook._types import Mode
from sidehook_server.config.caller_checks import caller_problems
from sidehook_server.config.certificates import certificate_problems
from sidehook_server.config.kinds import socket_path_problem
from sidehook_server.config.model import (
    Address,
    Config,
    DecisionSink,
    DetachedConfig,
    HookConfig,
    JournalPayloads,
    Listen,
    WorkerConfig,
)
from sidehook_server.config.problems import Place, Problem
from sidehook_server.config.type_names import undeclared
from sidehook_server.modes import MODES


def check(
    config: Config, places: Mapping[str, Place], *, source: str, reads_certificates: bool
) -> Iterator[Problem]:
    """Every contradiction, at the place of the key that it is about.

    `reads_certificates`: also what is wrong with the files that it names for TLS.
    """
    for key, text in _found(config, places):
        yield Problem(place_of(key, places, Place(source)), key, text)
    for key, text in certificate_problems(config) if reads_certificates else ():
        yield Problem(place_of(key, places, Place(source)), key, text)


def place_of(key: str, places: Mapping[str, Place], otherwise: Place) -> Place:
    """The place of a key, else of the nearest one above it."""
    while key and key not in places:
        key = key.rpartition(".")[0]
    return places.get(key, otherwise)


def _found(config: Config, given: Container[str]) -> Iterator[tuple[str, str]]:
    yield from _sockets(config)
    yield from _addresses(config)
    yield from _times(config)
    yield from _journal(config.detached)
    yield from _decision_log(config)
    yield from _overload(config)
    for worker in config.workers.values():
        yield from _worker(worker, config)
    yield from caller_problems(config, given)


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
    if not listen.insecure_tcp:
        for key, reachable in listen.open_in_plain_text.items():
            ways = "use 127.0.0.1" if key == "admin" else "set listen.tls, use 127.0.0.1"
            yield (
                f"listen.{key}",
                f"{reachable} is open to other machines, and there is no TLS; {ways}, or say "
                "`insecure_tcp: true` when the network itself is trusted",
            )
    taken: dict[Address, str] = {}
    for key, address in given.items():
        if address is None:
            continue
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


def _journal(detached: DetachedConfig) -> Iterator[tuple[str, str]]:
    payloads = detached.journal_payloads
    needs = {
        JournalPayloads.ENCRYPTED: ("journal_key_file", detached.journal_key_file),
        JournalPayloads.MASKED: ("journal_mask", detached.journal_mask),
    }
    if payloads is not JournalPayloads.PLAIN and detached.journal is None:
        yield "detached.journal_payloads", "there is no journal; name its file as `journal`"
    for kind, (key, value) in needs.items():
        if payloads is kind and not value:
            yield "detached.journal_payloads", f"{kind} payloads need `{key}`; add it"
        if payloads is not kind and value:
            yield (
                f"detached.{key}",
                f"it does nothing for {payloads} payloads; say `journal_payloads: {kind}`, or "
                "remove the key",
            )


def _decision_log(config: Config) -> Iterator[tuple[str, str]]:
    log = config.decision_log
    if log.to is DecisionSink.FILE and log.path is None:
        yield "decision_log.to", "`file` needs a path; add `path`, or write `to: stdout`"
    for show in log.show:
        path = f"decision_log.show[{show.hook_type}]"
        yield from undeclared(f"{path}.type", show.hook_type, config)
        if both := ", ".join(sorted(show.fields & show.hash)):
            yield f"{path}.hash", f"{both} stands in `fields` too; keep one of the two"


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
    for key, text in (*_identity(worker, config.listen), *_dialling(worker)):
        yield f"{path}.{key}", text
    for hook_type in sorted(worker.types):
        yield from undeclared(f"{path}.types", hook_type, config)
    for hook in worker.hooks:
        yield from _hook(f"{path}.hooks[{hook.name}]", hook, worker, config)


def _identity(worker: WorkerConfig, listen: Listen) -> Iterator[tuple[str, str]]:
    """What can never be verified of whoever is to have the name."""
    target = worker.target or ""
    if worker.uid is not None and target and not target.startswith("unix:"):
        yield "uid", "a user id cannot be verified over TCP; dial a Unix socket, or remove the key"
    if worker.token_sha256 is not None and target:
        yield (
            "token_sha256",
            "a token is for a worker that attaches; this one is dialled, and its target is its "
            "identity (with `tls`, its certificate too); remove one of the two",
        )
    if worker.certificate is None:
        return
    if target:
        yield (
            "certificate",
            "this is for a worker that attaches; the certificate of one that is dialled must be "
            "for the host of its target, or for `tls.server_name`; remove the key",
        )
    elif listen.tls is None or listen.tls.client_ca is None or listen.tcp_workers is None:
        yield (
            "certificate",
            "nobody can attach with a certificate; set listen.tcp_workers, and listen.tls with "
            "its client_ca",
        )
    elif worker.uid is not None:
        yield (
            "certificate",
            "a user id is verified on the Unix socket and a certificate on TCP, so that nobody "
            "can have both; remove one of the two",
        )


def _dialling(worker: WorkerConfig) -> Iterator[tuple[str, str]]:
    if worker.tls is None:
        return
    if worker.target is None:
        yield "tls", "this is for a worker that is dialled; name its target, or remove the key"
    elif worker.target.startswith("unix:"):
        yield "tls", "a Unix socket has no TLS; remove the key"


def _hook(
    path: str, hook: HookConfig, worker: WorkerConfig, config: Config
) -> Iterator[tuple[str, str]]:
    if hook.hook_type is not None:
        yield from undeclared(f"{path}.type", hook.hook_type, config)
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
