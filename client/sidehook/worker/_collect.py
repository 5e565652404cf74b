"""From what an author hands over to the hooks that a worker serves.

An author hands over decorated functions, bound methods, classes and instances with
decorated methods, hook sets, modules, and files or modules by their names.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from sidehook._errors import DefinitionError
from sidehook._manifest import HookSpec
from sidehook.worker._hook import (
    DEFINITION_ATTRIBUTE,
    Definition,
    definition_of,
    takes_payload_and_context,
)
from sidehook.worker._terms import MAX_PRIORITY

Handler: TypeAlias = Callable[..., object]
"""Called with payload and context; a coroutine function or a plain one."""

Item: TypeAlias = object
"""What an author may hand over; `collect` says which objects it knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook that a worker serves. `source` is `file:line` of its handler."""

    spec: HookSpec
    handler: Handler
    is_async: bool
    source: str


class HookSet:
    """A named group of hooks, hook classes and other sets, to be served together.

    `priority` takes the place of the priority of everything in it, also of what is in
    sets inside it. The name is for people; it is no part of the hooks' names.
    """

    __slots__ = ("items", "name", "priority")

    def __init__(self, name: str, *items: Item, priority: int | None = None) -> None:
        whole = isinstance(priority, int) and not isinstance(priority, bool)
        if priority is not None and not (whole and abs(priority) <= MAX_PRIORITY):
            raise DefinitionError(
                f"hook set {name!r}: priority {priority!r} must be an int "
                f"from -{MAX_PRIORITY} to {MAX_PRIORITY}"
            )
        if not items:
            raise DefinitionError(f"hook set {name!r} holds nothing")
        self.name = name
        self.items = items
        self.priority = priority

    def __repr__(self) -> str:
        return f"HookSet({self.name!r}, {len(self.items)} items)"


def collect(items: Iterable[Item]) -> tuple[Hook, ...]:
    """Return the hooks in `items`, in order, each once.

    Raises DefinitionError for an item that holds no hook, for two hooks of one name,
    and for what cannot be loaded. Imports files and modules given by name.
    """
    found: dict[str, Hook] = {}
    for item in items:
        for hook in _hooks_in(item):
            known = found.setdefault(hook.spec.name, hook)
            if known != hook:
                raise DefinitionError(
                    f"two hooks are called {hook.spec.name}: {known.source} and {hook.source}; "
                    "give one of them another name with @hook(..., name=...)"
                )
    return tuple(found.values())


def load(name: str) -> ModuleType:
    """Import a Python file by its path, or a module by its dotted name.

    Raises DefinitionError when there is none; what the module's own code raises comes
    through as it is.
    """
    if name.endswith(".py") or "/" in name:
        return _load_file(Path(name))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise
        raise DefinitionError(
            f"there is no module {name}; a file is named by its path, such as ./{name}.py"
        ) from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise DefinitionError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"{path} is no Python file")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        # As when Python runs the file: it may import its neighbours.
        sys.path.insert(0, folder)
    module = importlib.util.module_from_spec(spec)
    # Under its own name, so that its dataclasses and pickles find it; never over a
    # module that is there already.
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _hooks_in(item: Item) -> Iterator[Hook]:
    if isinstance(item, Hook):
        yield item
        return
    definition = definition_of(item) if callable(item) and not inspect.isclass(item) else None
    if definition is not None and callable(item):
        yield _hook(item, definition)
    elif isinstance(item, HookSet):
        yield from _in_set(item)
    elif isinstance(item, ModuleType):
        yield from _in_module(item)
    elif isinstance(item, str | Path):
        yield from _in_module(load(str(item)))
    elif inspect.isclass(item):
        yield from _in_instance(_instance(item))
    else:
        yield from _in_instance(item)


def _in_set(group: HookSet) -> Iterator[Hook]:
    for item in group.items:
        for hook in _hooks_in(item):
            if group.priority is None:
                yield hook
            else:
                yield replace(hook, spec=replace(hook.spec, priority=group.priority))


def _in_instance(instance: object) -> Iterator[Hook]:
    kind = type(instance)
    names = [name for name, _ in _decorated(kind)]
    if not names:
        raise DefinitionError(
            f"{_described(instance)} holds no hook: decorate its functions with @hook"
        )
    for name in names:
        method: Handler | None = getattr(instance, name)
        if method is None:
            # How a subclass says that it does without a hook of its base.
            continue
        definition = definition_of(method)
        if definition is None:
            raise DefinitionError(
                f"{kind.__qualname__}.{name} takes the place of a hook and is none itself; "
                f"decorate it with @hook, or leave the hook out with `{name} = None`"
            )
        own_name = f"{kind.__name__}.{name}"
        yield _hook(method, definition if definition.named else definition.renamed(own_name))


def _decorated(kind: type) -> Iterator[tuple[str, object]]:
    """Return the names of decorated methods, base classes first, in order of definition."""
    seen: set[str] = set()
    for ancestor in reversed(kind.__mro__):
        for name, member in vars(ancestor).items():
            marked = getattr(getattr(member, "__func__", member), DEFINITION_ATTRIBUTE, None)
            if isinstance(marked, Definition) and name not in seen:
                seen.add(name)
                yield name, member


def _in_module(module: ModuleType) -> Iterator[Hook]:
    """Return what a module holds by name: its own hooks and the ones it imported.

    Hook classes are served when they are the module's own and it holds no instance of
    them; a hook that is in one of the module's sets is served as the set has it.
    """
    members = list(vars(module).values())
    in_sets = [hook for m in members if isinstance(m, HookSet) for hook in _in_set(m)]
    grouped = {hook.spec.name for hook in in_sets}
    alone = [hook for m in members for hook in _alone(module, members, m)]
    hooks = [*in_sets, *(hook for hook in alone if hook.spec.name not in grouped)]
    if not hooks:
        raise DefinitionError(
            f"{_described(module)} holds no hook: decorate its functions with @hook"
        )
    yield from hooks


def _alone(module: ModuleType, members: list[object], member: object) -> Iterator[Hook]:
    definition = definition_of(member) if callable(member) else None
    if inspect.isclass(member):
        own = member.__module__ == module.__name__ and not inspect.isabstract(member)
        if own and _has_hooks(member) and not any(type(other) is member for other in members):
            yield from _in_instance(_instance(member))
    elif definition is not None and callable(member):
        yield _hook(member, definition)
    elif not isinstance(member, ModuleType | HookSet) and _has_hooks(type(member)):
        yield from _in_instance(member)


def _has_hooks(kind: type) -> bool:
    return any(True for _ in _decorated(kind))


def _instance(kind: type) -> object:
    if not _has_hooks(kind):
        raise DefinitionError(f"{_described(kind)} holds no hook: decorate its methods with @hook")
    try:
        inspect.signature(kind).bind()
    except TypeError as error:
        raise DefinitionError(
            f"{_described(kind)} cannot be made without arguments; hand over an instance"
        ) from error
    instance: object = kind()
    return instance


def _hook(handler: Handler, definition: Definition) -> Hook:
    if not takes_payload_and_context(handler):
        raise DefinitionError(
            f"{_described(handler)} is called with (payload, ctx), and takes "
            f"{inspect.signature(handler)}; a method is handed over with its class or instance"
        )
    return Hook(
        spec=definition.spec,
        handler=handler,
        is_async=inspect.iscoroutinefunction(handler),
        source=_source(handler),
    )


def _source(handler: Handler) -> str:
    code = getattr(inspect.unwrap(handler), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(handler)


def _described(item: object) -> str:
    if isinstance(item, ModuleType):
        return f"module {getattr(item, '__file__', None) or item.__name__}"
    if inspect.isclass(item):
        return f"class {item.__qualname__}"
    if inspect.isroutine(item):
        return f"{getattr(item, '__qualname__', item)}"
    return f"an object of class {type(item).__qualname__}"
