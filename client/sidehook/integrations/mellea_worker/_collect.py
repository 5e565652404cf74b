"""Finds what a module holds for mellea: hooks, plugins, sets of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeGuard

from cpex.framework.base import Plugin as CpexPlugin
from cpex.framework.decorator import get_hook_metadata
from mellea.plugins import Plugin, PluginSet

from sidehook._errors import DefinitionError
from sidehook._manifest import ErrorPolicy, HookSpec
from sidehook._types import Mode, OnError
from sidehook.integrations.mellea_worker._handler import MelleaHook, served
from sidehook.integrations.mellea_worker._payloads import HOOK_TYPES
from sidehook.worker._collect import Hook, load
from sidehook.worker._hook import MAX_DESCRIPTION
from sidehook.worker._terms import check_terms

DEFAULT_PRIORITY = 50
"""The priority of a hook that names none, in mellea and here."""

_DISABLED = "disabled"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.:-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """One hook as mellea would register it.

    `on_error` is what its author says, None when he says nothing; `mellea_on_error` is
    what holds in mellea then.
    """

    name: str
    hook_type: str
    mode: str
    priority: int
    function: MelleaHook
    on_error: str | None = None
    mellea_on_error: str = OnError.IGNORE


def mellea_hooks(sources: Iterable[str | ModuleType], *, fails_open: bool = False) -> list[Hook]:
    """Return the hooks that files and modules hold for mellea, ready for a worker to serve.

    A file is named by its path, a module by its dotted name. `fails_open`: what a hook
    that fails does is what it does in mellea; else the default of its mode holds.

    Raises DefinitionError for a source without such a hook and for a hook that cannot be
    served. Imports the sources.
    """
    hooks: dict[str, Hook] = {}
    for source in sources:
        module = load(source) if isinstance(source, str) else source
        found = list(_distinct(_in_module(module)))
        if not found:
            raise DefinitionError(
                f"module {module.__file__ or module.__name__} holds no hook written for mellea; "
                "without --mellea a worker serves hooks written for sidehook"
            )
        for one in found:
            hook = _hook(one, fails_open=fails_open)
            known = hooks.setdefault(hook.spec.name, hook)
            if known is not hook:
                raise DefinitionError(
                    f"two hooks are called {hook.spec.name}: {known.source} and {hook.source}; "
                    "mellea takes only one of that name too"
                )
    return list(hooks.values())


def _in_module(module: ModuleType) -> Iterator[_Found]:
    """Yield what the module's sets hold, then what it holds besides."""
    members = list(vars(module).values())
    sets = [member for member in members if isinstance(member, PluginSet)]
    nested = [inner for group in sets for inner in _sets_in(group)]
    in_sets = [
        (item, priority)
        for group in sets
        if not any(group is inner for inner in nested)
        for item, priority in group.flatten()
    ]
    for item, priority in in_sets:
        yield from _in_item(item, priority)
    taken = [item for item, _ in in_sets]
    for member in members:
        if not any(member is item for item in taken) and _is_ours(module, members + taken, member):
            yield from _in_item(_instance(member) if inspect.isclass(member) else member, None)


def _sets_in(group: Any) -> Iterator[object]:
    for item in group.items:
        if isinstance(item, PluginSet):
            yield item
            yield from _sets_in(item)


def _is_ours(module: ModuleType, members: list[object], member: object) -> bool:
    """Whether a member is something to serve: a class only where there is no instance of it."""
    if not inspect.isclass(member):
        return _is_hook(member) or isinstance(member, Plugin | CpexPlugin)
    own = member.__module__ == module.__name__ and issubclass(member, Plugin | CpexPlugin)
    return own and not any(
        isinstance(other, member) or _is_below(other, member) for other in members
    )


def _is_below(other: object, kind: type) -> bool:
    return inspect.isclass(other) and other is not kind and issubclass(other, kind)


def _instance(kind: type) -> object:
    try:
        inspect.signature(kind).bind()
    except TypeError as error:
        raise DefinitionError(
            f"class {kind.__qualname__} cannot be made without arguments; "
            "make an instance in the module"
        ) from error
    instance: object = kind()
    return instance


def _is_hook(item: object) -> TypeGuard[Any]:
    return inspect.isroutine(item) and hasattr(item, "_mellea_hook_meta")


def _in_item(item: object, priority: int | None) -> Iterator[_Found]:
    if _is_hook(item):
        yield _in_function(item, priority)
    elif isinstance(item, Plugin):
        yield from _in_plugin(item, priority)
    elif isinstance(item, CpexPlugin):
        yield from _in_cpex_plugin(item)
    else:
        raise DefinitionError(
            f"a PluginSet holds an object of class {type(item).__qualname__}: no function with "
            "@hook, no Plugin and no MelleaPlugin"
        )


