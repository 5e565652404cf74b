"""Fuzz every target for so long: `python -m tests.fuzz.run MINUTES [--keep]`.

Inputs go to a folder that is thrown away; `--keep` puts those that reach something new
into the corpus. What breaks a target is left in `found/`, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.fuzz.coverage import fewest
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import NAMES, TARGETS

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"
FOUND: Final = HERE / "found"
ROOT: Final = HERE.parent.parent

_JOBS: Final = os.cpu_count() or 1
_START_SECONDS: Final = 5
"""What of the time is gone before the first input, and after the last."""
_LIMITS: Final = ("-max_len=4096", "-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1")


def main(arguments: Sequence[str]) -> int:
    """Return 1 when a target broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--keep", action="store_true")
    chosen = parser.parse_args(arguments)
    seconds = max(1, int(chosen.minutes * 60 - _START_SECONDS))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ThreadPoolExecutor(_JOBS) as pool:
            ends = list(pool.map(lambda job: _fuzz(folder / str(job), seconds), range(_JOBS)))
        broken = [*_broken(folder)]
        if chosen.keep and not broken:
            _keep(folder)
    for end in ends:
        if end.returncode:
            sys.stdout.write(end.stdout[-4000:])
    for path in broken:
        sys.stdout.write(f"broke a target: {path.relative_to(ROOT)}\n")
    counts = [re.search(r"number_of_executed_units: (\d+)", end.stdout) for end in ends]
    runs = sum(int(count[1]) for count in counts if count)
    sys.stdout.write(f"fuzzed {len(TARGETS)} targets for {seconds} s: {runs} inputs\n")
    return 1 if broken or any(end.returncode for end in ends) else 0


def _fuzz(folder: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    """One process, which begins with what is known of every target."""
    inputs = folder / "inputs"
    inputs.mkdir(parents=True)
    for index, target in enumerate(NAMES):
        for number, octets in enumerate(known(target)):
            (inputs / f"{target}-{number}").write_bytes(bytes([index]) + octets)
    command = (
        *(sys.executable, "-m", "tests.fuzz.fuzz_all", *_LIMITS),
        *(f"-max_total_time={seconds}", f"-artifact_prefix={folder}/broken-", str(inputs)),
    )
    return subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def known(target: str) -> Iterator[bytes]:
    """The seeds of a target, and its corpus."""
    yield from seeds()[target]
    folder = CORPUS / target
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            yield path.read_bytes()


def _broken(folder: Path) -> Iterator[Path]:
    """What broke a target, put where it stays."""
    for path in folder.glob("*/broken-*"):
        octets = path.read_bytes()
        yield _write(FOUND, NAMES[octets[0]], octets[1:])


def _keep(folder: Path) -> None:
    """Make the corpus of each target anew, of the fewest inputs that reach as much."""
    found: dict[str, set[bytes]] = {name: set(known(name)) for name in NAMES}
    for path in folder.glob("*/inputs/*"):
        octets = path.read_bytes()
        if octets and octets[0] < len(NAMES):
            found[NAMES[octets[0]]].add(octets[1:])
    for name, inputs in found.items():
        for old in (CORPUS / name).glob("*"):
            old.unlink()
        for octets in fewest(name, inputs):
            _write(CORPUS, name, octets)


def _write(folder: Path, target: str, octets: bytes) -> Path:
    path = folder / target / hashlib.sha256(octets).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
