"""The fields handed to a hook, as application and hooks read them. Pure.

A payload is a mapping from field name to value and reads like an object:
`payload.component_type`, `payload["component_type"]`. Values are decoded when they are
first read, one by one, and nothing in a payload can be changed: a hook that wants
another value returns `modify(payload, field=value)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn, Self, TypeAlias

from sidehook._call import Fields, Receipt
from sidehook._errors import EncodeError
from sidehook._json import decode_value, encode_value
from sidehook._types import JSON, Value

AnyReceipt: TypeAlias = "Receipt | Callable[[], Receipt] | None"
"""A receipt, what makes it when it is first read, or none."""

MAX_NAME_BYTES = 256
"""The longest field name, in UTF-8 bytes."""


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("payloads are read-only; return modify(payload, field=new_value) instead")


class FrozenDict(dict[str, Any]):
    """An object in a payload: a dict that cannot be changed. `dict(it)` is a copy that can."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {name: _thaw(member) for name, member in self.items()}

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


class FrozenList(list[Any]):
    """An array in a payload: a list that cannot be changed. `list(it)` is a copy that can."""

    __slots__ = ()

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = _refuse
    remove = reverse = sort = _refuse

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [_thaw(item) for item in self]

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        return list, (list(self),)


Frozen: TypeAlias = "None | bool | int | float | str | bytes | FrozenList | FrozenDict"
"""What a field of a payload reads as."""


def _freeze(value: JSON | bytes) -> Frozen:
    if isinstance(value, dict):
        return FrozenDict({name: _freeze(member) for name, member in value.items()})
    if isinstance(value, list):
        return FrozenList([_freeze(item) for item in value])
    return value


def _thaw(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _thaw(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_thaw(item) for item in value]
    return value


class MissingFieldError(KeyError, AttributeError):
    """The payload has no such field. A KeyError for items, an AttributeError for attributes."""

    def __init__(self, name: str, present: Iterator[str]) -> None:
        super().__init__(name)
        self.name = name
        self._present = ", ".join(present) or "none at all"

    def __str__(self) -> str:
        return f"the payload has no field {self.name!r}; its fields are: {self._present}"


class Payload(Mapping[str, Any]):
    """The fields of one call, read-only, decoded as they are read.

    A field whose name is also a name of this class (`get`, `items`, `receipt`, …) is
    reached as an item. `copy.deepcopy(payload[name])` is a copy that can be changed.

    `receipt` tells what happened to the hooks, on a payload that a client's `invoke`
    returned. Elsewhere, and when the client went on without a verdict, it is None.
    """

    __slots__ = ("_fields", "_receipt", "_source", "_values")

    _fields: dict[str, Any]
    _values: dict[str, Frozen]
    _receipt: Receipt | Callable[[], Receipt] | None
    # What the fields are encoded from when they are first wanted, where `_fields` is not set.
    _source: Mapping[str, object]

    def __init__(self, fields: Fields, *, receipt: AnyReceipt = None) -> None:
        # Here and in `unasked`, for assigning to an attribute is refused below.
        _set_fields(self, dict(fields))
        _set_receipt(self, receipt)

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> Self:
        """Encode plain values: what JSON can carry, and `bytes` as they are.

        Raises EncodeError, which holds the path to the value, for anything else.
        """
        if isinstance(values, Payload):
            return cls(values.wire_fields)
        return cls({_checked(name): encode_value(value, name) for name, value in values.items()})

    @property
    def receipt(self) -> Receipt | None:
        """What happened to the hooks, on a payload that a client's `invoke` returned."""
        receipt = self._receipt
        if receipt is None or isinstance(receipt, Receipt):
            return receipt
        receipt = receipt()
        _set_receipt(self, receipt)
        return receipt

    @property
    def wire_fields(self) -> Fields:
        """The fields as they travel: name to opaque value."""
        return self._fields

    def patched(self, patch: Fields, *, receipt: AnyReceipt = None) -> Self:
        """Return a payload with the patch's fields in place of this one's."""
        payload = _new(type(self))
        if patch:
            _set_fields(payload, {**self._fields, **patch})
        else:
            # What nobody can change may be shared, and with it what was decoded.
            _set_fields(payload, self._fields)
            _set_values(payload, self._values)
        _set_receipt(payload, receipt)
        return payload

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        if name not in self._fields:
            raise MissingFieldError(name, iter(self._fields))
        value = self._values[name] = _freeze(decode_value(self._fields[name]))
        return value

    def __getattr__(self, name: str) -> Any:
        if name == "_fields":
            # Of a payload that nobody was asked about, and only there.
            fields = _encoded(self._source)
            _set_fields(self, fields)
            return fields
        if name == "_values":
            values: dict[str, Frozen] = {}
            _set_values(self, values)
            return values
        # The first: a copy under construction has nothing yet that could be asked for.
        if name in Payload.__slots__ or name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _refuse()

    __delattr__ = __setitem__ = __delitem__ = _refuse

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._fields})

    def __repr__(self) -> str:
        # Names only: a repr ends up in logs, where payload text must not.
        return f"{type(self).__name__}({', '.join(self._fields)})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self._fields, self.receipt)


