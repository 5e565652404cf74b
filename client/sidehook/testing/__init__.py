"""Testing hooks without a server, and applications without a real sidecar.

One hook, through the worker's own dispatch::

    from sidehook.testing import run_hook

    def test_the_temperature_is_set() -> None:
        result = run_hook(set_temperature, {"model_options": {}})
        assert result.changed == {"model_options": {"temperature": 0.7}}

An application, against a scripted sidecar on a real socket: `FakeSidecar`. Fixtures for
pytest are in `sidehook.testing.fixtures`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sidehook.testing._run_hook import HookTestResult, aio_run_hook, run_hook

if TYPE_CHECKING:
    from sidehook.testing._fake_sidecar import FakeCall, FakeSidecar

__all__ = ["FakeCall", "FakeSidecar", "HookTestResult", "aio_run_hook", "run_hook"]

_FAKE_SIDECAR = "sidehook.testing._fake_sidecar"


def __getattr__(name: str) -> object:
    # The fake needs gRPC; running one hook does not.
    if name not in ("FakeCall", "FakeSidecar"):
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(_FAKE_SIDECAR), name)
