"""`sidehook serve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sidehook._process import before_grpc
from sidehook_server.cli.exits import Exit
from sidehook_server.config.load import load
from sidehook_server.config.problems import ConfigError
from sidehook_server.config.tree import Override
from sidehook_server.errors import StartError, UnusableError
from sidehook_server.ops.logs import configure_logs
from sidehook_server.ops.manifest_store import StateError


def serve_sidecar(
    file: Path | None, flags: Mapping[str, tuple[str, str | None]], *, log_level: str
) -> int:
    """Run a sidecar until it is told to stop; return the exit code.

    `flags` maps each flag to the key of the configuration that it sets, and its value.
    """
    configure_logs(log_level)
    overrides = [
        Override(flag=flag, key=key, text=text)
        for flag, (key, text) in flags.items()
        if text is not None
    ]
    read = partial(load, file, overrides=overrides)
    try:
        config = read().config
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return Exit.USAGE
    # The rest of the sidecar imports gRPC.
    experiments = before_grpc(config.tuning, os.environ)
    from sidehook_server.app import run

    try:
        return run(config, load=read, grpc_experiments=experiments)
    except UnusableError as error:
        print(f"sidehook serve: {error}", file=sys.stderr)
        return Exit.USAGE
    except (StartError, StateError) as error:
        print(f"sidehook serve: {error}", file=sys.stderr)
        return Exit.UNAVAILABLE
