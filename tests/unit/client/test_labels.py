"""Labels that the environment gives every call."""

from typing import Any

import pytest

import sidehook
from sidehook import aio
from sidehook._client_target import environment_labels
from sidehook.testing._fake_sidecar import FakeSidecar


@pytest.fixture(params=[sidehook.Client, aio.Client])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", {}),
        ("pod=chat-7f", {"pod": "chat-7f"}),
        (" pod = chat-7f , team=a,", {"pod": "chat-7f", "team": "a"}),
        ("empty=,query=a=b", {"empty": "", "query": "a=b"}),
    ],
)
def test_the_labels_of_the_variable(
    monkeypatch: pytest.MonkeyPatch, text: str, labels: dict[str, str]
) -> None:
    monkeypatch.setenv("SIDEHOOK_LABELS", text)
    assert environment_labels() == labels


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pod", "'pod' is no label"),
        ("a=b,=c", "'=c' is no label"),
        ("a=b,a=c", "'a=c' gives a label twice"),
        ("pod=$(POD)", r"'pod=\$\(POD\)' has a variable in it that nobody replaced"),
    ],
)
def test_what_is_no_label_is_refused_by_the_variable_s_name(
    monkeypatch: pytest.MonkeyPatch, kind: Any, text: str, problem: str
) -> None:
    monkeypatch.setenv("SIDEHOOK_LABELS", text)
    with pytest.raises(ValueError, match=f"^SIDEHOOK_LABELS: {problem}; write name=value"):
        kind()


def test_the_limit_is_for_all_labels_together(monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    monkeypatch.setenv("SIDEHOOK_LABELS", "a=b")
    assert kind(labels={str(n): "" for n in range(63)})
    assert kind(labels={"a": "", **{str(n): "" for n in range(63)}})
    with pytest.raises(ValueError, match="65 labels are over the limit of 64"):
        kind(labels={str(n): "" for n in range(64)})


def test_every_call_has_them_and_what_is_given_goes_before_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIDEHOOK_LABELS", "pod=p,team=of the pod,step=of the pod")
    with FakeSidecar() as fake:
        with sidehook.Client(fake.target, labels={"team": "of the client"}) as hooks:
            hooks.invoke("t")
            with hooks.session(labels={"step": "of the session"}):
                hooks.invoke("t")
        plain, inside = (call.context.labels for call in fake.calls)
    assert plain == {"pod": "p", "team": "of the client", "step": "of the pod"}
    assert inside == {"pod": "p", "team": "of the client", "step": "of the session"}
