"""Events as a call hands them over, and journals of a test."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from sidehook._call import CallContext, CallEnd, Fields
from sidehook._manifest import ErrorPolicy
from sidehook._run import HookRun, RunRequest
from sidehook._types import CallOutcome, FailureClass, Mode, OnError, Value, ValueKind
from sidehook_server.config.model import DetachedConfig, JournalPayloads
from sidehook_server.pipeline.model import DetachedWork, PlannedHook

SECRET = "the secret text"


def fields_of(**texts: str) -> dict[str, Value]:
    return {name: Value(ValueKind.JSON, f'"{text}"'.encode()) for name, text in texts.items()}


def an_event(
    call_id: str = "call-1",
    *,
    fields: Fields | None = None,
    idempotent: bool = False,
    handle: str | None = None,
    scope: str | None = None,
) -> DetachedWork:
    hook = PlannedHook(
        worker="w",
        name="tell",
        hook_type="t",
        mode=Mode.FIRE_AND_FORGET,
        priority=0,
        timeout=3.5,
        on_error=dict.fromkeys(FailureClass, OnError.IGNORE),
        tenant="acme" if scope else "",
        scope=scope,
        idempotent=idempotent,
        handle=handle,
    )
    request = RunRequest(
        call_id=call_id,
        hook_type="t",
        steps=(
            (
                HookRun(
                    hook="tell",
                    mode=Mode.FIRE_AND_FORGET,
                    may_block=False,
                    may_modify=False,
                    writable_fields=frozenset(),
                    timeout=3.5,
                    on_error=ErrorPolicy(overrides=dict.fromkeys(FailureClass, OnError.IGNORE)),
                ),
            ),
        ),
        fields=fields_of(text=SECRET, other="public") if fields is None else fields,
        context=CallContext(session_id="s", tenant="acme", state={"a": b"1"}),
        time_left=3.5,
        call_end=CallEnd(outcome=CallOutcome.PROCEEDED),
        idempotency_key=f"{call_id}/w/tell",
    )
    return DetachedWork(hook, request)


def a_key(folder: Path, *, name: str = "key", text: str = "ab" * 32) -> str:
    file = folder / name
    file.write_text(text)
    file.chmod(0o400)
    return str(file)


def config(
    folder: Path,
    payloads: JournalPayloads = JournalPayloads.PLAIN,
    *,
    key_file: str | None = None,
    mask: frozenset[str] = frozenset(),
) -> DetachedConfig:
    if payloads is JournalPayloads.ENCRYPTED and key_file is None:
        key_file = str(folder / "key") if (folder / "key").exists() else a_key(folder)
    return DetachedConfig(
        journal=str(folder / "journal.sqlite"),
        journal_payloads=payloads,
        journal_key_file=key_file,
        journal_mask=mask,
    )


def bytes_on_disk(folder: Path) -> bytes:
    """Everything in the files of a journal."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("journal.sqlite*")))


def modes_on_disk(folder: Path) -> set[int]:
    return {os.stat(path).st_mode & 0o777 for path in folder.glob("journal.sqlite*")}


class Told:
    """What a journal said is done. `post` calls at once, in the journal's thread."""

    def __init__(self) -> None:
        self.said: list[bool] = []
        self._news = threading.Condition()

    def post(self, call: Callable[[], None]) -> None:
        call()

    def done(self, it: bool) -> None:  # noqa: FBT001 - what a Done is told
        with self._news:
            self.said.append(it)
            self._news.notify_all()

    def wait(self, count: int) -> list[bool]:
        """What was said, once it is so much."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.said) >= count, 30)
            return list(self.said)
