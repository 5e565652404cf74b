"""What the charts refuse: values that are misspelt, out of range, or that contradict each other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidehook_server.config.live import RESTART
from tests.kubernetes.commands import HELM_CHARTS, Commands, RenderError
from tests.kubernetes.objects import of_kind
from tests.kubernetes.variants import CHARTS, SWITCHES, Values, combined, examples, merged
from tests.repository import ROOT

LIBRARY = "sidehook"


def _base(chart: str) -> Values:
    return combined(chart)[0].values


def _refused(commands: Commands, charts: Path, chart: str, values: Values) -> str:
    with pytest.raises(RenderError) as refusal:
        commands.template(charts / chart, values=merged(_base(chart), values))
    return str(refusal.value)


def test_the_schemas_are_fresh() -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "chart_schemas.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def _objects(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every mapping that a schema describes, with its path in the values."""
    if isinstance(schema, dict) and "properties" in schema:
        yield path, schema
        for key, inner in schema["properties"].items():
            yield from _objects(inner, (*path, key))


def _strict(chart: str) -> list[tuple[str, ...]]:
    schema = json.loads((HELM_CHARTS / chart / "values.schema.json").read_text())
    # `config` is the sidecar's own to check, and `global` belongs to every chart of a release.
    free = ("config", "global")
    return [path for path, _ in _objects(schema) if not set(free) & set(path)]


@pytest.mark.parametrize(
    ("chart", "path"),
    [(chart, path) for chart in (*CHARTS, LIBRARY) for path in _strict(chart)],
    ids=lambda part: part if isinstance(part, str) else ".".join(part) or "top",
)
def test_a_misspelt_value_is_refused_at_every_depth(
    chart: str, path: tuple[str, ...], helm_and_kubectl: Commands, charts: Path
) -> None:
    values: Any = {"misspelt": 1}
    for key in reversed((LIBRARY, *path) if chart == LIBRARY else path):
        values = {key: values}
    used = "sidehook-app" if chart == LIBRARY else chart
    assert "misspelt" in _refused(helm_and_kubectl, charts, used, values)


@pytest.mark.parametrize("chart", [*CHARTS, LIBRARY])
def test_every_value_of_a_chart_is_in_its_schema(chart: str) -> None:
    values = yaml.safe_load((HELM_CHARTS / chart / "values.yaml").read_text())
    schema = json.loads((HELM_CHARTS / chart / "values.schema.json").read_text())
    known = {path for path, _ in _leaves(schema)}
    assert [path for path in _paths(values) if path not in known] == []


