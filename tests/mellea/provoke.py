"""What an application does to bring about each hook type of mellea."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from mellea.backends.adapters._core import Adapter, Identity, IOContract, WeightsBinding
from mellea.backends.model_options import ModelOption
from mellea.backends.tools import MelleaTool
from mellea.core import CBlock, Requirement
from mellea.stdlib import functional
from mellea.stdlib.context import ChatContext
from mellea.stdlib.requirements import req, simple_validate
from mellea.stdlib.sampling import RejectionSamplingStrategy
from mellea.stdlib.streaming import stream

from tests.mellea.conftest import App
from tests.mellea.model import ToolCalls

T = TypeVar("T")


def add(first: int, second: int) -> int:
    """Add two numbers.

    Args:
        first: The one.
        second: The other.
    """
    return first + second


def subtract(first: int, second: int) -> int:
    """Subtract a number from another.

    Args:
        first: The one.
        second: The other.
    """
    return first - second


ADD = MelleaTool.from_callable(add)
SUBTRACT = MelleaTool.from_callable(subtract)


def run(session: Any, work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own, and close what the backend opened there."""

    async def closing() -> T:
        try:
            return await work
        finally:
            await session.backend.aclose()

    return asyncio.run(closing())


def chat(app: App, **terms: Any) -> Any:
    """A session that has a past."""
    session = app.session(ctx=ChatContext(), **terms)
    app.model.say("hello")
    session.instruct("Greet me.", strategy=None)
    return session


def instruct(app: App) -> None:
    """Ask the model once."""
    app.session().instruct("Name a colour.", model_options={ModelOption.SEED: 7})


def fail(app: App) -> None:
    """Ask a model whose server refuses."""
    session = app.session()
    app.model.refuses = True
    with contextlib.suppress(Exception):
        session.instruct("Name a colour.", strategy=None)


def sample(app: App) -> None:
    """Ask until the answer is long enough, which it is the second time."""
    app.model.say("short", "long enough")
    long = req("Be long.", validation_fn=simple_validate(lambda text: len(text) > 6))
    app.session().instruct(
        "Name a colour.", requirements=[long], strategy=RejectionSamplingStrategy(loop_budget=2)
    )


def validate(app: App) -> list[Any]:
    """Check what the model said, by code and by asking the model."""
    session = chat(app)
    app.model.say("yes")
    polite = Requirement("Be polite.")
    short = req("Be short.", validation_fn=simple_validate(lambda text: len(text) < 9))
    results: list[Any] = session.validate([polite, short])
    return results


def batch(app: App) -> list[str]:
    """Ask for two things at once."""
    session = app.session()
    app.model.say("one", "two")
    actions = [CBlock("Count to one."), CBlock("Count to two.")]
    outputs = run(session, session.backend.generate_from_raw(actions, session.ctx))
    return [str(output) for output in outputs]


def fail_batch(app: App) -> None:
    """Ask for two things at once, of a model whose server refuses."""
    app.model.refuses = True
    with contextlib.suppress(Exception):
        batch(app)


def call_tool(app: App) -> list[Any]:
    """Let the model ask for a tool, and call it."""
    session = app.session()
    app.model.say(ToolCalls([("add", {"first": 1, "second": 2})]))
    output = session.instruct(
        "What is 1 + 2?",
        model_options={ModelOption.TOOLS: [ADD]},
        tool_calls=True,
        strategy=None,
    )
    messages: list[Any] = functional.call_tools(output, session.backend)
    return messages


def stream_words(app: App) -> list[str]:
    """Stream an answer word by word, and check it on the way."""
    session = app.session()
    app.model.say("red and blue", "yes")

    async def words() -> list[str]:
        running = await stream(
            CBlock("Name colours."),
            session.backend,
            session.ctx,
            chunking="word",
            requirements=[Requirement("Name colours.")],
        )
        async with running:
            return [word async for word in running]

    return run(session, words())


def stream_output(app: App) -> None:
    """Let the model answer as a stream."""
    app.model.say("red and blue")
    app.session().instruct("Name colours.", strategy=None, model_options={ModelOption.STREAM: True})


def reset(app: App) -> None:
    """Start over."""
    chat(app).reset()


def fail_in_session(app: App) -> None:
    """End a session with an error."""
    with contextlib.suppress(LookupError), chat(app):
        raise LookupError("nothing here")


class NoWeights(WeightsBinding):  # type: ignore[misc] # mellea is not installed where mypy runs
    """Weights that need nothing done."""

    binding_type = "local_file"
    revision = "v1"

    def prepare(self) -> None:
        """Do nothing."""

    def activate(self) -> None:
        """Do nothing."""

    def deactivate(self) -> None:
        """Do nothing."""

    def release(self) -> None:
        """Do nothing."""


class NoContract(IOContract):  # type: ignore[misc] # mellea is not installed where mypy runs
    """Reads and writes nothing."""

    def build_prompt(self, **_: object) -> Any:
        """Return an empty prompt."""
        return CBlock("")

    def parse(self, raw: str) -> dict[str, object]:
        """Find nothing."""
        return {}


@contextlib.contextmanager
def adapter_function(app: App) -> Iterator[None]:
    """Use an adapter function, as a backend that has weights for one does."""
    adapter = Adapter(
        identity=Identity("answerability", "lora"), io_contract=NoContract(), weights=NoWeights()
    )
    with app.session().backend.adapter_scope(adapter):
        yield


def use_adapter_function(app: App) -> None:
    """Use an adapter function in vain."""
    with contextlib.suppress(LookupError), adapter_function(app):
        raise LookupError("no weights")


PROVOKE: Mapping[str, Callable[[App], object]] = {
    "session_pre_init": instruct,
    "session_post_init": instruct,
    "session_reset": reset,
    "session_cleanup": fail_in_session,
    "component_pre_execute": instruct,
    "component_post_success": sample,
    "component_post_error": fail,
    "generation_pre_call": call_tool,
    "generation_post_call": call_tool,
    "generation_error": fail,
    "generation_batch_pre_call": batch,
    "generation_batch_post_call": batch,
    "generation_batch_error": fail_batch,
    "generation_event": stream_output,
    "validation_pre_check": validate,
    "validation_post_check": validate,
    "sampling_loop_start": sample,
    "sampling_iteration": sample,
    "sampling_repair": sample,
    "sampling_loop_end": sample,
    "tool_pre_invoke": call_tool,
    "tool_post_invoke": call_tool,
    "adapter_function_invocation_complete": use_adapter_function,
    "adapter_function_phase_complete": use_adapter_function,
    "streaming_start": stream_words,
    "streaming_event": stream_words,
    "streaming_end": stream_words,
}
"""By hook type: a call of mellea in which it runs."""
