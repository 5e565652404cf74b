"""Projections of the events of a stream."""

from __future__ import annotations

from mellea.core.requirement import PartialValidationSummary
from mellea.stdlib.streaming import FullValidationEvent, StreamEvent

from sidehook._payload import FrozenDict, FrozenList
from sidehook.integrations.mellea_worker._checks import validation_result
from sidehook.integrations.mellea_worker._projection import Projection, loaded_class, shaped


class StreamEventProjection(Projection):
    """An event of a stream."""

    __slots__ = ()

    @property
    def results(self) -> FrozenList:
        """The result of each check."""
        if "results" not in self._members:
            raise self._not_there("results")
        full = isinstance(self, FullValidationEvent)
        one = validation_result if full else _summary
        return FrozenList(
            one(result, f"{self._below('results')}[{i}]")
            for i, result in enumerate(self._members["results"])
        )


def stream_event(members: FrozenDict, path: str) -> Projection:
    """Return the projection of an event."""
    name = str(members["type"])
    real = loaded_class(name, (StreamEvent,)) or StreamEvent
    return shaped(StreamEventProjection, name, real)(members, path)


def _summary(members: FrozenDict, path: str) -> Projection:
    kind = shaped(Projection, "PartialValidationSummary", PartialValidationSummary)
    return kind(members, path)
