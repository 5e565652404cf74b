"""Whom the sidecar dials follows the configuration, and nobody's run is cut short by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidehook._call import CallFailure, Proceed
from sidehook._types import FailureClass
from sidehook_server.config.model import Config, LimitsConfig, WorkerConfig
from sidehook_server.ops.background import Background
from sidehook_server.ops.reload.outward import Outward
from sidehook_server.registry import transitions
from sidehook_server.registry.identity import Peer
from tests.transport.raw_worker import AttachedWorker, ListeningWorker, a_manifest
from tests.transport.sidecar import Sidecar, attach_server, until
from tests.transport.test_dial import Held


class Following:
    """A sidecar that dials whom it is told to."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.sidecar = Sidecar()
        self.sidecar.holder.subscribe(self.sidecar.local.registrar.hear)
        self.background = Background(self.broken.append)
        self.outward = Outward(self.sidecar.local, self.background)

    def configure(
        self,
        *workers: WorkerConfig,
        folder: Path | None = None,
        limits: LimitsConfig | None = None,
    ) -> None:
        config: Config = replace(
            self.sidecar.holder.current.config,
            workers={worker.name: worker for worker in workers},
            worker_sockets=None if folder is None else str(folder),
            limits=limits or LimitsConfig(),
        )
        change = transitions.configured(self.sidecar.holder.current, config)
        self.sidecar.holder.apply(change)
        self.outward.follow(config)


@pytest.fixture
async def following() -> AsyncIterator[Following]:
    it = Following()
    yield it
    await it.background.stop()
    assert it.broken == []


def dialled(path: Path, *, name: str = "w") -> WorkerConfig:
    return WorkerConfig(name=name, target=f"unix://{path}", optional=True)


async def test_a_worker_that_gets_a_target_is_dialled_and_one_that_loses_it_is_left(
    following: Following, socket_folder: Path
) -> None:
    path = socket_folder / "w.sock"
    async with ListeningWorker().listening(f"unix:{path}"):
        following.configure(dialled(path))
        await following.sidecar.connected()
        assert isinstance((await following.sidecar.invoke()).outcome, Proceed)
        following.configure(dialled(path))
        await following.sidecar.connected()
        following.configure()
        await following.sidecar.connected(0)
    failure = (await following.sidecar.invoke()).outcome
    assert isinstance(failure, CallFailure)
    assert failure.failure_class is FailureClass.UNREACHABLE


async def test_runs_under_way_finish_before_a_worker_is_left(
    following: Following, socket_folder: Path
) -> None:
    path, held = socket_folder / "w.sock", Held()
    worker = ListeningWorker()
    worker.on_run = held
    async with worker.listening(f"unix:{path}"):
        following.configure(dialled(path))
        await following.sidecar.connected()
        _, answer = following.sidecar.start()
        await held.entered.wait()
        following.configure()
        await until(lambda: all(following.sidecar.draining()))
        assert not answer.done()
        held.go_on.set()
        assert isinstance((await answer).outcome, Proceed)
        await following.sidecar.connected(0)


async def test_runs_under_way_finish_before_a_folder_of_sockets_is_left(
    following: Following, socket_folder: Path
) -> None:
    held = Held()
    worker = ListeningWorker()
    worker.on_run = held
    async with worker.listening(f"unix:{socket_folder / 'w.sock'}"):
        following.configure(folder=socket_folder)
        await following.sidecar.connected()
        _, answer = following.sidecar.start()
        await held.entered.wait()
        following.configure()
        await until(lambda: all(following.sidecar.draining()))
        assert not answer.done()
        held.go_on.set()
        assert isinstance((await answer).outcome, Proceed)
        await following.sidecar.connected(0)


async def test_a_run_that_takes_longer_than_the_drain_timeout_is_cut(
    following: Following, socket_folder: Path
) -> None:
    path, held = socket_folder / "w.sock", Held()
    worker = ListeningWorker()
    worker.on_run = held
    async with worker.listening(f"unix:{path}"):
        following.configure(dialled(path))
        await following.sidecar.connected()
        _, answer = following.sidecar.start()
        await held.entered.wait()
        following.configure(limits=LimitsConfig(drain_timeout=0.01))
        assert isinstance((await answer).outcome, CallFailure)
        held.go_on.set()


async def test_a_worker_that_moved_serves_on_until_it_is_there(
    following: Following, socket_folder: Path
) -> None:
    old, new = socket_folder / "old.sock", socket_folder / "new.sock"
    async with ListeningWorker().listening(f"unix:{old}"):
        following.configure(dialled(old))
        await following.sidecar.connected()
        following.configure(dialled(new))
        assert isinstance((await following.sidecar.invoke()).outcome, Proceed)
        (first,) = following.sidecar.links
        async with ListeningWorker().listening(f"unix:{new}"):
            await until(
                lambda: first.link_id not in {link.link_id for link in following.sidecar.links}
            )
            await following.sidecar.connected()
            assert isinstance((await following.sidecar.invoke()).outcome, Proceed)
            following.configure()
            await following.sidecar.connected(0)


async def test_a_folder_of_sockets_is_followed_too(
    following: Following, socket_folder: Path
) -> None:
    async with ListeningWorker().listening(f"unix:{socket_folder / 'w.sock'}"):
        following.configure(folder=socket_folder)
        await following.sidecar.connected()
        following.configure()
        await following.sidecar.connected(0)


async def test_a_worker_whose_name_is_bound_to_another_user_is_disconnected_and_told(
    following: Following, socket_folder: Path
) -> None:
    sidecar = following.sidecar
    async with (
        attach_server(sidecar, socket_folder / "s.sock", peer=Peer(uid=99)) as target,
        AttachedWorker(target) as worker,
    ):
        await worker.attach(a_manifest())
        await sidecar.connected()
        following.configure(WorkerConfig(name="w", uid=1234))
        assert "bound to user id 1234" in await worker.refusal()
        await sidecar.connected(0)


async def test_a_dialled_worker_is_disconnected_as_well(
    following: Following, socket_folder: Path
) -> None:
    path = socket_folder / "w.sock"
    async with ListeningWorker().listening(f"unix:{path}"):
        following.configure(dialled(path))
        await following.sidecar.connected()
        following.configure(replace(dialled(path), uid=2**31))
        await following.sidecar.connected(0)
