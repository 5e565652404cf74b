import ast
import inspect
import subprocess
import sys
from pathlib import Path

import sidehook
from sidehook import aio

PUBLIC = [
    "CATALOGUE",
    "CallFailure",
    "CallOutcome",
    "CallRefusedError",
    "CallerForbiddenError",
    "Client",
    "ClientStats",
    "Context",
    "DeadlineExceededError",
    "DefinitionError",
    "EncodeError",
    "FailureClass",
    "FieldInfo",
    "HookError",
    "HookFailedError",
    "HookOutcome",
    "HookSet",
    "HookType",
    "HookTypeInfo",
    "MalformedError",
    "Mode",
    "OnError",
    "OnRejected",
    "OverloadedError",
    "Payload",
    "PayloadTooLargeError",
    "PluginMode",
    "ProtocolError",
    "Receipt",
    "ReceiptLine",
    "RequiredHookMissingError",
    "Session",
    "SidecarError",
    "SidecarUnavailableError",
    "Tls",
    "UnknownHookTypeError",
    "UnknownScopeError",
    "Violation",
    "ViolationError",
    "aio",
    "aio_serve",
    "block",
    "hook",
    "local",
    "modify",
    "plugin_scope",
    "serve",
]


def test_the_public_names_are_these_and_sorted() -> None:
    assert sidehook.__all__ == sorted(PUBLIC)
    assert aio.__all__ == ["Client"]


def test_every_public_name_is_there() -> None:
    assert [name for name in sidehook.__all__ if getattr(sidehook, name, None) is None] == []
    assert set(sidehook.__all__) <= set(dir(sidehook))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(sidehook, "no_such_name")


def test_what_the_package_says_of_its_names_for_type_checkers_is_what_it_loads() -> None:
    tree = ast.parse(Path(str(sidehook.__file__)).read_text())
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert (typed.pop("aio"), typed.pop("local")) == ("sidehook", "sidehook")
    assert typed == sidehook._LATER


def test_importing_the_package_loads_neither_grpc_nor_the_worker_sdk() -> None:
    script = (
        "import sidehook, sys; sidehook.block; sidehook.HookType;"
        "print(sorted({'grpc', 'google.protobuf', 'sidehook.worker'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_hook_types_are_strings() -> None:
    name: str = sidehook.HookType.COMPONENT_PRE_EXECUTE
    assert name == "component_pre_execute"
    assert sidehook.PluginMode.TRANSFORM is sidehook.Mode.TRANSFORM


def test_the_two_clients_have_the_same_names_parameters_and_annotations() -> None:
    renamed = {"__aenter__": "__enter__", "__aexit__": "__exit__"}
    asynchronous = {renamed.get(name, name): value for name, value in _members(aio.Client).items()}
    blocking = _members(sidehook.Client)
    assert asynchronous.keys() == blocking.keys()
    for name, member in blocking.items():
        if inspect.isfunction(member) and name != "plugin_scope":
            assert inspect.signature(member) == _signature(asynchronous[name]), name


def test_what_differs_between_the_clients_is_that_one_is_awaited() -> None:
    awaited = {
        name
        for name, member in _members(aio.Client).items()
        if inspect.iscoroutinefunction(member) and not name.startswith("__")
    }
    assert awaited == {"call", "close", "connect", "invoke"}
    assert not any(map(inspect.iscoroutinefunction, _members(sidehook.Client).values()))


def test_every_public_member_of_the_clients_is_described() -> None:
    for kind in (aio.Client, sidehook.Client):
        undescribed = [
            name
            for name, member in _members(kind).items()
            if not name.startswith("__") and not inspect.getdoc(member)
        ]
        assert undescribed == []


def _signature(member: object) -> inspect.Signature:
    assert inspect.isfunction(member)
    return inspect.signature(member)


def _members(kind: type) -> dict[str, object]:
    own = {"__init__", "__enter__", "__exit__", "__aenter__", "__aexit__"}
    return {
        name: member
        for name, member in inspect.getmembers(kind)
        if not name.startswith("_") or (name in own and name in vars(kind))
    }
