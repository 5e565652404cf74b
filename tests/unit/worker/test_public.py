import subprocess
import sys
from types import ModuleType

import pytest

import sidehook.testing
import sidehook.worker
from sidehook._errors import DefinitionError
from sidehook.worker import AddressError
from sidehook.worker._lifecycle import worker_name
from sidehook.worker._target import attach_target
from tests.worker.sample import shout


def test_what_the_worker_package_offers_is_pinned() -> None:
    assert sidehook.worker.__all__ == [
        "AddressError",
        "AttachSession",
        "Context",
        "CredentialsError",
        "DisconnectedError",
        "DispatchStats",
        "Dispatcher",
        "HookReturn",
        "HookSet",
        "Mode",
        "PluginMode",
        "RefusedError",
        "State",
        "UnknownProtocolError",
        "WorkerError",
        "aio_serve",
        "block",
        "hook",
        "modify",
        "serve",
    ]
    assert all(getattr(sidehook.worker, name) is not None for name in sidehook.worker.__all__)


def test_what_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module sidehook\.worker has no attribute nothing"):
        _ = sidehook.worker.nothing


def test_declaring_and_testing_hooks_needs_no_grpc() -> None:
    # A worker process chooses gRPC's experiments, which gRPC reads when it is imported.
    code = "import sys, sidehook.worker, sidehook.worker.__main__; sys.exit('grpc' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ("hooks/five_modes.py", "five_modes"),
        ("app.hooks.guards", "guards"),
        (ModuleType("app.hooks"), "hooks"),
        (shout, "sample"),
    ],
)
def test_a_worker_is_called_as_the_module_of_its_first_hook(item: object, name: str) -> None:
    assert worker_name([item]) == name


def test_a_worker_without_a_name_is_refused() -> None:
    with pytest.raises(DefinitionError, match="the worker has no name; give it one with name="):
        worker_name([])


def test_a_target_that_is_named_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDEHOOK_WORKERS_TARGET", "unix:///run/b.sock")

    assert attach_target("/run/a.sock") == "unix:///run/a.sock"
    assert attach_target(None) == "unix:///run/b.sock"


def test_the_default_target_is_beside_the_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIDEHOOK_WORKERS_TARGET", raising=False)
    monkeypatch.setenv("SIDEHOOK_TARGET", "unix:///run/x/sidehook.sock")

    assert attach_target(None) == "unix:///run/x/workers.sock"


def test_there_is_nothing_beside_a_sidecar_on_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIDEHOOK_WORKERS_TARGET", raising=False)
    monkeypatch.setenv("SIDEHOOK_TARGET", "sidecar.example:7000")

    with pytest.raises(AddressError, match="name it with --attach or SIDEHOOK_WORKERS_TARGET"):
        attach_target(None)
