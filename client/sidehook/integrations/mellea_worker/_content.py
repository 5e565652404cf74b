"""Projections of what a model reads: components, blocks, messages, contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from mellea.core import CBlock, Component, Context, ModelOutputThunk

from sidehook._payload import FrozenDict, FrozenList
from sidehook.integrations.mellea_worker._errors import NotProjectedError, refuse_change
from sidehook.integrations.mellea_worker._opaque import with_opaque
from sidehook.integrations.mellea_worker._projection import Projection, loaded_class, shaped


class BlockProjection(Projection):
    """A plain block of content."""

    __slots__ = ()

    @property
    def value(self) -> str | None:
        """Its text."""
        text: str | None = self._members.get("text")
        if text is None and self._members.get("attachments"):
            raise self._not_there("value")
        return text

    def __str__(self) -> str:
        return self.value or ""


class OutputProjection(BlockProjection):
    """An earlier output of a model, in a context."""

    __slots__ = ()

    def is_computed(self) -> bool:
        """Whether it is complete."""
        return self.value is not None


class TextProjection(Projection):
    """A text that the application holds as a block."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The text."""
        return str(self._members["text"])

    def __str__(self) -> str:
        return self.value


class RenderedProjection(Projection):
    """What a component gives to the template that makes a prompt of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        # Guards measure the length of this text.
        return f"TemplateRepresentation(args={dict(self._members['args'])!r})"


class ComponentProjection(Projection):
    """A component: something with arguments for a template."""

    __slots__ = ()

    def format_for_llm(self) -> object:
        """Return its arguments for the template, or its text when it has no template."""
        if self._members.get("args") is None:
            return self._members.get("text")
        return self._rendered(self._members["args"])

    def _rendered(self, args: Mapping[str, Any]) -> RenderedProjection:
        kept = ("role", "tool_calls", "attachments")
        here = {name: self._members.get(name) for name in kept}
        kind = shaped(RenderedProjection, "TemplateRepresentation", None)
        return kind({**here, "obj": self, "args": args}, self._below("format_for_llm()"))

    @property
    def images(self) -> None:
        """None; images do not cross, so a component that has some has no such attribute."""
        return self._no_attachment("image", "images")

    @property
    def audio(self) -> None:
        """None; sound does not cross, so a component that has some has no such attribute."""
        return self._no_attachment("audio", "audio")

    def _no_attachment(self, kind: str, name: str) -> None:
        if any(a.get("kind") == kind for a in self._members.get("attachments") or ()):
            raise self._not_there(name)

    def _argument(self, name: str, attribute: str) -> Any:
        arguments: Mapping[str, Any] = self._members.get("args") or {}
        if name not in arguments:
            raise self._not_there(attribute)
        return arguments[name]

    def _text(self, value: object, attribute: str) -> object:
        if not isinstance(value, str):
            return value
        return shaped(TextProjection, "CBlock", CBlock)({"text": value}, self._below(attribute))


class InstructionProjection(ComponentProjection):
    """An instruction, with those of its private attributes that mellea's own guides use."""

    __slots__ = ()

    @property
    def _description(self) -> object:
        return self._text(self._argument("description", "_description"), "_description")

    @property
    def _prefix(self) -> object:
        return self._text(self._argument("prefix", "_prefix"), "_prefix")

    @property
    def _icl_examples(self) -> object:
        examples = self._argument("icl_examples", "_icl_examples")
        return FrozenList(self._text(example, "_icl_examples") for example in examples)

    @property
    def _grounding_context(self) -> object:
        passages = self._argument("grounding_context", "_grounding_context")
        return FrozenDict(
            {name: self._text(text, "_grounding_context") for name, text in passages.items()}
        )


