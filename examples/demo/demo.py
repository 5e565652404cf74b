"""A session of mellea on a real language model, its hooks in other processes, in all five modes.

`make demo` runs it. It starts a language model, a sidecar and two workers, asks the model two
things, and prints what happened. It ends with exit code 0 only when all of that really did.
"""

import logging
import secrets
import string
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from examples.demo import account
from examples.demo.fetch_model import ModelUnavailableError
from examples.demo.llm import LanguageModel, language_model
from examples.demo.processes import DemoError, Processes, running

if TYPE_CHECKING:
    from examples.demo.conversation import Asked

FIVE_MODES = "five-modes"
NO_SECRETS = "no-secrets"
WORKERS = {
    # Written for mellea, and served as it is.
    FIVE_MODES: ("--mellea", "examples/five_modes_mellea/hooks.py"),
    NO_SECRETS: ("examples/guardrails/no_secrets.py",),
}
HOOK_LINE = r" five_modes (.*)$"
LINE_STARTS = ("sequential", "transform", "audit", "concurrent", "fire and forget")
OUTCOMES = {
    "hooks.announce": "proceeded",
    "hooks.settle_temperature": "modified",
    "hooks.object_on_record": "block_suppressed",
    "hooks.check_alongside": "proceeded",
    "no-secrets-in-prompts": "proceeded",
    "hooks.note_afterwards": "detached",
}
TEMPERATURE = 0.7
QUESTION = "Name the four seasons."
LINES_TIMEOUT_S = 30


def main() -> None:
    """Run the demo. Raises DemoError and ModelUnavailableError."""
    account.heading("A language model")
    with language_model(say=account.say) as model, short_folder() as folder:
        account.heading("A sidecar, and two workers")
        account.say("starting; mellea takes its seconds to load")
        with running(Path(folder), WORKERS) as processes:
            account.processes(processes.all)
            show_conversation(model, processes)
            account.heading("Everything stops")
        show_ends(processes)
    if model.exit_code is not None:
        account.say(f"the model's server: exit code {model.exit_code}")
        expect(model.exit_code == 0, f"the model's server ended with {model.exit_code}")


def show_conversation(model: LanguageModel, processes: Processes) -> None:
    """Ask the model two things in one session, and show what became of each."""
    # Only now: it imports mellea, which takes seconds.
    from examples.demo.conversation import conversation

    quiet()
    with conversation(model, processes.target) as ask:
        show_five_modes(model, processes, ask(QUESTION))
        show_block(model, processes, ask)


def show_five_modes(model: LanguageModel, processes: Processes, asked: "Asked") -> None:
    """Show a call that goes through hooks of all five modes."""
    account.heading(f"A prompt that goes through: “{QUESTION}”")
    expect(asked.violation is None, f"the prompt was blocked: {asked.violation}")
    worker = processes.workers[FIVE_MODES]
    lines = worker.wait_for(HOOK_LINE, len(LINE_STARTS), LINES_TIMEOUT_S)
    account.hook_lines(worker, lines)
    began = [next((s for s in LINE_STARTS if line.startswith(s)), line) for line in lines]
    expect(began == list(LINE_STARTS), f"the lines came in this order: {began}")

    temperatures = [request.get("temperature") for request in model.chat_requests]
    account.say(f"temperature in the request that the model's server received: {temperatures[-1]}")
    expect(temperatures == [TEMPERATURE], f"the model was asked with {temperatures}")
    account.say(f"the model's answer: {asked.answer}")
    expect(bool(asked.answer), "the model answered nothing")
    show_receipt(processes, asked)


def show_receipt(processes: Processes, asked: "Asked") -> None:
    """Show what happened to every hook of the call, and in which process."""
    expect(len(asked.receipts) == 1, f"there are {len(asked.receipts)} receipts for one call")
    (receipt,) = asked.receipts
    account.receipt(receipt)
    outcomes = {line.hook: str(line.outcome) for line in receipt.lines}
    expect(outcomes == OUTCOMES, f"the receipt has other outcomes: {outcomes}")
    recorded = {line.code for line in receipt.lines if line.outcome == "block_suppressed"}
    expect(recorded == {"AUDIT_001"}, f"what AUDIT recorded is {recorded}")
    for line in receipt.lines:
        pid = processes.workers[line.worker].pid
        # A detached hook had not run yet when the receipt was written.
        ran_there = line.instance.endswith(f":{pid}") or line.outcome == "detached"
        expect(ran_there, f"{line.hook} ran in {line.instance} and not in process {pid}")


def show_block(model: LanguageModel, processes: Processes, ask: Callable[[str], "Asked"]) -> None:
    """Show a guard that keeps a secret from the model."""
    token = made_up_token()
    requests = len(model.chat_requests)
    account.heading("A prompt that a guard blocks: “Push it with the token ghp_…”")
    asked = ask(f"Push it with the token {token}, please.")
    if asked.violation is None:
        raise DemoError("a prompt with a token in it went through")
    account.violation(asked.violation)
    for receipt in asked.receipts:
        account.receipt(receipt)
    by = (asked.violation.worker, asked.violation.hook, asked.violation.code)
    expected = (NO_SECRETS, "no-secrets-in-prompts", "SECRET_FOUND")
    expect(by == expected, f"the prompt was blocked by {by}")
    expect(len(model.chat_requests) == requests, "the model was asked all the same")
    account.say("the model's server received nothing")
    seen = [child.name for child in processes.all if child.matches(token)]
    expect(not seen and token not in repr(asked.violation), f"the token is told by {seen}")


def show_ends(processes: Processes) -> None:
    """Show that every process stopped in an orderly way."""
    for child in reversed(processes.all):
        code = child.stop()
        account.say(f"{child.name}, pid {child.pid}: exit code {code}")
        expect(code == 0, f"{child.name} ended with exit code {code}")


def short_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder whose path is short enough for Unix sockets, for a `with` block."""
    return tempfile.TemporaryDirectory(prefix="sidehook-", dir="/tmp")


def expect(happened: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Raise DemoError unless something happened."""
    if not happened:
        raise DemoError(otherwise)


def made_up_token() -> str:
    """Return what looks like a token of a code forge, and is one of nobody."""
    characters = string.ascii_letters + string.digits
    return "ghp_" + "".join(secrets.choice(characters) for _ in range(36))


def quiet() -> None:
    """Keep the libraries' own logs out of the account."""
    for name in ("cpex", "httpx", "mellea"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


if __name__ == "__main__":
    try:
        main()
    except (DemoError, ModelUnavailableError) as error:
        sys.exit(f"\nThe demo failed: {error}")
    except KeyboardInterrupt:
        sys.exit("\nThe demo was stopped.")
