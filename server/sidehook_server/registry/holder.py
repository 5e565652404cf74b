"""The one registry in force, and who hears of its changes. No tasks, no locks: one thread."""

from __future__ import annotations

from collections.abc import Callable

from sidehook_server.registry.effects import Effect
from sidehook_server.registry.model import Change, Registry


class RegistryHolder:
    """Holds the current snapshot. Use it from one thread: the event loop's."""

    def __init__(self, registry: Registry) -> None:
        self._current = registry
        self._subscribers: list[Callable[[Effect], None]] = []

    @property
    def current(self) -> Registry:
        """The snapshot in force."""
        return self._current

    def subscribe(self, subscriber: Callable[[Effect], None]) -> Callable[[], None]:
        """Lets `subscriber` hear of every effect from now on; returns what ends that.

        It is called with the new snapshot already in force. It must not raise, and
        must not apply a change itself.
        """
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    def apply(self, change: Change) -> Change:
        """Puts the change in force and tells the subscribers its effects, in order.

        Returns the change. Raises ValueError for one made from another snapshot than
        the one in force: putting it in force would undo what happened in between.
        """
        if change.before is not self._current:
            raise ValueError("the change was made from a snapshot that is no longer in force")
        self._current = change.registry
        for effect in change.effects:
            for subscriber in tuple(self._subscribers):
                subscriber(effect)
        return change
