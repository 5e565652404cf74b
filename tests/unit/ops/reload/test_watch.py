import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidehook_server.ops.reload.watch import FileWatch, WatchTimes, on_the_way

# The file is not looked at unless it is told that it changed, so that being told is what is tested.
TIMES = WatchTimes(look=3600.0, settle=0.05, patience=20.0)
WITHOUT_WORD = WatchTimes(look=0.05, settle=0.01, patience=20.0)


@asynccontextmanager
async def watched(
    file: Path, *, times: WatchTimes = TIMES
) -> AsyncIterator[Callable[[], "asyncio.Future[str]"]]:
    """Watches; what is yielded waits for a call and gives the text that the file had then."""
    calls: asyncio.Queue[str] = asyncio.Queue()

    def changed() -> None:
        calls.put_nowait(file.read_text() if file.exists() else "(none)")

    watching = asyncio.create_task(FileWatch(file, changed, times=times).run())

    def next_call() -> asyncio.Future[str]:
        return asyncio.ensure_future(asyncio.wait_for(calls.get(), 20))

    try:
        yield next_call
        assert calls.empty()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_the_first_call_comes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text("a")
    async with watched(file) as changed:
        assert await changed() == "a"


async def test_an_edit_in_place_and_a_replacement_are_noticed(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text("a")
    async with watched(file) as changed:
        await changed()
        file.write_text("bb")
        assert await changed() == "bb"
        other = tmp_path / "other"
        other.write_text("ccc")
        other.replace(file)
        assert await changed() == "ccc"


async def test_a_file_that_is_written_in_several_steps_is_one_change(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text("a")
    async with watched(file) as changed:
        await changed()
        with file.open("w") as writing:
            for part in ("b" * 10, "c" * 10, "d" * 10):
                writing.write(part)
                writing.flush()
                await asyncio.sleep(0)
        assert await changed() == "b" * 10 + "c" * 10 + "d" * 10


async def test_a_file_that_is_gone_and_back_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text("a")
    async with watched(file) as changed:
        await changed()
        file.unlink()
        assert await changed() == "(none)"
        file.write_text("b")
        assert await changed() == "b"


async def test_the_links_of_a_mounted_config_map_are_followed(tmp_path: Path) -> None:
    def version(number: int) -> None:
        """What the kubelet does, in its order."""
        folder = tmp_path / f"..2026_{number}"
        folder.mkdir()
        (folder / "it.yaml").write_text(f"version {number}")
        (tmp_path / "..data_tmp").symlink_to(folder.name)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    version(1)
    file = tmp_path / "it.yaml"
    file.symlink_to("..data/it.yaml")
    async with watched(file) as changed:
        assert await changed() == "version 1"
        for number in (2, 3):
            version(number)
            assert await changed() == f"version {number}"


async def test_a_file_behind_a_link_elsewhere_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    real, link = tmp_path / "a" / "real.yaml", tmp_path / "b" / "it.yaml"
    real.write_text("a")
    link.symlink_to(real)
    async with watched(link) as changed:
        await changed()
        real.write_text("bb")
        assert await changed() == "bb"


async def test_what_else_happens_in_the_folder_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "it.yaml"
    file.write_text("a")
    async with watched(file) as changed:
        await changed()
        (tmp_path / "a.log").write_text("noise")
        os.utime(tmp_path)
        file.write_text("bb")
        assert await changed() == "bb"


async def test_a_change_that_nobody_tells_of_is_seen_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    file = folder / "it.yaml"
    async with watched(file, times=WITHOUT_WORD) as changed:
        assert await changed() == "(none)"
        folder.mkdir()
        file.write_text("a")
        assert await changed() == "a"


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert on_the_way(tmp_path / "a") == {tmp_path / "a", tmp_path / "b"}


@pytest.mark.parametrize("target", ["../x/it.yaml", "x/it.yaml"])
def test_relative_links_are_resolved_where_they_are(tmp_path: Path, target: str) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    link = tmp_path / ("y" if target.startswith("..") else ".") / "link"
    link.symlink_to(target)
    assert on_the_way(link) == {link, tmp_path / "x" / "it.yaml"}