def _leaves(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, inner in schema.get("properties", {}).items():
        yield (*path, key), inner
        if isinstance(inner, dict):
            yield from _leaves(inner, (*path, key))


def _paths(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        yield (*path, key)
        if isinstance(value, dict) and key not in ("requests", "limits"):
            yield from _paths(value, (*path, key))


REFUSED: list[tuple[str, Values, str]] = [
    ("sidehook-app", {"image": {"tag": "", "digest": ""}}, "/image"),
    ("sidehook-app", {"image": {"digest": "sha256:12"}}, "/image/digest"),
    ("sidehook-app", {"replicas": -1}, "/replicas"),
    ("sidehook-app", {"ports": {"http": 80}}, "/ports/http"),
    ("sidehook-app", {"ports": {"a-very-long-port-name": 8080}}, "invalid propertyName"),
    ("sidehook-app", {"service": {"enabled": True}, "ports": None}, "service.enabled needs ports"),
    ("sidehook-app", {"sidehook": {"config": {"listen": {"tcp": "0.0.0.0:1"}}}}, "/config/listen"),
    ("sidehook-app", {"sidehook": {"config": {"state_dir": "/x"}}}, "/config/state_dir"),
    (
        "sidehook-app",
        {"sidehook": {"config": {"limits": {"drain_timeout": "1m"}}}},
        "/config/limits/drain_timeout",
    ),
    ("sidehook-app", {"sidehook": {"user": 0}}, "/user"),
    ("sidehook-app", {"sidehook": {"gate": "live"}}, "/gate"),
    ("sidehook-app", {"sidehook": {"socket": {"mode": "660"}}}, "/socket/mode"),
    ("sidehook-app", {"sidehook": {"socket": {"directory": "/" + "s" * 93}}}, "/socket/directory"),
    ("sidehook-app", {"sidehook": {"resources": {"limits": {"memory": "5Mb"}}}}, "/resources"),
    (
        "sidehook-app",
        {"sidehook": {"workers": [{"name": "a", "image": {"repository": "b"}}]}},
        "/workers/0/image",
    ),
    (
        "sidehook-app",
        {"replicas": 2, "sidehook": {"data": {"claim": "one"}}},
        "one sidecar at a time",
    ),
    (
        "sidehook-app",
        {"sidehook": {"admin": {"exposed": False}, "podMonitor": {"enabled": True}}},
        "nobody can scrape",
    ),
    (
        "sidehook-app",
        {"sidehook": {"journal": {"enabled": True, "payloads": "encrypted"}}},
        "need a key",
    ),
    (
        "sidehook-app",
        {"sidehook": {"journal": {"enabled": True, "payloads": "masked", "mask": []}}},
        "the fields to leave out",
    ),
    ("sidehook-shared", {"insecure": False, "tls": {"enabled": False}}, "whoever reaches"),
    ("sidehook-shared", {"tls": {"enabled": True, "secretName": ""}}, "tls.secretName"),
    ("sidehook-shared", {"attach": {"enabled": True}, "replicas": 2}, "attaches to one replica"),
    (
        "sidehook-shared",
        {"attach": {"enabled": True}, "replicas": 1, "autoscaling": {"enabled": True}},
        "attaches to one replica",
    ),
    (
        "sidehook-shared",
        {"autoscaling": {"enabled": True, "minReplicas": 9, "maxReplicas": 2}},
        "is over autoscaling.maxReplicas",
    ),
    ("sidehook-shared", {"maxConnectionAge": "soon"}, "/maxConnectionAge"),
    ("sidehook-shared", {"maxConnectionAge": 300}, "/maxConnectionAge"),
    (
        "sidehook-shared",
        {"tls": {"secretName": "", "certificate": {"create": True}}},
        "which issuer",
    ),
    ("sidehook-workers", {"worker": ""}, "under which name"),
    ("sidehook-workers", {"modules": [], "files": {}}, "nothing to serve"),
    ("sidehook-workers", {"insecure": False, "tls": {"enabled": False}}, "whoever reaches"),
    ("sidehook-workers", {"files": {"Guards.sh": "x"}}, "invalid propertyName"),
]


@pytest.mark.parametrize(("chart", "values", "says"), REFUSED, ids=lambda part: str(part)[:60])
def test_values_that_cannot_be_meant_are_refused(
    chart: str, values: Values, says: str, helm_and_kubectl: Commands, charts: Path
) -> None:
    assert says in _refused(helm_and_kubectl, charts, chart, values)


@pytest.mark.parametrize(
    "example", [each for each in examples() if each.chart], ids=lambda example: example.name
)
def test_lint_and_notes_of_an_example(
    example: Any, helm_and_kubectl: Commands, charts: Path
) -> None:
    chart = charts / example.chart
    assert "0 chart(s) failed" in helm_and_kubectl.lint(chart, files=example.files)
    notes = helm_and_kubectl.notes(chart, files=example.files)
    assert len(notes.splitlines()) > 5
    for unresolved in ("<no value>", "<nil>", "{{", "%!"):
        assert unresolved not in notes


LIVE_CHANGES: list[Values] = [
    {"limits": {"max_in_flight": 7}},
    {"workers": [{"name": "a", "optional": True}]},
    {"decision_log": {"to": "stdout", "texts": True}},
]
RESTART_CHANGES: list[Values] = [
    {"limits": {"list_lease": "9s"}},
    {"detached": {"queue": 7}},
    {"dev": True},
    {"tuning": {"uvloop": False}},
    {"decision_log": {"to": "off"}},
]


@pytest.mark.parametrize("chart", ["sidehook-app", "sidehook-shared"])
def test_pods_are_rolled_by_a_change_that_needs_a_restart_and_by_no_other(
    chart: str, helm_and_kubectl: Commands, charts: Path
) -> None:
    def digest(config: Values) -> str:
        values = merged({"config": {"decision_log": {"to": "stdout"}}}, {"config": config})
        if chart == "sidehook-app":
            values = {"sidehook": values}
        objects = helm_and_kubectl.template(charts / chart, values=merged(_base(chart), values))
        template = of_kind(objects, "Deployment")[0]["spec"]["template"]
        return str(template["metadata"]["annotations"]["sidehook.restart-digest"])

    usual = digest({})
    assert {digest(config) for config in LIVE_CHANGES} == {usual}
    assert usual not in {digest(config) for config in RESTART_CHANGES}


def test_the_charts_know_every_key_that_needs_a_restart() -> None:
    """Whoever adds one to the sidecar adds it to `sidehook-common.restartDigest`."""
    template = (HELM_CHARTS / "sidehook-common" / "templates" / "_config.tpl").read_text()
    text = template.partition('define "sidehook-common.restartDigest"')[2]
    whole = {key for key in RESTART if "." not in key}
    assert {key for key in whole if f'"{key}"' not in text} == set()
    limits = {key.partition(".")[2] for key in RESTART if key.startswith("limits.")}
    assert {key for key in limits if f'"{key}"' not in text} == set()
    # Everything below it but what is live.
    assert {key.partition(".")[0] for key in RESTART} == {*whole, "limits", "decision_log"}
    assert 'omit ($config.decision_log | default dict) "texts" "show"' in text


def test_the_charts_are_of_one_version() -> None:
    charts = [yaml.safe_load(file.read_text()) for file in HELM_CHARTS.glob("*/Chart.yaml")]
    versions = {chart["version"] for chart in charts}
    versions |= {chart["appVersion"] for chart in charts}
    versions |= {
        dependency["version"] for chart in charts for dependency in chart.get("dependencies", ())
    }
    tags = {
        yaml.safe_load((HELM_CHARTS / chart / "values.yaml").read_text())["image"]["tag"]
        for chart in (LIBRARY, "sidehook-shared", "sidehook-workers")
    }
    assert len(versions) == 1
    assert tags == versions


def test_every_switch_of_a_chart_is_among_those_that_are_combined() -> None:
    """A value called `enabled` or `create` that no switch sets would never be tried."""
    for chart in CHARTS:
        texts = yaml.safe_dump(
            [dict(values) for settings in SWITCHES[chart].values() for values in settings.values()]
        )
        values = yaml.safe_load((HELM_CHARTS / chart / "values.yaml").read_text())
        for path in _paths(values):
            if path[-1] in ("enabled", "create") and path[-2] not in ("test", "attach"):
                assert path[-2] in texts, f"{chart}: {'.'.join(path)}"