class MessageProjection(ComponentProjection):
    """A message of a chat."""

    __slots__ = ()

    def format_for_llm(self) -> object:
        """Return its text and documents for the template."""
        args = self._members.get("args")
        return self._rendered(
            FrozenDict(content=self.content, documents=None) if args is None else args
        )

    @property
    def content(self) -> str:
        """Its text."""
        text = self._members.get("text")
        return str(self._argument("content", "content") if text is None else text)

    @property
    def tool_calls(self) -> Any:
        """The tool calls it carries, None without any."""
        return self._members.get("tool_calls")

    def __repr__(self) -> str:
        return f'mellea.Message(role="{self._members.get("role")}", content="{self.content}")'


class ContextProjection(Projection):
    """A conversation."""

    __slots__ = ()

    def view_for_generation(self) -> Entries | NewestEntries | None:
        """Return its entries, None when it has no linear view."""
        return entries_of(self._members, self._below("view_for_generation()"))


class Entries(FrozenList):
    """Every entry of a conversation."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Entries:
        # Of entries that cannot change, so that a deep copy of a payload still equals it.
        return self


class NewestEntries:
    """The newest entries of a conversation whose older ones did not cross.

    `entries[-1]` and `entries[-3:]` are there. What needs the whole raises
    NotProjectedError: a guard that reads every message must not take some for all.
    """

    __slots__ = ("_entries", "_path", "_total")

    def __init__(self, entries: Entries, total: int, path: str) -> None:
        self._entries = entries
        self._total = total
        self._path = path

    def __getitem__(self, index: int | slice) -> Any:
        start = index.start if isinstance(index, slice) else index
        if not isinstance(start, int) or not -len(self._entries) <= start < 0:
            self._refuse()
        return self._entries[index]

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed(self._entries)
        self._refuse()

    def __bool__(self) -> bool:
        return True

    def __copy__(self) -> NewestEntries:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> NewestEntries:
        return self

    def __setitem__(self, index: int | slice, value: object) -> NoReturn:
        refuse_change(f"payload.{self._path}")

    def _refuse(self, *_: object) -> NoReturn:
        raise NotProjectedError(
            self._path,
            f"holds the newest {len(self._entries)} of {self._total} entries: [-1] and [-3:] are "
            "there, and what needs all of them is not; RemoteHooks(context_entries=…) of the "
            "application says how many cross",
        )

    __iter__ = __len__ = __contains__ = __add__ = __radd__ = _refuse


_SHAPES: Mapping[str, type[Projection]] = {
    "CBlock": BlockProjection,
    "ModelOutputThunk": OutputProjection,
    "Instruction": InstructionProjection,
    "Message": MessageProjection,
}
_KINDS: Mapping[str, type[Projection]] = {"block": BlockProjection, "output": OutputProjection}


def component(members: FrozenDict, path: str) -> Projection:
    """Return the projection of something that a model reads."""
    name = str(members["type"])
    real = loaded_class(name, (Component, CBlock, ModelOutputThunk))
    ancestors = [name] if real is None else [kind.__name__ for kind in real.__mro__]
    by_kind = _KINDS.get(str(members.get("kind")), ComponentProjection)
    shape = next((_SHAPES[kind] for kind in ancestors if kind in _SHAPES), by_kind)
    return shaped(shape, name, real)(with_opaque(members, path), path)


def context(members: FrozenDict, path: str) -> object:
    """Return the projection of a conversation; of a bare list its entries."""
    if members.get("type") is None:
        return entries_of(members, path)
    name = str(members["type"])
    return shaped(ContextProjection, name, loaded_class(name, (Context,)))(members, path)


def entries_of(members: Mapping[str, Any], path: str) -> Entries | NewestEntries | None:
    """Return the entries that crossed, as all of them only when they are."""
    if members.get("entries") is None:
        return None
    crossed: list[FrozenDict] = members["entries"]
    entries = Entries(component(entry, f"{path}[{i}]") for i, entry in enumerate(crossed))
    if members.get("left_out") is None:
        return entries
    return NewestEntries(entries, int(members["total"]), path)
