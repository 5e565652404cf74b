"""An application on mellea: real sessions, on a model's server that says what it is told.

Nothing here imports mellea before a test runs: where it is not installed, the tests
of this folder are skipped one module at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from sidehook.testing import FakeSidecar
from tests.e2e.conftest import environment, processes, start_sidecar, start_worker
from tests.mellea.model import NAME, Model, running_model

# Fixtures are found by being here.
__all__ = ["environment", "processes", "start_sidecar", "start_worker"]


class App:
    """An application: sessions on the model of the test. Backends are closed at its end."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._sessions: list[Any] = []

    def session(self, **terms: Any) -> Any:
        """Start a session, as `start_session` does."""
        from mellea import start_session

        session = start_session(
            "openai", NAME, base_url=self.model.base_url, api_key="none", **terms
        )
        self._sessions.append(session)
        return session

    def close(self) -> None:
        """End the sessions and close their backends."""
        for session in self._sessions:
            session.cleanup()
            session.backend.close()


@pytest.fixture
def model() -> Iterator[Model]:
    """The model's server."""
    with running_model() as running:
        yield running


@pytest.fixture
def app(model: Model) -> Iterator[App]:
    """The application."""
    application = App(model)
    yield application
    application.close()


@pytest.fixture
def fake() -> Iterator[FakeSidecar]:
    """A sidecar that says what the test tells it."""
    with FakeSidecar() as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_stays_registered() -> Iterator[None]:
    """A plugin that a test leaves behind would be called in the next one."""
    from mellea.core import MelleaLogger
    from mellea.plugins import manager

    from sidehook.integrations.mellea import _asking

    MelleaLogger.get_logger().setLevel(logging.ERROR)
    yield
    plugins = manager.get_plugin_manager()
    left = [] if plugins is None else [p.name for p in plugins._registry.get_all_plugins()]
    for name in left:
        plugins._registry.unregister(name)
    manager._session_tags.clear()
    # One whose sidecar is gone would go on looking for it.
    for shared in list(_asking._clients.values()):
        shared.client.close()
    assert left == []
