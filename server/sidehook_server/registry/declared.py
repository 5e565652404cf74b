"""Which hook types there are, and what may be written in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sidehook._catalogue import CATALOGUE
from sidehook_server.config.model import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredType:
    """One hook type. `required`: its calls fail while no hook of it is registered."""

    name: str
    writable: frozenset[str] = frozenset()
    max_payload_bytes: int
    required: bool = False


def declared_types(config: Config) -> Mapping[str, DeclaredType]:
    """The hook types of the catalogue and the configuration, by name.

    The configuration's writable fields stand in place of the catalogue's. A type that
    nobody gave a set has none.
    """
    types = {
        info.name: DeclaredType(
            name=info.name,
            writable=info.writable,
            max_payload_bytes=config.limits.max_payload_bytes,
        )
        for info in CATALOGUE.values()
    }
    for name, said in config.hook_types.items():
        known = types.get(name)
        inherited = known.writable if known is not None else frozenset[str]()
        types[name] = DeclaredType(
            name=name,
            writable=inherited if said.writable is None else said.writable,
            max_payload_bytes=(
                config.limits.max_payload_bytes
                if said.max_payload_bytes is None
                else said.max_payload_bytes
            ),
            required=said.required,
        )
    return MappingProxyType(types)
