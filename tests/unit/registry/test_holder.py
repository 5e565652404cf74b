"""The one registry in force, and who hears of its changes."""

from __future__ import annotations

import pytest

from sidehook_server.registry.holder import RegistryHolder
from sidehook_server.registry.transitions import attached, new_registry
from tests.unit.registry.scripted import IGNORE, a_config, a_hook, a_manifest


def test_the_holder_tells_its_subscribers_every_effect_in_order() -> None:
    holder = RegistryHolder(new_registry(a_config()))
    heard: list[object] = []
    unsubscribe = holder.subscribe(heard.append)
    change = holder.apply(attached(holder.current, "one", a_manifest(a_hook())))
    assert heard == list(change.effects)
    assert holder.current is change.registry
    unsubscribe()
    unsubscribe()
    holder.apply(attached(holder.current, "two", a_manifest(a_hook(on_error=IGNORE))))
    assert heard == list(change.effects)


def test_a_subscriber_finds_the_new_snapshot_in_force() -> None:
    holder = RegistryHolder(new_registry(a_config()))
    seen: list[bool] = []
    holder.subscribe(lambda _: seen.append("w" in holder.current.workers))
    holder.apply(attached(holder.current, "one", a_manifest(a_hook())))
    assert seen
    assert all(seen)


def test_a_change_made_from_an_older_snapshot_is_refused() -> None:
    holder = RegistryHolder(new_registry(a_config()))
    old = holder.current
    holder.apply(attached(old, "one", a_manifest(a_hook())))
    with pytest.raises(ValueError, match="no longer in force"):
        holder.apply(attached(old, "two", a_manifest(a_hook())))
    assert holder.current.owners == {"one": "w"}
