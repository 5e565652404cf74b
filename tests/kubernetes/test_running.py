"""The rendered commands, run: the sidecar starts, its probes ask the right thing, it reloads."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

import sidehook
from sidehook import Tls
from tests.certificates import Authority
from tests.e2e.processes import Process, _get
from tests.e2e.waiting import until
from tests.kubernetes.checks.endings import CLOSING_SECONDS
from tests.kubernetes.golden import golden
from tests.kubernetes.here import Here
from tests.kubernetes.objects import pods


class Pods(Protocol):
    """Prepares the pod of an example: its Deployment's, or a Pod's own."""

    def __call__(self, example: str, *, kind: str = "Deployment") -> Here: ...


GUARDS = """
from sidehook import block, hook


@hook("generation_pre_call")
def no_secrets(payload, ctx):
    if "secret" in (payload.model or ""):
        return block("no secrets")


@hook("tool_pre_invoke")
def look(payload, ctx): ...
"""


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Processes that are ended with the test, however it ends."""
    running: list[Process] = []
    yield running
    for process in running:
        if process.is_running:
            process.kill()


@pytest.fixture
def pod_of() -> Iterator[Pods]:
    """Folders have short names, for the sockets in them."""
    with ExitStack() as stack:

        def prepared(example: str, *, kind: str = "Deployment") -> Here:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="k", dir="/tmp")))
            objects = golden(example)
            pod = next(it for it in pods(objects) if it.where.startswith(kind))
            here = Here(pod, objects, folder)
            here.prepare()
            return here

        yield prepared


async def _answer(here: Here, kind: str, started: list[Process]) -> bool:
    """Whether a probe of the sidecar succeeds."""
    sidecar = here.container("sidehook")
    how, what = here.probe(sidecar, kind)
    if how == "url":
        status, _ = await asyncio.to_thread(_get, what)
        return status == 200
    process = here.run(kind, what, {})
    started.append(process)
    return await process.ended() == 0


async def _sidecar(here: Here, started: list[Process]) -> Process:
    process = here.start(here.container("sidehook"))
    started.append(process)
    await process.line("^READY sidecar")
    return process


async def _worker(here: Here, started: list[Process]) -> Process:
    """A worker of the name that the example's configuration knows, where the pod's would attach."""
    (here.folder / "guards.py").write_text(GUARDS)
    environment = here.environment(here.container("guards"))
    words = ["sidehook", "worker", str(here.folder / "guards.py"), "--name", "guards"]
    process = here.run("guards", words, environment)
    started.append(process)
    await process.line("^READY")
    return process


@pytest.mark.parametrize(
    "example", ["sidehook-app-1.25", "sidehook-app-socket-only", "sidehook-app-journal"]
)
async def test_a_rendered_sidecar_starts_answers_its_probes_and_ends_in_time(
    example: str, pod_of: Pods, started: list[Process]
) -> None:
    here = pod_of(example)
    for volume in here.pod.spec["volumes"]:
        if "secret" in volume:
            key = here.volume(volume["name"]) / "journal.key"
            key.write_text("ab" * 32)
            key.chmod(volume["secret"]["defaultMode"])
    process = await _sidecar(here, started)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert await _answer(here, probe, started), probe
    begin = time.monotonic()
    assert await process.stop() == 0
    assert time.monotonic() - begin < here.pod.spec["terminationGracePeriodSeconds"]
    assert "socket_taken_over" not in process.log


async def test_the_application_is_held_back_until_the_required_hook_is_there(
    pod_of: Pods, started: list[Process]
) -> None:
    here = pod_of("sidehook-app")
    await _sidecar(here, started)
    assert await _answer(here, "livenessProbe", started)
    assert not await _answer(here, "startupProbe", started)
    assert not await _answer(here, "readinessProbe", started)
    worker = await _worker(here, started)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert await _answer(here, probe, started), probe
    worker.kill()
    # Readiness latches: a guard that is gone fails calls, not pods.
    assert await _answer(here, "readinessProbe", started)
    assert await _answer(here, "livenessProbe", started)


