"""The catalogue against the payload classes of the installed mellea and cpex."""

import enum
import types
import typing
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest
import yaml

from sidehook._catalogue import CATALOGUE
from sidehook._hook_type_info import FieldInfo
from tests.repository import ROOT

pytest.importorskip(
    "mellea.plugins", reason="needs mellea: make .venv-mellea/.synced, and its pytest"
)

SOURCE = yaml.safe_load((ROOT / "proto" / "catalogue" / "hook_types.yaml").read_text())
MELLEA = [name for name, info in CATALOGUE.items() if info.source == "mellea"]
CPEX = [name for name, info in CATALOGUE.items() if info.source == "cpex"]

SETS_SESSION_ID = {"session_pre_init", "session_post_init", "session_cleanup"}

# A list in mellea, which crosses with its length and a mark for what is left out.
CROSSES_AS_CONTEXT = {("component_pre_execute", "context_view")}

PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
PLAIN_NAMES = {*PLAIN.values(), "json", "object", "string_map"}


def _payload_classes() -> dict[str, Any]:
    hook_types = import_module("mellea.plugins.types")
    hook_types.register_mellea_hooks()
    return {name: payload for name, (payload, _) in hook_types._HOOK_REGISTRY.items()}


def _cpex_registry() -> Any:
    for module in ("agents", "http", "identity", "message", "prompts", "resources", "tools"):
        import_module(f"cpex.framework.hooks.{module}")
    return import_module("cpex.framework.hooks.registry").get_hook_registry()


def _unwrapped(annotation: Any) -> tuple[list[Any], bool]:
    """Return the alternatives of an annotation, and whether None is one of them."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        alternatives = list(typing.get_args(annotation))
        return [one for one in alternatives if one is not types.NoneType], (
            types.NoneType in alternatives
        )
    return [annotation], False


def _may_be(annotation: Any, type_name: str) -> bool:
    """Whether a value of this annotation can cross as the type of the catalogue."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    plain = type_name.replace("[]", "")
    if origin is typing.Literal:
        return type_name == "string"
    if origin in (list, Sequence):
        return type_name.endswith("[]") and _may_be(arguments[0], type_name.removesuffix("[]"))
    if origin is tuple:
        return type_name == "checked_requirement"
    if origin is dict or annotation is dict:
        texts = bool(arguments) and arguments[1] is str
        return type_name == ("string_map" if texts else "object") or (
            type_name == "model_options" and not texts
        )
    if annotation is Any:
        return type_name == "json" or type_name not in PLAIN_NAMES or plain in ("object", "json")
    if annotation in PLAIN:
        return type_name == PLAIN[annotation]
    return _class_may_be(annotation, type_name)


def _class_may_be(annotation: Any, type_name: str) -> bool:
    if issubclass(annotation, BaseException):
        return type_name == "exception"
    if annotation.__name__ == "SecretStr" or issubclass(annotation, enum.Enum):
        return type_name == "string"
    if annotation.__name__ == "HttpHeaderPayload":
        return type_name == "string_map"
    return type_name == "object"


def _misdescribed(annotation: Any, field: FieldInfo) -> bool:
    alternatives, nullable = _unwrapped(annotation)
    if len(alternatives) > 1:
        return field.type != "json"
    # What is typed Any can hold None without saying so.
    says = alternatives[0] is not Any and field.nullable != nullable
    return says or not _may_be(alternatives[0], field.type)


def test_the_catalogue_is_made_for_the_installed_versions() -> None:
    assert {name: version(name) for name in SOURCE["made_for"]} == SOURCE["made_for"]


def test_every_hook_type_of_mellea_is_in_the_catalogue() -> None:
    hook_types = import_module("mellea.plugins.types")
    assert [hook_type.value for hook_type in hook_types.HookType] != []
    assert set(MELLEA) == {hook_type.value for hook_type in hook_types.HookType}
    assert set(MELLEA) == set(_payload_classes())


def test_the_fields_of_every_payload_are_accounted_for() -> None:
    base = import_module("mellea.plugins.base").MelleaBasePayload
    assert set(SOURCE["base_fields"]) == set(base.model_fields)


@pytest.mark.parametrize("name", MELLEA)
def test_the_catalogue_has_the_fields_of_a_mellea_payload(name: str) -> None:
    own = [field for field in _payload_classes()[name].model_fields if _is_own(name, field)]
    assert set(CATALOGUE[name].fields) == set(own)


@pytest.mark.parametrize("name", MELLEA)
def test_the_types_fit_the_annotations_of_a_mellea_payload(name: str) -> None:
    declared = _payload_classes()[name].model_fields
    wrong = [
        f"{field.name}: {declared[field.name].annotation} is not {field.type}"
        for field in CATALOGUE[name].fields.values()
        if field.name != "session_id" and (name, field.name) not in CROSSES_AS_CONTEXT
        if _misdescribed(declared[field.name].annotation, field)
    ]
    assert wrong == []


@pytest.mark.parametrize("name", MELLEA)
def test_the_writable_fields_are_those_of_mellea(name: str) -> None:
    policies = import_module("mellea.plugins.policies").MELLEA_HOOK_PAYLOAD_POLICIES
    writable = policies[name].writable_fields if name in policies else frozenset()
    assert CATALOGUE[name].writable == writable


def test_every_hook_type_of_cpex_is_in_the_catalogue() -> None:
    # mellea adds its own types to the same registry.
    registered = {_value(name) for name in _cpex_registry().get_registered_hooks()}
    own = (registered - set(MELLEA)) | {"tool_pre_invoke", "tool_post_invoke"}
    assert set(CPEX) == {f"cpex.{name}" for name in own}


@pytest.mark.parametrize("name", CPEX)
def test_the_catalogue_has_the_fields_of_a_cpex_payload(name: str) -> None:
    declared = _cpex_registry().get_payload_type(name.removeprefix("cpex.")).model_fields
    sent = {field.name: field for field in CATALOGUE[name].fields.values() if not field.answer}
    assert set(sent) == set(declared)
    wrong = [
        f"{field.name}: {declared[field.name].annotation} is not {field.type}"
        for field in sent.values()
        if _misdescribed(declared[field.name].annotation, field)
    ]
    assert wrong == []


def _is_own(hook_type: str, field: str) -> bool:
    if field == "session_id":
        return hook_type in SETS_SESSION_ID
    return field not in SOURCE["base_fields"]


def _value(name: Any) -> str:
    return str(name.value if isinstance(name, enum.Enum) else name)
