"""Fixtures for pytest. Switch them on with `pytest_plugins = ["sidehook.testing.fixtures"]`.

- `fake_sidecar`: a running FakeSidecar, for as long as the test. `SIDEHOOK_TARGET` names
  it, so an application that names no target finds it by itself.
- `sidehook_client`: a `sidehook.Client` of that sidecar.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sidehook import Client
from sidehook._client_target import TARGET_VARIABLE
from sidehook.testing import FakeSidecar


@pytest.fixture
def fake_sidecar(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSidecar]:
    """Run a fake sidecar, and let clients find it."""
    with FakeSidecar() as sidecar:
        monkeypatch.setenv(TARGET_VARIABLE, sidecar.target)
        yield sidecar


@pytest.fixture
def sidehook_client(fake_sidecar: FakeSidecar) -> Iterator[Client]:
    """Connect a client to the fake sidecar."""
    with Client(fake_sidecar.target) as client:
        yield client
