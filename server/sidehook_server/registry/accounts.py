"""What the log, and a worker's own log, are told of a change. Names and terms, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sidehook._run import Notice
from sidehook_server.registry.effects import Level, Log, Refuse, TellWorker
from sidehook_server.registry.terms import losses
from sidehook_server.registry.worker import HookKey, Link, Worker


def link_log(level: Level, event: str, link: Link, **more: str) -> Log:
    """An event of one link."""
    manifest = link.manifest
    fields = {"worker": manifest.worker, "instance": manifest.instance, "link": link.link_id}
    return Log(level, event, {**fields, **more})


def refused(link_id: str, worker: str, refusal: Refuse) -> Log:
    """A registration or retirement that came to nothing."""
    return Log(
        Level.WARNING,
        "registration_refused",
        {
            "worker": worker,
            "link": link_id,
            "reason": refusal.reason,
            "problems": "; ".join(refusal.problems),
        },
    )


def names(keys: Iterable[HookKey]) -> str:
    """Hooks of one worker, for a line of the log."""
    return ", ".join(f"{key.name} ({key.hook_type})" for key in sorted(keys))


def settling(old: Worker, new: Worker) -> Iterator[Log]:
    """How the hooks in force under one name differ from before."""
    for key, hook in new.hooks.items():
        was = old.hooks.get(key)
        if was is None or was.terms == hook.terms:
            continue
        lost = losses(was.terms, hook.terms)
        yield Log(
            Level.WARNING if lost else Level.INFO,
            "hook_weakened" if lost else "hook_terms_changed",
            {
                "worker": new.name,
                "hook": key.name,
                "hook_type": key.hook_type,
                **({"losses": "; ".join(lost)} if lost else {}),
            },
        )
    yield from _reach(old, new)
    if gone := [key for key in old.hooks if key not in new.hooks]:
        yield Log(Level.WARNING, "hooks_left_plan", {"worker": new.name, "hooks": names(gone)})


def _reach(old: Worker, new: Worker) -> Iterator[Log]:
    unreachable = [
        key for key, links in new.routes.items() if not links and old.routes.get(key, ("new",))
    ]
    if unreachable:
        yield Log(
            Level.WARNING, "hooks_unreachable", {"worker": new.name, "hooks": names(unreachable)}
        )
    back = [key for key, links in new.routes.items() if links and old.routes.get(key) == ()]
    if back:
        yield Log(Level.INFO, "hooks_reachable", {"worker": new.name, "hooks": names(back)})


def unserved(link: Link, worker: Worker) -> Iterator[Log | TellWorker]:
    """The hooks that a link declares on terms which are not in force, and why they are not."""
    for key, offer in link.hooks.items():
        in_force = worker.hooks.get(key)
        if in_force is None or in_force.terms == offer.terms:
            continue
        lost = losses(in_force.terms, offer.terms)
        if not lost:
            yield link_log(Level.INFO, "hook_terms_wait", link, hook=key.name)
            continue
        account = "; ".join(lost)
        yield link_log(Level.WARNING, "downgrade_refused", link, hook=key.name, losses=account)
        yield TellWorker(
            link.link_id,
            Notice(
                code="DOWNGRADE_REFUSED",
                hook=key.name,
                message=(
                    f"this manifest weakens {worker.name}/{key.name} ({account}); the old terms "
                    "stay in force and this instance gets no runs of the hook; declare the old "
                    "terms, or have the operator set on_downgrade: accept or retire the hook"
                ),
            ),
        )
