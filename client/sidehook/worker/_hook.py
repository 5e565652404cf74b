"""The `@hook` decorator, and the frozen definition that it leaves on a function.

The function itself is returned unchanged. Everything that can be wrong with a
definition is found at decoration, where the author looks at it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from sidehook._errors import DefinitionError
from sidehook._manifest import ErrorPolicy, HookSpec
from sidehook._types import Mode, OnError, OnRejected
from sidehook.worker._terms import check_terms

DEFINITION_ATTRIBUTE = "__sidehook__"
"""The attribute of a decorated function that holds its Definition."""

MAX_DESCRIPTION = 256
"""The longest description taken from a docstring, in characters."""

HandlerT = TypeVar("HandlerT", bound=Callable[..., object])
ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Definition:
    """What `@hook` knows about a function: its terms, and whether its author named it."""

    spec: HookSpec
    named: bool

    def renamed(self, name: str) -> Definition:
        """Return this definition under another name; raises DefinitionError for a bad one."""
        spec = replace(self.spec, name=name)
        check_terms(f"hook {name}", spec)
        return replace(self, spec=spec)


def hook(
    hook_type: str,
    *,
    mode: Mode | str | None = None,
    name: str | None = None,
    priority: int | None = None,
    timeout: float | None = None,
    on_error: OnError | ErrorPolicy | str | None = None,
    scope: str | None = None,
    condition: str | None = None,
    fields: Collection[str] | None = None,
    requires_final_payload: bool | None = None,
    idempotent: bool | None = None,
    on_rejected: OnRejected | str | None = None,
    sample: float | None = None,
    description: str | None = None,
) -> Callable[[HandlerT], HandlerT]:
    """Declare a function or method `(payload, ctx)` as a hook of `hook_type`.

    The function may be `def` (it runs in a thread) or `async def`, and returns None,
    `modify(payload, ...)` or `block(...)`. Every term that is not given is the default
    of the mode, and every term can be overridden by the sidecar's operator.

    - `mode`: when it runs and what it may do; SEQUENTIAL when not given.
    - `name`: unique in the worker; the function's qualified name when not given.
    - `priority`: lower runs earlier, -1000000 to 1000000, 50 when not given.
    - `timeout`: seconds for one run, over 0 and up to 3600.
    - `on_error`: what a failure of this hook does to the call.
    - `scope`: run only for calls that name this scope.
    - `condition`: a CEL expression; the hook is skipped where it is false.
    - `fields`: the payload fields it needs; it receives no others.
    - `requires_final_payload`: a SEQUENTIAL hook that runs behind all mutators.
    - `idempotent`: the same run may reach it twice without harm.
    - `on_rejected`: what becomes of fields it may not write.
    - `sample`: the share of calls it sees, over 0 and up to 1; AUDIT and
      FIRE_AND_FORGET only.
    - `description`: a sentence for people; the docstring's first line when not given.

    Raises DefinitionError, which names the function and the term, at decoration.
    """

    def decorate(handler: HandlerT) -> HandlerT:
        _check_handler(handler)
        where = f"@hook on {handler.__qualname__}"
        spec = HookSpec(
            name=_default_name(handler) if name is None else name,
            # A member of HookType is a str with manners of its own; the plain one travels.
            hook_type=str(hook_type),
            mode=_choice(where, "mode", mode, Mode),
            priority=priority,
            timeout=timeout,
            on_error=_error_policy(where, on_error),
            scope=scope,
            condition=condition,
            fields=_field_names(where, fields),
            requires_final_payload=requires_final_payload,
            idempotent=idempotent,
            on_rejected=_choice(where, "on_rejected", on_rejected, OnRejected),
            sample=sample,
            description=_docstring(handler) if description is None else description,
        )
        check_terms(where, spec)
        setattr(handler, DEFINITION_ATTRIBUTE, Definition(spec, named=name is not None))
        return handler

    return decorate


def definition_of(handler: object) -> Definition | None:
    """Return the definition that `@hook` left on a function or bound method, if any."""
    found = getattr(handler, DEFINITION_ATTRIBUTE, None)
    return found if isinstance(found, Definition) else None


def takes_payload_and_context(handler: Callable[..., object]) -> bool:
    """Whether the callable can be called with two positional arguments."""
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError:
        return False
    return True


def _check_handler(handler: object) -> None:
    if isinstance(handler, staticmethod | classmethod):
        raise DefinitionError(
            f"@hook decorates a function, not a {type(handler).__name__}; "
            f"put @hook below @{type(handler).__name__}, next to the def"
        )
    if not inspect.isfunction(handler):
        kind = "a class" if inspect.isclass(handler) else type(handler).__name__
        raise DefinitionError(f"@hook decorates a function or method, not {kind}")
    where = f"@hook on {handler.__qualname__}"
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise DefinitionError(f"{where}: a hook answers once, so it cannot be a generator")
    if definition_of(handler) is not None:
        raise DefinitionError(
            f"{where}: it is a hook already; call one function from two hooks instead"
        )
    _check_signature(where, handler)


def _check_signature(where: str, handler: Callable[..., object]) -> None:
    # Inside a class body a function may still get `self`; collecting looks at it again
    # once it is bound.
    in_class = "." in handler.__qualname__.rpartition("<locals>.")[2]
    if takes_payload_and_context(handler):
        return
    try:
        inspect.signature(handler).bind(*(None,) * (3 if in_class else 2))
    except TypeError as error:
        wanted = "(self, payload, ctx)" if in_class else "(payload, ctx)"
        raise DefinitionError(
            f"{where}: a hook is called with {wanted}, and its signature is "
            f"{inspect.signature(handler)}"
        ) from error


def _default_name(handler: Callable[..., object]) -> str:
    return handler.__qualname__.rpartition("<locals>.")[2]


def _docstring(handler: Callable[..., object]) -> str | None:
    text = inspect.getdoc(handler)
    return text.splitlines()[0][:MAX_DESCRIPTION] if text else None


def _choice(
    where: str, term: str, value: ChoiceT | str | None, choices: type[ChoiceT]
) -> ChoiceT | None:
    if value is None:
        return None
    try:
        return choices(value)
    except ValueError as error:
        known = ", ".join(choices)
        raise DefinitionError(f"{where}: {term} {value!r} is none of {known}") from error


def _error_policy(where: str, given: OnError | ErrorPolicy | str | None) -> ErrorPolicy | None:
    if given is None or isinstance(given, ErrorPolicy):
        return given
    return ErrorPolicy(default=_choice(where, "on_error", given, OnError))


def _field_names(where: str, fields: object) -> tuple[str, ...] | None:
    if fields is None:
        return None
    if isinstance(fields, str) or not isinstance(fields, Collection):
        raise DefinitionError(
            f"{where}: fields is a collection of field names, such as ('model_options',), "
            f"not {type(fields).__name__}"
        )
    # A set has no order of its own, and replicas must declare a hook in the same words.
    return tuple(sorted(fields, key=str) if isinstance(fields, set | frozenset) else fields)
