"""Fuzz every target in one process: `python -m tests.fuzz.fuzz_all [libFuzzer's arguments]`.

Runs in an environment of its own (`make fuzz` makes it), in which atheris is.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["sidehook", "sidehook_server"]):
    from tests.fuzz.targets import by_index


def main() -> None:
    """Hand over to libFuzzer, which ends the process."""
    atheris.Setup(sys.argv, by_index)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
