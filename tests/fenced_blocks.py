"""The fenced blocks of a Markdown document: what each one's tag says, and how to run it.

A block's tag is an HTML comment on the line before its fence. CONTRIBUTING.md lists the forms.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.repository import ROOT, repository_files

RUNNERS: Mapping[str, Sequence[str]] = {
    "bash": ("bash", "-euo", "pipefail"),
    "python": ("python",),
}
# Nothing to run in them, so they may go without a tag.
DATA_LANGUAGES = frozenset(
    {"diff", "ini", "json", "mermaid", "proto", "protobuf", "text", "toml", "yaml"}
)
BLOCK_TIMEOUT_SECONDS = 60

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<language>[^\s`]*)")
_TAG = re.compile(r"^\s*<!-- run: (?P<text>.*?) -->\s*$")

Kind = Literal["test", "file", "suite", "not"]
_FORMS: Mapping[Kind, re.Pattern[str]] = {
    "test": re.compile(r"test"),
    "file": re.compile(r"test, as (?P<detail>[\w.-]+)"),
    "suite": re.compile(r"suite (?P<detail>[\w-]+)"),
    "not": re.compile(r"not, because (?P<detail>\S.*)"),
}


@dataclass(frozen=True, slots=True)
class Tag:
    """What a tag asks for; the detail is a file's name, a make target or a reason."""

    kind: Kind
    detail: str


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `place` is its file and line, `tag_text` is None where there is no tag."""

    place: str
    language: str
    tag_text: str | None
    text: str

    @property
    def tag(self) -> Tag | None:
        """The tag, or None where there is none or it has no form that is known."""
        for kind, form in _FORMS.items():
            if match := form.fullmatch(self.tag_text or ""):
                return Tag(kind, match.groupdict().get("detail", ""))
        return None


class BlockError(AssertionError):
    """A block that was run failed."""


def documents() -> list[Path]:
    """Return the Markdown files whose blocks are checked, relative to the repository."""
    markdown = (path for path in repository_files() if path.suffix == ".md")
    return [path for path in markdown if path.name != "CHANGELOG.md"]


def make_targets() -> frozenset[str]:
    """Return the targets that the Makefile documents."""
    return frozenset(re.findall(r"^([\w-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def blocks(document: str, *, name: str) -> Iterator[Block]:
    """Yield the fenced blocks of a document in order."""
    lines = iter(enumerate(document.splitlines(), start=1))
    before = ""
    for number, line in lines:
        if fence := _FENCE.match(line):
            tag = _TAG.match(before)
            yield Block(
                place=f"{name}:{number}",
                language=fence["language"],
                tag_text=tag["text"] if tag else None,
                text=_body((text for _, text in lines), fence["indent"], fence["ticks"]),
            )
        before = line


def _body(lines: Iterator[str], indent: str, ticks: str) -> str:
    body = []
    for line in lines:
        stripped = line.strip()
        if stripped.startswith(ticks) and not stripped.strip(ticks[0]):
            break
        body.append(line.removeprefix(indent) + "\n")
    return "".join(body)


def problem(block: Block, *, targets: Collection[str]) -> str | None:
    """Return what is wrong with a block's tag, with its file and line, or None."""
    tag = block.tag
    match tag:
        case _ if not block.language:
            text = "has no language; write `text` where it is no program"
        case None if block.tag_text is not None:
            text = f"has a tag of no known form: {block.tag_text!r}"
        case None if block.language not in DATA_LANGUAGES:
            text = f"is {block.language} and has no tag on the line before it"
        case Tag(kind="test") if block.language not in RUNNERS:
            text = f"is {block.language}, which no test can run; run it in a suite"
        case Tag(kind="suite", detail=target) if target not in targets:
            text = f"names the make target {target!r}, which does not exist"
        case _:
            return None
    return f"{block.place}: this block {text}. CONTRIBUTING.md lists the tags."


@contextmanager
def working_copy() -> Iterator[Path]:
    """Lend a copy of the repository as git sees it, changes and new files included."""
    with tempfile.TemporaryDirectory(prefix="sh", dir="/tmp") as folder:
        for path in repository_files():
            target = Path(folder) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target)
        yield Path(folder)


def run_blocks(chain: Sequence[Block], folder: Path) -> None:
    """Run the tested blocks of one document in order, in one folder.

    What a block leaves running goes on until the last one ended, so that one block can start the
    sidecar that another one calls. Raises BlockError with the place and output of the one that
    failed.
    """
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="sh", dir="/tmp") as runtime_folder:
        environment = os.environ | {
            "PATH": f"{Path(sys.prefix, 'bin')}{os.pathsep}{os.environ['PATH']}",
            "XDG_RUNTIME_DIR": runtime_folder,
        }
        try:
            for block in chain:
                match block.tag:
                    case Tag(kind="file", detail=name):
                        (folder / name).write_text(block.text)
                    case Tag(kind="test"):
                        _run(block, folder, environment, started)
        finally:
            for process in started:
                _end_group(process)


def _run(
    block: Block,
    folder: Path,
    environment: Mapping[str, str],
    started: list[subprocess.Popen[bytes]],
) -> None:
    # Into a file, not a pipe: what the block left running may hold its output open.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*RUNNERS[block.language], "-c", block.text],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started.append(process)
        try:
            code = process.wait(BLOCK_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise BlockError(f"{block.place}: no end after {error.timeout} s") from error
        if code != 0:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise BlockError(f"{block.place}: exit code {code}\n{text}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # No such group: everything that the block started has ended.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