def _in_function(function: Any, priority: int | None) -> _Found:
    meta = function._mellea_hook_meta  # noqa: SLF001 - where mellea keeps it
    return _Found(
        name=f"{function.__module__}.{function.__qualname__}",
        hook_type=str(meta.hook_type),
        mode=str(meta.mode),
        priority=_first(priority, meta.priority, DEFAULT_PRIORITY),
        function=function,
    )


def _in_plugin(plugin: Any, priority: int | None) -> Iterator[_Found]:
    about = getattr(type(plugin), "_mellea_plugin_meta", None)
    if about is None:
        kind = type(plugin).__qualname__
        raise DefinitionError(
            f"plugin class {kind} has no name; give it one: class {kind}(Plugin, name=...)"
        )
    # As mellea looks for them.
    names = (name for name in dir(plugin) if not name.startswith("_"))
    for method in (getattr(plugin, name, None) for name in names):
        if _is_hook(method):
            meta = method._mellea_hook_meta  # noqa: SLF001 - where mellea keeps it
            yield _Found(
                name=f"{about.name}.{meta.hook_type}",
                hook_type=str(meta.hook_type),
                mode=str(meta.mode),
                priority=_first(priority, meta.priority, about.priority),
                function=method,
            )


def _in_cpex_plugin(plugin: Any) -> Iterator[_Found]:
    config = plugin.config
    if hasattr(plugin, "invoke_hook"):
        raise DefinitionError(
            f"plugin {config.name} hands its calls to hooks elsewhere (it has invoke_hook) and "
            "holds none of its own; serve the file that holds them"
        )
    if config.conditions:
        raise DefinitionError(
            f"plugin {config.name} has conditions, which cannot be served; "
            "check them in the hook itself"
        )
    if config.mode == _DISABLED:
        return
    for hook_type in config.hooks:
        yield _Found(
            name=f"{config.name}.{hook_type}",
            hook_type=str(hook_type),
            mode=str(config.mode),
            priority=config.priority,
            function=_method(plugin, str(hook_type)),
            on_error=str(config.on_error) if "on_error" in config.model_fields_set else None,
            mellea_on_error=OnError.FAIL,
        )


def _method(plugin: Any, hook_type: str) -> MelleaHook:
    """Return the method for a hook type, by its name or by cpex's decorator, as cpex finds it."""
    named = getattr(plugin, hook_type, None)
    marked = (method for _, method in inspect.getmembers(plugin, inspect.ismethod))
    by_mark = (m for m in marked if (meta := get_hook_metadata(m)) and meta.matches(hook_type))
    method: Any = named if named is not None else next(by_mark, None)
    if method is None or not inspect.iscoroutinefunction(method):
        raise DefinitionError(f"plugin {plugin.name} has no `async def {hook_type}`")
    if len(inspect.signature(method).parameters) != 3:
        return method  # type: ignore[no-any-return]  # a bound method of an untyped class

    async def without_extensions(payload: object, context: object) -> object:
        # mellea has no extensions to hand over either.
        return await method(payload, context, None)

    return without_extensions


def _distinct(found: Iterable[_Found]) -> Iterator[_Found]:
    """Leave out what a module holds twice: under two names, or in two sets that agree."""
    seen: list[_Found] = []
    for one in found:
        if one not in seen:
            seen.append(one)
            yield one


def _hook(found: _Found, *, fails_open: bool) -> Hook:
    if found.hook_type not in HOOK_TYPES:
        raise DefinitionError(
            f"hook {found.name}: {found.hook_type!r} is no hook type of mellea; "
            f"it has {', '.join(sorted(HOOK_TYPES))}"
        )
    on_error = found.on_error or (found.mellea_on_error if fails_open else None)
    spec = HookSpec(
        name=_NOT_IN_NAMES.sub("_", found.name),
        hook_type=found.hook_type,
        mode=Mode(found.mode),
        priority=found.priority,
        on_error=None if on_error is None else ErrorPolicy(default=OnError(on_error)),
        description=_first_line(inspect.getdoc(found.function)),
    )
    check_terms(f"hook {found.name}", spec)
    return Hook(
        spec=spec, handler=served(found.function), is_async=True, source=_source(found.function)
    )


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _first_line(text: str | None) -> str | None:
    return text.splitlines()[0][:MAX_DESCRIPTION] if text else None


def _source(function: object) -> str:
    code = inspect.unwrap(function).__code__  # type: ignore[arg-type]  # a function or a method
    return f"{code.co_filename}:{code.co_firstlineno}"
