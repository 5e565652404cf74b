import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fenced_blocks import (
    Block,
    BlockError,
    Tag,
    blocks,
    documents,
    make_targets,
    problem,
    run_blocks,
    working_copy,
)
from tests.repository import ROOT


def _blocks_of(document: Path) -> list[Block]:
    return list(blocks((ROOT / document).read_text(), name=str(document)))


def _parse(*lines: str) -> list[Block]:
    return list(blocks("\n".join(lines), name="sample.md"))


def _problems(chain: Sequence[Block]) -> list[str]:
    return [text for block in chain if (text := problem(block, targets={"check"}))]


def _is_running(pid: int) -> bool:
    # A process that was killed stays listed as a zombie until its parent takes note.
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return listed.stdout.strip()[:1] not in (b"", b"Z")


@pytest.mark.parametrize("document", documents(), ids=str)
def test_every_block_of_a_document_says_how_it_is_checked(document: Path) -> None:
    targets = make_targets()
    problems = [problem(block, targets=targets) for block in _blocks_of(document)]
    assert [text for text in problems if text] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("document", documents(), ids=str)
def test_the_tested_blocks_of_a_document_run(document: Path) -> None:
    chain = _blocks_of(document)
    if not any(block.tag == Tag("test", "") for block in chain):
        return
    with working_copy() as folder:
        run_blocks(chain, folder)


def test_the_contributing_guide_is_among_the_documents() -> None:
    assert Path("CONTRIBUTING.md") in documents()


def test_a_block_carries_the_tag_of_the_line_before_it() -> None:
    chain = _parse(
        "<!-- run: suite check -->",
        "```bash",
        "make check",
        "```",
        "```python",
        "print()",
        "```",
    )
    assert [(block.place, block.language, block.tag, block.text) for block in chain] == [
        ("sample.md:2", "bash", Tag("suite", "check"), "make check\n"),
        ("sample.md:5", "python", None, "print()\n"),
    ]


def test_a_block_inside_a_list_loses_its_indentation() -> None:
    (block,) = _parse("1. Do", "   <!-- run: test -->", "   ```bash", "   echo", "   ```")
    assert (block.tag, block.text) == (Tag("test", ""), "echo\n")


def test_a_shorter_fence_inside_a_block_is_text() -> None:
    (block,) = _parse("````text", "```bash", "echo", "```", "````")
    assert block.text == "```bash\necho\n```\n"


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (("```bash", "echo", "```"), "no tag"),
        (("<!-- run: test -->", "", "```bash", "echo", "```"), "no tag"),
        (("```", "echo", "```"), "no language"),
        (("<!-- run: sometimes -->", "```bash", "echo", "```"), "no known form"),
        (("<!-- run: not, because -->", "```bash", "echo", "```"), "no known form"),
        (("<!-- run: suite nightly -->", "```bash", "echo", "```"), "does not exist"),
        (("<!-- run: test -->", "```go", "package main", "```"), "no test can run"),
    ],
)
def test_a_faulty_tag_is_named_with_its_file_and_line(lines: Sequence[str], fault: str) -> None:
    (text,) = _problems(_parse("# Sample", *lines))
    assert text.startswith("sample.md:")
    assert fault in text


@pytest.mark.parametrize(
    "lines",
    [
        ("```yaml", "a: 1", "```"),
        ("<!-- run: not, because it needs a cluster -->", "```bash", "kubectl", "```"),
        ("<!-- run: suite check -->", "```bash", "make check", "```"),
        ("<!-- run: test, as hooks.go -->", "```go", "package main", "```"),
    ],
)
def test_a_good_tag_is_accepted(lines: Sequence[str]) -> None:
    assert _problems(_parse(*lines)) == []


def test_blocks_share_a_folder_with_the_files_that_others_are_saved_as(tmp_path: Path) -> None:
    run_blocks(
        _parse(
            "<!-- run: test, as greet.py -->",
            "```python",
            'print("hello", file=open("greeting", "w"))',
            "```",
            "<!-- run: test -->",
            "```bash",
            "python greet.py",
            "```",
        ),
        tmp_path,
    )
    assert (tmp_path / "greeting").read_text() == "hello\n"


def test_a_block_that_fails_is_named_with_its_output(tmp_path: Path) -> None:
    chain = _parse("<!-- run: test -->", "```bash", "echo so far; false | true", "```")
    with pytest.raises(BlockError, match=r"(?s)sample\.md:2: exit code 1.*so far"):
        run_blocks(chain, tmp_path)


def test_what_a_block_leaves_running_serves_the_next_one_and_ends_with_the_last(
    tmp_path: Path,
) -> None:
    run_blocks(
        _parse(
            "<!-- run: test -->",
            "```bash",
            "sleep 600 & echo $! > pid",
            "```",
            "<!-- run: test -->",
            "```bash",
            'kill -0 "$(cat pid)"',
            "```",
        ),
        tmp_path,
    )
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while _is_running(pid):
        assert time.monotonic() < deadline, "the process outlived its document"
        time.sleep(0.01)
