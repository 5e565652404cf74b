"""The one loader of the configuration. The only code of the sidecar that reads the environment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sidehook_server.config import tree
from sidehook_server.config.checks import check
from sidehook_server.config.model import Config, DetachedConfig, LimitsConfig, Listen
from sidehook_server.config.problems import ConfigError, Place, Problem
from sidehook_server.config.reader import Reader
from sidehook_server.config.schema import CONFIG
from sidehook_server.config.table import Values
from sidehook_server.config.tree import Override

SOCKET_NAME: Final = "sidehook.sock"
WORKERS_SOCKET_NAME: Final = "workers.sock"
SYSTEM_FOLDER: Final = Path("/run/sidehook")

_NO_FILE: Final = "no configuration file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration, and where each of its keys was said. `is_blank`: its file says nothing."""

    config: Config
    places: Mapping[str, Place]
    is_blank: bool


def load_config(
    path: str | Path | None = None,
    *,
    overrides: Sequence[Override] = (),
    environment: Mapping[str, str] | None = None,
    reads_certificates: bool = True,
) -> Config:
    """Reads the configuration; without a path it is all defaults.

    `overrides` stand in place of what the file says; relative paths in them are
    relative to the current folder, those in the file to the file's. `environment` is
    the process's own when not given. Reads one file, with `reads_certificates` those that
    it names for TLS, and binds nothing. Raises ConfigError with every problem.
    """
    return load(
        path,
        overrides=overrides,
        environment=environment,
        reads_certificates=reads_certificates,
    ).config


def load(
    path: str | Path | None = None,
    *,
    overrides: Sequence[Override] = (),
    environment: Mapping[str, str] | None = None,
    reads_certificates: bool = True,
) -> Loaded:
    """As `load_config`, with the place of every key that was given."""
    environment = os.environ if environment is None else environment
    file = None if path is None else Path(path)
    source = str(file) if file is not None else _NO_FILE
    octets = b"" if file is None else _octets(file)
    root = tree.parse(octets, source)
    folder = Path.cwd() if file is None else file.absolute().parent
    reader = Reader(source, folder)
    values = reader.section(CONFIG, tree.overridden(root, overrides))
    config = _completed(values, environment, source="" if file is None else source)
    if file is not None:
        config = replace(config, digest=hashlib.sha256(octets).hexdigest())
    wrong = {problem.key for problem in reader.problems}
    found = check(config, reader.places, source=source, reads_certificates=reads_certificates)
    problems = [*reader.problems, *(each for each in found if each.key not in wrong)]
    if problems:
        raise ConfigError(problems)
    return Loaded(config=config, places=reader.places, is_blank=not octets.strip())


def _octets(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        text = f"the configuration cannot be read ({error.strerror}); name a file that can"
        raise ConfigError([Problem(Place(str(file)), "", text)]) from error


def _completed(values: Values, environment: Mapping[str, str], *, source: str) -> Config:
    """The configuration, with the defaults that depend on where the sidecar runs."""
    said = values.pop("listen", {})
    socket = said.pop("socket", None) or str(_default_folder(environment) / SOCKET_NAME)
    workers = said.pop("workers_socket", None) or str(Path(socket).with_name(WORKERS_SOCKET_NAME))
    state_dir = values.pop("state_dir", None) or str(Path(socket).with_suffix(".state"))
    return Config(
        listen=Listen(socket=socket, workers_socket=workers, **said),
        state_dir=state_dir,
        hook_types=MappingProxyType({it.name: it for it in values.pop("hook_types", ())}),
        workers=MappingProxyType({it.name: it for it in values.pop("workers", ())}),
        limits=values.pop("limits", LimitsConfig()),
        detached=values.pop("detached", DetachedConfig()),
        source=source,
        **values,
    )


def _default_folder(environment: Mapping[str, str]) -> Path:
    """The user's folder for run-time files, else the system's; the first that can be used."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    folders = [Path(runtime) / "sidehook"] if runtime else []
    folders.append(SYSTEM_FOLDER)
    return next((folder for folder in folders if _is_usable(folder)), folders[0])


def _is_usable(folder: Path) -> bool:
    """Whether files can be made in the folder, or the folder itself in the one above."""
    nearest = folder if folder.exists() else folder.parent
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
