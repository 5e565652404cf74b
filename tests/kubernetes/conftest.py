"""What the tests of deploy/ share. They run in an environment of their own: make e2e-kubernetes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.kubernetes.commands import HELM_CHARTS, Commands, commands
from tests.kubernetes.objects import Object
from tests.kubernetes.variants import Variant

Render: TypeAlias = Callable[[Variant], list[Object]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, so that no other suite runs it by accident."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kubernetes)


@pytest.fixture(scope="session")
def helm_and_kubectl() -> Commands:
    """The commands; without them every test that needs them fails, and says what to do."""
    return commands()


@pytest.fixture(scope="session")
def charts(helm_and_kubectl: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The charts, each with what it depends on."""
    return helm_and_kubectl.with_dependencies(
        HELM_CHARTS, tmp_path_factory.mktemp("charts") / "helm"
    )


@pytest.fixture(scope="session")
def render(helm_and_kubectl: Commands, charts: Path) -> Render:
    """Renders a variant, once."""
    rendered: dict[str, list[Object]] = {}

    def objects_of(variant: Variant) -> list[Object]:
        if variant.name not in rendered:
            rendered[variant.name] = variant.render(helm_and_kubectl, charts)
        return rendered[variant.name]

    return objects_of
