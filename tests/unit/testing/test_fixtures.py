import os

import pytest

import sidehook
import sidehook.testing
from sidehook import Client, Violation, ViolationError
from sidehook.testing import FakeSidecar

pytest_plugins = ["sidehook.testing.fixtures"]


def test_what_the_testing_package_offers_is_pinned() -> None:
    assert sidehook.testing.__all__ == [
        "FakeCall",
        "FakeSidecar",
        "HookTestResult",
        "aio_run_hook",
        "run_hook",
    ]
    assert all(getattr(sidehook.testing, name) is not None for name in sidehook.testing.__all__)


def test_what_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module sidehook\.testing has no attribute nothing"):
        _ = sidehook.testing.nothing


def test_the_fake_sidecar_answers_the_client_fixture(
    fake_sidecar: FakeSidecar, sidehook_client: Client
) -> None:
    fake_sidecar.answer("tool_pre_invoke", Violation(reason="no", code="NOT_ALLOWED"))

    with pytest.raises(ViolationError) as caught:
        sidehook_client.invoke("tool_pre_invoke", {"name": "rm"})

    assert caught.value.code == "NOT_ALLOWED"
    assert [call.hook_type for call in fake_sidecar.calls] == ["tool_pre_invoke"]


def test_an_application_that_names_no_target_finds_the_fake_sidecar(
    fake_sidecar: FakeSidecar,
) -> None:
    assert os.environ["SIDEHOOK_TARGET"] == fake_sidecar.target

    with sidehook.Client() as client:
        client.invoke("tool_pre_invoke", {"name": "ls"})

    assert len(fake_sidecar.calls) == 1
