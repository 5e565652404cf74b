"""The application of the demo: a session of mellea whose hooks are remote."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mellea import start_session
from mellea.plugins import PluginViolationError
from openai import OpenAIError

from examples.demo.fetch_model import ModelUnavailableError
from examples.demo.llm import LanguageModel
from sidehook import Receipt
from sidehook.integrations.mellea import RemoteHooks, RemoteViolation, violation_of

# A sentence is enough, and the packaged model would go on to questions of its own.
MODEL_OPTIONS = {"max_tokens": 40, "stop": ["Question:"], "seed": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of a prompt: an answer or a violation, and a receipt for each call with hooks."""

    answer: str
    violation: RemoteViolation | None
    receipts: tuple[Receipt, ...]


@contextmanager
def conversation(model: LanguageModel, target: str) -> Iterator[Callable[[str], Asked]]:
    """Keep a session until the block ends; yield a function that asks the model something.

    The function raises ModelUnavailableError when there is no answer.
    """
    receipts: list[Receipt] = []

    def keep(_: str, receipt: Receipt) -> None:
        # While it is not known who listens, mellea's other hook types are asked about too.
        if receipt.lines:
            receipts.append(receipt)

    remote = RemoteHooks(target, on_receipt=keep)
    with start_session(
        "openai",
        model.name,
        base_url=model.base_url,
        api_key=model.api_key,
        model_options=MODEL_OPTIONS,
        plugins=[remote],
    ) as session:

        def ask(prompt: str) -> Asked:
            receipts.clear()
            answer, violation = "", None
            try:
                answer = str(session.instruct(prompt)).strip()
            except PluginViolationError as error:
                violation = violation_of(error)
                if violation is None:
                    raise
            except OpenAIError as error:
                raise ModelUnavailableError(
                    f"The model {model.name} gave no answer: {error}."
                ) from error
            return Asked(answer=answer, violation=violation, receipts=tuple(receipts))

        yield ask
