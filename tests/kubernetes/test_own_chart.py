"""The library in a chart of somebody else, as docs/deployment.md shows it; and kustomize."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.checks import problems
from tests.kubernetes.commands import Commands, RenderError
from tests.kubernetes.golden import golden
from tests.kubernetes.objects import Object, Pod, of_kind, pods
from tests.kubernetes.schemas import schema_problems
from tests.kubernetes.variants import MINORS, Values
from tests.repository import ROOT

POD = """
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  supplementalGroups: [7]
  seccompProfile: {type: RuntimeDefault}
initContainers:
  - name: migrate
    image: example/migrate:1
    securityContext: &locked-down
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
containers:
  - name: web
    image: example/web:1
    securityContext: *locked-down
    env: [{name: MODE, value: fast}]
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  - name: logger
    image: example/logger:1
    securityContext: *locked-down
volumes:
  - name: scratch
    emptyDir: {sizeLimit: 1Mi}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: my-app
  namespace: {{ .Release.Namespace }}
spec:
  selector:
    matchLabels:
      app: my-app
      app.kubernetes.io/name: my-app
  template:
"""


@pytest.fixture
def own_chart(tmp_path: Path, charts: Path) -> Path:
    """A chart whose templates are those of the documentation."""
    page = (ROOT / "docs" / "deployment.md").read_text()
    chart = tmp_path / "my-app"
    (chart / "templates").mkdir(parents=True)
    shutil.copytree(charts / "sidehook", chart / "charts" / "sidehook")
    dependencies = _block(page, "# Chart.yaml\n")
    (chart / "Chart.yaml").write_text(
        f"apiVersion: v2\nname: my-app\nversion: 1.0.0\nappVersion: '1'\n{dependencies}"
    )
    template = _block(page, "# templates/deployment.yaml").replace(
        "    app: my-app\n", "    app: my-app\n    app.kubernetes.io/name: my-app\n"
    )
    template = template.partition("\n")[2]
    for old, new in (("nindent 4", "nindent 8"), ("nindent 2", "nindent 6")):
        template = template.replace(old, new)
    indented = "".join(f"    {line}\n" for line in template.splitlines())
    (chart / "templates" / "deployment.yaml").write_text(DEPLOYMENT + indented)
    (chart / "templates" / "sidehook.yaml").write_text(_block(page, "# templates/sidehook.yaml\n"))
    (chart / "templates" / "_pod.tpl").write_text(
        f'{{{{ define "my-app.pod" }}}}{POD}{{{{ end }}}}'
    )
    return chart


def _block(page: str, begin: str) -> str:
    return page.partition(f"```yaml\n{begin}")[2].partition("```")[0]


def _pod(commands: Commands, chart: Path, values: Values) -> tuple[Pod, list[Object]]:
    objects = commands.template(chart, values={"sidehook": values})
    return next(pods(objects)), objects


@pytest.mark.parametrize("native", [True, False])
def test_a_pod_of_ones_own_keeps_what_it_had(
    native: bool,  # noqa: FBT001 - the parameter of the test
    own_chart: Path,
    helm_and_kubectl: Commands,
) -> None:
    pod, objects = _pod(helm_and_kubectl, own_chart, {"native": native})
    assert problems(objects) == []
    assert [it for minor in MINORS for it in schema_problems(objects, minor)] == []
    spec, had = pod.spec, yaml.safe_load(POD)
    names = [each["name"] for each in spec["initContainers"]]
    apps = [each["name"] for each in spec["containers"]]
    assert names == (["sidehook", "migrate"] if native else ["migrate"])
    assert apps == (["web", "logger"] if native else ["sidehook", "web", "logger"])
    assert spec["securityContext"]["supplementalGroups"] == [7]
    assert spec["volumes"][-1] == had["volumes"][0]
    web = next(each for each in spec["containers"] if each["name"] == "web")
    assert web["env"][-1] == {"name": "MODE", "value": "fast"}
    assert web["volumeMounts"][-1]["name"] == "scratch"
    assert pod.labels["sidehook.required"] == "true"


def test_only_the_containers_that_are_named_get_the_socket(
    own_chart: Path, helm_and_kubectl: Commands
) -> None:
    pod, _ = _pod(helm_and_kubectl, own_chart, {"appContainers": ["web"]})
    reached = {
        each["name"]: any(m["name"] == "sidehook-socket" for m in each.get("volumeMounts", ()))
        for each in pod.spec["containers"]
    }
    assert reached == {"web": True, "logger": False}


def test_a_pod_that_is_no_yaml_is_refused(own_chart: Path, helm_and_kubectl: Commands) -> None:
    (own_chart / "templates" / "_pod.tpl").write_text('{{ define "my-app.pod" }}a: [{{ end }}')
    with pytest.raises(RenderError, match="the pod's spec is no YAML"):
        _pod(helm_and_kubectl, own_chart, {})


@pytest.mark.parametrize(
    ("kustomized", "charted"),
    [("kustomize-native", "sidehook-app-journal"), ("kustomize-plain", "sidehook-app-1.25")],
)
def test_kustomize_and_the_chart_have_the_same_sidecar(kustomized: str, charted: str) -> None:
    ours, theirs = (_sidecar(name) for name in (kustomized, charted))
    assert ours == theirs


def _sidecar(example: str) -> dict[str, Any]:
    """The sidecar of an example, without what each example has of its own."""
    deployment = of_kind(golden(example), "Deployment")[0]
    pod = next(pods([deployment]))
    found = next(each for each in pod.containers if each["name"] == "sidehook")
    mounts = {
        mount["mountPath"]: mount
        for mount in found["volumeMounts"]
        if mount["name"] != "sidehook-journal-key"
    }
    own = {"image", "imagePullPolicy", "args", "volumeMounts"}
    return {**{key: value for key, value in found.items() if key not in own}, "mounts": mounts}
