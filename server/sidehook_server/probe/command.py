"""The command line of `sidehook health`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sidehook_server.probe.admin_port import DEFAULT_ADMIN, ask_admin_port
from sidehook_server.probe.answer import Answer, NobodyAnswersError
from sidehook_server.probe.call_socket import ask_call_socket

# As in cli.exits, whose package loads everything that other commands need.
_YES, _NO, _USAGE = 0, 1, 64

_QUESTIONS = {"--started": "started", "--ready": "ready", "--live": "live"}
_WITH_VALUE = ("--admin", "--socket", "--timeout")
_HELP = f"""\
usage: sidehook health [--started | --ready | --live] [--admin URL | --socket PATH]
                       [--timeout SECONDS]

Ask a running sidecar how it is. Prints one line; the exit code is 0 for yes and 1 for no,
also when nobody answers. Made for exec probes: it loads nothing that it does not need.

  --started          it listens on every address
  --ready            it takes calls, and what the configuration requires has been there (default)
  --live             it works; workers have no say in this
  --admin URL        ask at this admin port (default: {DEFAULT_ADMIN})
  --socket PATH      ask at the Unix socket that applications call, where there is no admin port
  --timeout SECONDS  give up after this long (default: 3)
"""


class UsageError(Exception):
    """The command line cannot be used; the text says what to change."""


class Asked:
    """What the command line asks for. No dataclass: importing those costs more."""

    def __init__(self) -> None:
        self.question = "ready"
        self.admin = ""
        self.socket = ""
        self.seconds = 3.0


def main(arguments: Sequence[str]) -> int:
    """Ask, print the answer in one line, and return the exit code."""
    if "--help" in arguments:
        print(_HELP, end="")
        return _YES
    try:
        answer = _ask(parsed(arguments))
    except (UsageError, ValueError) as error:
        print(f"sidehook health: {error}", file=sys.stderr)
        return _USAGE
    except NobodyAnswersError as error:
        print(error)
        return _NO
    print(answer.reason)
    return _YES if answer.yes else _NO


def parsed(arguments: Sequence[str]) -> Asked:
    """Read the command line. Raises UsageError."""
    asked = Asked()
    questions: list[str] = []
    left = list(arguments)
    while left:
        flag, joined, value = left.pop(0).partition("=")
        if flag in _QUESTIONS and not joined:
            questions.append(_QUESTIONS[flag])
        elif flag in _WITH_VALUE:
            if not joined:
                value = left.pop(0) if left else ""
            _take(asked, flag, value)
        else:
            raise UsageError(f"{flag} is no option of it; --help shows them")
    if len(questions) > 1:
        raise UsageError("one of --started, --ready and --live at a time")
    if asked.admin and asked.socket:
        raise UsageError("--admin and --socket are two ways to one sidecar; name one")
    asked.question = questions[0] if questions else asked.question
    return asked


def _take(asked: Asked, flag: str, value: str) -> None:
    if not value:
        raise UsageError(f"{flag} needs a value")
    if flag == "--admin":
        asked.admin = value
    elif flag == "--socket":
        asked.socket = value
    else:
        asked.seconds = _seconds(value)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"--timeout takes a number of seconds over 0, and {text} is none")
    return seconds


def _ask(asked: Asked) -> Answer:
    if asked.socket:
        return ask_call_socket(asked.socket, asked.question, seconds=asked.seconds)
    return ask_admin_port(asked.admin or DEFAULT_ADMIN, asked.question, seconds=asked.seconds)
