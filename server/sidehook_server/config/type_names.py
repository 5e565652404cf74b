"""Whether the hook types that a configuration names are there."""

from __future__ import annotations

from collections.abc import Iterable

from sidehook._catalogue import CATALOGUE
from sidehook_server.config.model import Config, UndeclaredTypes
from sidehook_server.config.naming import did_you_mean
from sidehook_server.config.patterns import fits


def undeclared(key: str, hook_type: str, config: Config) -> Iterable[tuple[str, str]]:
    """Key and sentence when nobody declares the hook type, and that matters."""
    known = _known(config)
    if hook_type in known or config.undeclared_types is UndeclaredTypes.ALLOW:
        return ()
    hint = did_you_mean(hook_type, known)
    return ((key, f"hook type {hook_type!r} is not declared; add it to hook_types{hint}"),)


def unmatched(key: str, pattern: str, config: Config) -> Iterable[tuple[str, str]]:
    """Key and sentence when the pattern stands for no declared hook type, and that matters."""
    if "*" not in pattern:
        return undeclared(key, pattern, config)
    matches = any(fits(pattern, name) for name in _known(config))
    if matches or config.undeclared_types is UndeclaredTypes.ALLOW:
        return ()
    return ((key, f"{pattern!r} stands for no declared hook type; check it, or remove it"),)


def _known(config: Config) -> list[str]:
    return [*map(str, CATALOGUE), *config.hook_types]
