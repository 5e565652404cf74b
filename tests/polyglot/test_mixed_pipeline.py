"""One pipeline of a sidecar, workers in Python with the library, and two without it, in Go and
TypeScript: the contract, outside of the library that was written along with it.

Go is dialled over a Unix socket, TypeScript over TCP, Python attaches.
"""

import json
from collections.abc import AsyncIterator, Container
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

import sidehook
from sidehook import FailureClass
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Sidecar, Worker
from tests.e2e.receipts import outcomes
from tests.e2e.waiting import until
from tests.polyglot.conftest import require
from tests.polyglot.workers import GO, LANGUAGES, TYPESCRIPT, Language, RunningWorker, running

# The first test builds the workers, which takes minutes where they never were built before.
pytestmark = [pytest.mark.polyglot, pytest.mark.timeout(600)]

TYPE = "component_pre_execute"
NEVER_MS = 600_000

PYTHON = """
    import json
    from sidehook import PluginMode, block, hook, modify

    TYPE = "component_pre_execute"

    def seen(name, payload):
        print(name, json.dumps(dict(payload), sort_keys=True), flush=True)

    @hook(TYPE, priority=10)
    async def gate(payload, ctx):
        seen("gate", payload)

    @hook(TYPE, mode=PluginMode.TRANSFORM, priority=20)
    def first(payload, ctx):
        seen("first", payload)
        return modify(payload, model_options={**payload.model_options, "first_seen": True})

    # Between Go's hook (30) and TypeScript's (40).
    @hook(TYPE, mode=PluginMode.TRANSFORM, priority=35)
    def between(payload, ctx):
        seen("between", payload)
        return modify(payload, model_options={**payload.model_options, "between_seen": True})

    @hook(TYPE, mode=PluginMode.TRANSFORM, priority=45)
    def last(payload, ctx):
        seen("last", payload)

    @hook(TYPE, mode=PluginMode.AUDIT)
    def audit(payload, ctx):
        seen("audit", payload)
        return block("only an observer", code="AUDIT_001")

    @hook(TYPE, mode=PluginMode.CONCURRENT)
    async def beside(payload, ctx):
        seen("beside", payload)

    @hook(TYPE, mode=PluginMode.FIRE_AND_FORGET)
    def after(payload, ctx):
        seen("after", payload)
"""

OPTIONS: dict[str, object] = {
    "int64": 2**60 + 1,
    "largest": 2**64 - 1,
    "smallest": -(2**63),
    "float": 1.0,
    "integer": 1,
    "small": 256,
    "tenth": 0.1,
    "text": 'gr\u00fc\u00df \u65e5\u672c \U0001f600 <b> & \u2028 "\\"',
    "nested": {"a": [1, 1.0, [2**60 + 1, {"b": None, "c": True, "": [], "d": {}}]]},
    "__proto__": {"x": 1.0},
    "\u00e9": "e\u0301",
}
"""What every language must hand on as it came."""

ALL_FIVE_MODES = {
    "python/gate": "proceeded",
    "python/first": "modified",
    "go-worker/go-tag": "modified",
    "python/between": "modified",
    "ts-worker/ts-tag": "modified",
    "python/last": "proceeded",
    "python/audit": "block_suppressed",
    "go-worker/go-guard": "proceeded",
    "python/beside": "proceeded",
    "ts-worker/ts-guard": "proceeded",
    "python/after": "detached",
}
"""The receipt of a call that proceeds. Hooks of one phase and priority stand by worker."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The processes of one pipeline. Each client of the sidecar adds up every receipt."""

    sidecar: Sidecar
    python: Worker
    others: dict[Language, RunningWorker]


@pytest.fixture
def delay_ms(request: pytest.FixtureRequest) -> dict[Language, int]:
    """How long each language's hooks wait; a test sets it with `indirect`."""
    return getattr(request, "param", {})


@pytest.fixture
async def pipeline(
    delay_ms: dict[Language, int],
    socket_folder: Path,
    start_sidecar: StartSidecar,
    start_worker: StartWorker,
) -> AsyncIterator[Pipeline]:
    addresses = {GO: f"unix://{socket_folder}/go.sock", TYPESCRIPT: "127.0.0.1:0"}
    executables = {language: require(language) for language in LANGUAGES}
    async with AsyncExitStack() as stack:
        others = {
            language: await stack.enter_async_context(
                running(executables[language], address, delay_ms=delay_ms.get(language, 0))
            )
            for language, address in addresses.items()
        }
        sidecar = await start_sidecar(configuration(others, delay_ms))
        python = await start_worker(sidecar, PYTHON, name="python")
        for language in others:
            await sidecar.until_metric("sidehook_workers_connected", 1, worker=language.worker)
        yield Pipeline(sidecar, python, others)


def configuration(others: dict[Language, RunningWorker], slow: Container[Language]) -> str:
    """Names the workers to dial. Their tags may be missed, their guards may not."""
    timeouts = {language: "500ms" if language in slow else "10s" for language in others}
    return "workers:\n" + "".join(
        f"""
  - name: {language.worker}
    target: '{worker.address}'
    hooks:
      - {{name: {language.hook("tag")}, timeout: {timeouts[language]}, on_error: ignore}}
      - {{name: {language.hook("guard")}, timeout: {timeouts[language]}, on_error: fail}}
"""
        for language, worker in others.items()
    )


def exact(value: object) -> str:
    """A value as text in which 1.0 is not 1, with the members of objects in one order."""
    return json.dumps(value, sort_keys=True)


async def seen_by(worker: Worker, hook: str) -> str:
    """What one of the Python hooks got, as `exact` writes it."""
    line = await worker.process.line(rf"^{hook} (\{{.*\}})$")
    return line[1]


