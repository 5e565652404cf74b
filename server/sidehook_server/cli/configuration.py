"""`sidehook config check`."""

from __future__ import annotations

import sys
from pathlib import Path

from sidehook_server.cli.exits import Exit
from sidehook_server.config.load import load_config
from sidehook_server.config.problems import ConfigError


def check_configuration(file: Path) -> int:
    """Print every problem of a configuration, each with its place and the fix."""
    try:
        config = load_config(file)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return Exit.USAGE
    for warning in config.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{file}: fine")
    return Exit.OK
