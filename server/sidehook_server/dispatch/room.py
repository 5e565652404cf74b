"""The room for detached events that wait: so many, and so many bytes."""

from __future__ import annotations

from sidehook._call import size_of
from sidehook._run import RunRequest


class Room:
    """Who asks first whether something fits, and then takes, never exceeds the limits.

    Events that come back, from a try that failed or from a journal, are taken whether
    they fit or not: they were accepted before.
    """

    __slots__ = ("_max_events", "_max_octets", "events", "octets")

    def __init__(self, *, events: int, octets: int) -> None:
        self._max_events = events
        self._max_octets = octets
        self.events = 0
        self.octets = 0

    def fits(self, octets: int) -> bool:
        """Whether there is room for one more event of this size."""
        return self.events < self._max_events and self.octets + octets <= self._max_octets

    def could_hold(self, octets: int) -> bool:
        """Whether there would be room if nothing else waited."""
        return octets <= self._max_octets

    def take(self, octets: int) -> None:
        """An event of this size waits."""
        self.events += 1
        self.octets += octets

    def give(self, octets: int) -> None:
        """It waits no more."""
        self.events -= 1
        self.octets -= octets


def event_size(request: RunRequest) -> int:
    """The bytes of an event that count: its payload and its state."""
    size = size_of(request.fields)
    if request.context.state:
        size += sum(len(key) + len(text) for key, text in request.context.state.items())
    return size