async def test_values_survive_every_language_and_all_five_modes(pipeline: Pipeline) -> None:
    async with pipeline.sidecar.client() as hooks:
        payload = await hooks.invoke(TYPE, component_type="Instruktion", model_options=OPTIONS)

    assert outcomes(payload.receipt) == ALL_FIVE_MODES
    assert list(outcomes(payload.receipt)) == list(ALL_FIVE_MODES)
    tags = {"first_seen": True, "go_seen": True, "between_seen": True, "ts_seen": True}
    assert exact(payload.model_options) == exact({**OPTIONS, **tags})
    assert payload.component_type == "Instruktion"

    tagged_before = {"gate": 0, "first": 0, "between": 2, "last": 4}
    for hook in ("gate", "first", "between", "last", "audit", "beside", "after"):
        before = dict(list(tags.items())[: tagged_before.get(hook, len(tags))])
        expected = {"component_type": "Instruktion", "model_options": {**OPTIONS, **before}}
        assert await seen_by(pipeline.python, hook) == exact(expected), hook


async def test_a_field_that_no_hook_touched_stays_as_it_was(
    pipeline: Pipeline,
) -> None:
    async with pipeline.sidecar.client() as hooks:
        payload = await hooks.invoke(
            TYPE, component_type="Instruktion", action=OPTIONS, model_options={}
        )
    changed = {name for line in lines_of(payload) for name in line.changed_fields}
    assert changed == {"model_options"}
    assert exact(payload["action"]) == exact(OPTIONS)


def lines_of(payload: sidehook.Payload) -> tuple[sidehook.ReceiptLine, ...]:
    assert payload.receipt is not None
    return payload.receipt.lines


@pytest.mark.parametrize("language", LANGUAGES, ids=str)
async def test_a_guard_of_each_language_blocks_with_code_and_details(
    pipeline: Pipeline, language: Language
) -> None:
    word = f"Forbidden-{language.code}"
    async with pipeline.sidecar.client() as hooks:
        with pytest.raises(sidehook.ViolationError) as said_no:
            await hooks.invoke(TYPE, component_type=word, model_options={})
    violation = said_no.value
    assert (violation.worker, violation.hook) == (language.worker, language.hook("guard"))
    assert violation.code == "FORBIDDEN_WORD"
    assert violation.reason == "components of this type are forbidden"
    assert violation.details == {"word": word}
    seen = outcomes(violation.receipt)
    assert seen.pop(f"{language.worker}/{language.hook('guard')}") == "blocked"
    assert seen["python/audit"] == "block_suppressed"
    assert seen["python/after"] == "detached"


@pytest.mark.parametrize("language", LANGUAGES, ids=str)
async def test_the_guard_of_a_killed_worker_fails_the_call(
    pipeline: Pipeline, language: Language
) -> None:
    pipeline.others[language].process.kill()
    await pipeline.others[language].process.wait()

    async def is_missed() -> bool:
        return language.hook("guard") in str((await pipeline.sidecar.state())["degraded"])

    await until(is_missed)
    async with pipeline.sidecar.client() as hooks:
        with pytest.raises(sidehook.HookFailedError) as failed:
            await hooks.invoke(TYPE, component_type="Instruktion", model_options={})
    assert failed.value.failure_class is FailureClass.UNREACHABLE
    assert (failed.value.worker, failed.value.hook) == (language.worker, language.hook("guard"))
    assert missed(failed.value, language) == ("failed_open", "failed_closed")


@pytest.mark.parametrize(
    ("delay_ms", "language"),
    [({language: NEVER_MS}, language) for language in LANGUAGES],
    indirect=["delay_ms"],
    ids=[str(language) for language in LANGUAGES],
)
async def test_a_guard_that_is_too_slow_times_out_and_is_cancelled_in_its_worker(
    pipeline: Pipeline, language: Language
) -> None:
    async with pipeline.sidecar.client() as hooks:
        with pytest.raises(sidehook.HookFailedError) as failed:
            await hooks.invoke(TYPE, component_type="Instruktion", model_options={})
    assert failed.value.failure_class is FailureClass.TIMEOUT
    assert (failed.value.worker, failed.value.hook) == (language.worker, language.hook("guard"))
    assert missed(failed.value, language) == ("failed_open", "failed_closed")
    assert failed.value.receipt is not None
    for hook in ("tag", "guard"):
        line = await pipeline.others[language].logged("cancelled")
        assert language.hook(hook) in line
        assert failed.value.receipt.call_id in line


def missed(error: sidehook.SidecarError, language: Language) -> tuple[str, str]:
    """The outcomes of a language's tag and guard; every hook of the plan has one."""
    seen = outcomes(error.receipt)
    assert list(seen) == list(ALL_FIVE_MODES)
    return (
        seen[f"{language.worker}/{language.hook('tag')}"],
        seen[f"{language.worker}/{language.hook('guard')}"],
    )


@pytest.mark.parametrize("language", LANGUAGES, ids=str)
async def test_a_failing_audit_hook_of_each_language_is_recorded_and_changes_nothing(
    pipeline: Pipeline, language: Language
) -> None:
    async with pipeline.sidecar.client() as hooks:
        payload = await hooks.invoke("tool_post_invoke", tool_output=2**60 + 1, success=True)
    assert payload["tool_output"] == 2**60 + 1
    line = next(line for line in lines_of(payload) if line.worker == language.worker)
    assert (line.hook, line.outcome) == (language.hook("fail"), "failed_open")
    assert (line.failure_class, line.code) == (FailureClass.RAISED, "ALWAYS_FAILS")