_new = object.__new__

_REMEMBERED: Final = 1024

# Names that were found good before: applications have few, and use them in every call.
_good_names: set[str] = set()

# Assigning to an attribute is refused; its slot can still be set.
_set_fields: Callable[[Payload, object], None] = Payload.__dict__["_fields"].__set__
_set_values: Callable[[Payload, object], None] = Payload.__dict__["_values"].__set__
_set_receipt: Callable[[Payload, object], None] = Payload.__dict__["_receipt"].__set__
_set_source: Callable[[Payload, object], None] = Payload.__dict__["_source"].__set__


def _restored(view: type[Payload], fields: Fields, receipt: Receipt | None) -> Payload:
    return view(fields, receipt=receipt)


def unasked(
    given: Mapping[str, object] | None, fields: Mapping[str, object], receipt: AnyReceipt
) -> Payload:
    """Return what `to_payload` does, with a receipt, when nobody is asked about it.

    Values that are not encoded yet are encoded when one is first read: EncodeError comes then.
    """
    view, source = Payload, given
    if given is None:
        source = fields
    elif isinstance(given, Payload):
        view = type(given)
        if fields:
            source = {**given.wire_fields, **fields}
    elif type(given) is dict:
        # What its owner puts into it later is not in the payload.
        source = {**given, **fields} if fields else given.copy()
    else:
        source = {**_mapping(given), **fields}
    payload: Payload = _new(view)
    _set_source(payload, source)
    _set_receipt(payload, receipt)
    return payload


def _encoded(source: Mapping[str, object]) -> dict[str, Any]:
    """The fields of values that were encoded before, and of others."""
    if isinstance(source, Payload):
        return dict(source.wire_fields)
    return {
        _checked(name): value if type(value) is Value else encode_value(value, name)
        for name, value in source.items()
    }


def to_payload(payload: Mapping[str, object] | None, fields: Mapping[str, object]) -> Payload:
    """Return the payload of a call that was given a payload, a mapping, keywords, or several."""
    if payload is None:
        return Payload.from_values(fields)
    given = payload if isinstance(payload, Payload) else Payload.from_values(_mapping(payload))
    return given.patched(Payload.from_values(fields).wire_fields) if fields else given


def _mapping(payload: Mapping[str, object]) -> Mapping[str, object]:
    if not isinstance(payload, Mapping):
        raise TypeError(
            f"a payload is a Payload or a mapping from field name to value, "
            f"not {type(payload).__name__}"
        )
    return payload


def _checked(name: object) -> str:
    if type(name) is str and name in _good_names:
        return name
    if not isinstance(name, str):
        raise EncodeError(repr(name), f"a field's name is text, not {type(name).__name__}")
    try:
        octets = name.encode()
    except UnicodeEncodeError:
        raise EncodeError(ascii(name), "a field's name is valid Unicode") from None
    if not 1 <= len(octets) <= MAX_NAME_BYTES:
        raise EncodeError(name[:40], f"a field's name has 1 to {MAX_NAME_BYTES} bytes")
    if len(_good_names) < _REMEMBERED and type(name) is str:
        _good_names.add(name)
    return name