async def test_the_application_calls_with_the_labels_of_its_pod(
    pod_of: Pods, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = pod_of("sidehook-app")
    await _sidecar(here, started)
    await _worker(here, started)
    environment = here.environment(here.container("app"))
    for name in ("SIDEHOOK_TARGET", "SIDEHOOK_LABELS"):
        monkeypatch.setenv(name, environment[name])
    async with sidehook.aio.Client(required=True) as hooks:
        labels = hooks.session().labels
        assert labels == dict.fromkeys(("pod", "namespace", "node", "app"), here.pod.where)
        await hooks.invoke("generation_pre_call", model="gemma")
        with pytest.raises(sidehook.ViolationError):
            await hooks.invoke("generation_pre_call", model="secret")


async def test_a_new_version_of_the_config_map_is_followed(
    pod_of: Pods, started: list[Process]
) -> None:
    here = pod_of("sidehook-app-1.25")
    process = await _sidecar(here, started)
    _, url = here.probe(here.container("sidehook"), "livenessProbe")
    metrics = url.replace("/healthz/live", "/metrics")

    async def page() -> str:
        return (await asyncio.to_thread(_get, metrics))[1]

    async def is_refused() -> bool:
        return "sidehook_config_reload_failed 1.0" in await page()

    async def is_in_force() -> bool:
        text = await page()
        return "sidehook_config_reload_failed 0.0" in text and (
            'sidehook_config_reloads_total{outcome="applied"} 1.0' in text
        )

    text = here.config_map("demo-sidehook")["sidehook.yaml"]
    here.write("sidehook-config", {"sidehook.yaml": text + "misspelt: 1\n"})
    await until(is_refused)
    here.write("sidehook-config", {"sidehook.yaml": text + "strict_scopes: true\n"})
    await until(is_in_force)
    assert process.is_running


async def test_without_native_sidecars_post_start_waits_for_the_socket(
    pod_of: Pods, started: list[Process]
) -> None:
    here = pod_of("sidehook-app-1.25")
    words = here.container("sidehook")["lifecycle"]["postStart"]["exec"]["command"]
    alone = here.run("postStart", [*words[:-1], "0.3"], {})
    started.append(alone)
    assert await alone.ended() == 1
    assert "nobody listens at" in alone.log
    waiting = here.run("postStart", words, {})
    started.append(waiting)
    await _sidecar(here, started)
    assert await waiting.ended() == 0


@pytest.mark.parametrize("example", ["sidehook-app-1.25", "kustomize-plain"])
async def test_pre_stop_waits_as_long_as_it_says(
    example: str, pod_of: Pods, started: list[Process]
) -> None:
    here = pod_of(example)
    words = here.container("sidehook")["lifecycle"]["preStop"]["exec"]["command"]
    assert float(words[-1]) > 0
    begin = time.monotonic()
    process = here.run("preStop", [*words[:-1], "0.5"], {})
    started.append(process)
    assert await process.ended() == 0
    assert time.monotonic() - begin >= 0.5


async def test_helm_test_of_an_application_finds_the_sidecar(
    pod_of: Pods, started: list[Process]
) -> None:
    here = pod_of("sidehook-app-socket-only", kind="Pod")
    script = here.container("test")
    script = {**script, "args": ["0"]}
    alone = here.start(script)
    started.append(alone)
    assert await alone.ended() == 1
    await _sidecar(here, started)
    process = here.start(script)
    started.append(process)
    assert await process.ended() == 0, process.log
    assert "takes calls" in process.log


async def test_a_rendered_worker_serves_and_helm_test_reaches_it(
    pod_of: Pods, started: list[Process]
) -> None:
    here = pod_of("sidehook-workers-files")
    container = here.container("worker")
    worker = here.start({**container, "args": [*container["args"], "--instance", "demo-0"]})
    started.append(worker)
    await worker.line("^READY trial listening")
    test = pod_of("sidehook-workers-files", kind="Pod")
    test.ports.update(here.ports)
    process = test.start(test.container("test"))
    started.append(process)
    assert await process.ended() == 0, process.log
    assert "no_poems" in process.log
    assert await worker.stop() == 0


async def test_helm_test_says_when_workers_are_not_there(
    pod_of: Pods, started: list[Process]
) -> None:
    here = pod_of("sidehook-workers-files", kind="Pod")
    container = here.container("test")
    process = here.start({**container, "args": [*container["args"][:-1], "0"]})
    started.append(process)
    assert await process.ended() == 1
    assert "the workers were not reached" in process.log


async def test_a_rendered_shared_sidecar_takes_callers_with_a_certificate_and_no_others(
    pod_of: Pods, started: list[Process]
) -> None:
    here = pod_of("sidehook-shared-attach")
    folder = here.volume("sidehook-tls")
    authority, stranger = Authority(folder, "ca"), Authority(folder, "stranger")
    pair = authority.issue("sidecar", dns=("localhost",), addresses=("127.0.0.1",))
    for file, name in (
        (pair.certificate, "tls.crt"),
        (pair.key, "tls.key"),
        (authority.ca, "ca.crt"),
    ):
        shutil.copy(file, folder / name)
    process = await _sidecar(here, started)
    target = f"127.0.0.1:{here.port(7000)}"
    ca = folder / "ca.crt"

    async def connects(tls: Tls) -> bool:
        try:
            async with sidehook.aio.Client(target, required=True, tls=tls):
                return True
        except sidehook.SidecarError:
            return False

    assert await connects(Tls(ca=ca, certificate=folder / "tls.crt", key=folder / "tls.key"))
    assert not await connects(Tls(ca=ca))
    wrong = stranger.issue("wrong", dns=("localhost",))
    assert not await connects(Tls(ca=ca, certificate=wrong.certificate, key=wrong.key))
    begin = time.monotonic()
    assert await process.stop() == 0
    assert time.monotonic() - begin < CLOSING_SECONDS
