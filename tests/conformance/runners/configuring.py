"""The configuration of a case, as the sidecar's own loader reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from sidehook._types import JSON
from sidehook_server.config.load import load_config
from sidehook_server.config.model import Config


def load(said: Mapping[str, JSON], folder: Path) -> Config:
    """The configuration, with its sockets in a folder and no admin port."""
    file = folder / "sidehook.yaml"
    file.write_text(yaml.safe_dump({**said, "listen": {"admin": "off"}}))
    return load_config(file, environment={"XDG_RUNTIME_DIR": str(folder)})
