"""The `sidehook` command, and `python -m sidehook_server`."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command and end the process with its exit code."""
    if sys.argv[1:2] == ["health"]:
        # Before anything else is imported: probes start this all the time.
        from sidehook_server.probe.command import main as probe

        sys.exit(probe(sys.argv[2:]))
    if os.getpid() == 1:
        _end_on_sigterm()
    from sidehook_server.cli import main as run

    run()


def _end_on_sigterm() -> None:
    """End at once on SIGTERM, until `serve` or `worker` listens for it itself.

    The first process of a container ignores every signal that it has not asked for. One that
    is told to stop while it still imports would then be waited for, and killed.
    """
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))


if __name__ == "__main__":
    main()
