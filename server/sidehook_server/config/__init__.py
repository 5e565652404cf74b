"""The sidecar's configuration: one loader that reports every problem at once."""

from sidehook_server.config.load import load_config
from sidehook_server.config.model import Config
from sidehook_server.config.problems import ConfigError, Place, Problem
from sidehook_server.config.reference import render_reference
from sidehook_server.config.tree import Override

__all__ = [
    "Config",
    "ConfigError",
    "Override",
    "Place",
    "Problem",
    "load_config",
    "render_reference",
]
