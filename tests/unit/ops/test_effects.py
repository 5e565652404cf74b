import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sidehook._hook_list import HookList, WatchRequest
from sidehook._manifest import HookSpec
from sidehook._run import HookFailure, Notice, RunRequest
from sidehook._types import FailureClass
from sidehook_server.dispatch.link import RunSink
from sidehook_server.dispatch.links import LinkTable
from sidehook_server.ops.effects import HOOKS_ACTIVE, EffectRunner
from sidehook_server.ops.manifest_store import ManifestStore, StateError
from sidehook_server.registry.effects import (
    AnnounceActive,
    Effect,
    Forget,
    KeptHook,
    KeptWorker,
    Level,
    ListChanged,
    Log,
    Persist,
    RefusalReason,
    Refuse,
    TellWorker,
)
from sidehook_server.rpc.live_list import LiveList

KEPT = KeptWorker("w", (KeptHook(HookSpec(name="h", hook_type="tool_pre_invoke")),))
NOTICE = Notice(code="DOWNGRADE_REFUSED", message="no")


class FakeLink:
    """A link that remembers what it was told."""

    link_id = "link-1"
    worker = "w"
    instance = "i"
    in_flight = 0
    max_in_flight = 1
    healthy = True
    draining = False
    tells_begin = False
    fuses = False

    def __init__(self) -> None:
        self.notices: asyncio.Queue[Notice] = asyncio.Queue()

    def send(self, run: RunRequest, sink: RunSink) -> HookFailure:
        return HookFailure(failure_class=FailureClass.UNREACHABLE)

    def on_release(self, callback: Callable[[], None]) -> None:
        return

    def notify(self, notice: Notice) -> None:
        self.notices.put_nowait(notice)


class FullDisk:
    """A store that keeps nothing."""

    def save(self, kept: KeptWorker) -> None:
        raise StateError(Path(kept.worker), "no room")

    def forget(self, worker: str) -> None:
        raise StateError(Path(worker), "no room")


class Told:
    """Counts what the runner reports."""

    def __init__(self) -> None:
        self.published = 0
        self.changed = 0
        self.lost = 0
        self.refusals: list[RefusalReason] = []

    def lose(self) -> None:
        self.lost += 1

    def publish(self) -> None:
        self.published += 1

    def change(self) -> None:
        self.changed += 1


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def live_list() -> LiveList:
    return LiveList(HookList(version=1), lease=60.0, now=time.monotonic)


@pytest.fixture
def told() -> Told:
    return Told()


def runner(
    link: FakeLink, live_list: LiveList, told: Told, store: ManifestStore | FullDisk | None = None
) -> EffectRunner:
    links = LinkTable()
    links.add(link)
    return EffectRunner(
        store=store,
        links=links,
        live_list=live_list,
        publish=told.publish,
        changed=told.change,
        not_kept=told.lose,
        refused=told.refusals.append,
    )


async def test_a_changed_list_is_published(link: FakeLink, live_list: LiveList, told: Told) -> None:
    runner(link, live_list, told)(ListChanged(2))
    assert (told.published, told.changed) == (1, 1)


async def test_what_is_kept_outlives_the_process_until_it_is_forgotten(
    link: FakeLink, live_list: LiveList, told: Told, tmp_path: Path
) -> None:
    with ManifestStore(tmp_path) as store:
        run = runner(link, live_list, told, store)
        run(Persist(KEPT))
        assert store.load() == (KEPT,)
        run(Forget("w"))
        assert store.load() == ()


@pytest.mark.parametrize("effect", [Persist(KEPT), Forget("w")])
async def test_a_store_that_fails_is_logged_and_stops_nothing(
    link: FakeLink,
    live_list: LiveList,
    told: Told,
    effect: Effect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        runner(link, live_list, told, FullDisk())(effect)
    assert caplog.messages[0] in ("hooks_not_kept", "hooks_not_forgotten")
    assert (told.changed, told.lost) == (1, 1)


async def test_without_a_store_nothing_is_kept(
    link: FakeLink, live_list: LiveList, told: Told
) -> None:
    run = runner(link, live_list, told)
    run(Persist(KEPT))
    run(Forget("w"))
    assert told.changed == 2


async def test_a_worker_is_told_through_its_link_while_it_is_there(
    link: FakeLink, live_list: LiveList, told: Told
) -> None:
    run = runner(link, live_list, told)
    run(TellWorker("link-1", NOTICE))
    run(TellWorker("link-of-one-that-is-gone", NOTICE))
    assert link.notices.get_nowait() == NOTICE
    assert link.notices.empty()


async def test_hooks_are_announced_as_active_when_every_client_knows_them(
    link: FakeLink, live_list: LiveList, told: Told
) -> None:
    holder = live_list.join()
    holder.probe(WatchRequest(probe=1))
    await holder.next()
    live_list.publish(HookList(version=2))
    run = runner(link, live_list, told)
    run(AnnounceActive("link-1", 2))
    await holder.next()
    assert link.notices.empty()
    holder.probe(WatchRequest(probe=2, applied_version=2))
    async with asyncio.timeout(10):
        assert (await link.notices.get()).code == HOOKS_ACTIVE
    await run.close()


async def test_announcements_that_still_wait_are_given_up_at_the_end(
    link: FakeLink, live_list: LiveList, told: Told
) -> None:
    live_list.inherit()
    run = runner(link, live_list, told)
    run(AnnounceActive("link-1", 1))
    await asyncio.sleep(0)
    await run.close()
    assert link.notices.empty()


async def test_a_log_line_has_its_level_and_a_refusal_changes_nothing(
    link: FakeLink, live_list: LiveList, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    run = runner(link, live_list, told)
    with caplog.at_level(logging.INFO):
        run(Log(Level.WARNING, "hooks_left_plan", {"worker": "w"}))
        run(Refuse(RefusalReason.INVALID_MANIFEST, ("a problem",)))
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "hooks_left_plan")
    ]
    assert told.changed == 1
    assert told.refusals == [RefusalReason.INVALID_MANIFEST]
