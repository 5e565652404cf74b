import math
from typing import Any

import grpc
import pytest

import sidehook
from sidehook import aio


@pytest.fixture(params=[sidehook.Client, aio.Client])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("budget", [0, -1.0, math.inf, math.nan, True])
def test_a_budget_is_over_zero_and_finite(kind: Any, budget: float) -> None:
    with pytest.raises(ValueError, match="a budget is a number of seconds over 0"):
        kind(budget=budget)


def test_required_and_proceed_exclude_each_other(kind: Any) -> None:
    with pytest.raises(ValueError, match="required=True"):
        kind(required=True, on_unavailable="proceed")


def test_on_unavailable_is_one_of_two_words(kind: Any) -> None:
    with pytest.raises(ValueError, match="'allow'"):
        kind(on_unavailable="allow")


def test_there_are_at_most_64_labels(kind: Any) -> None:
    assert kind(labels={str(n): "" for n in range(64)})
    with pytest.raises(ValueError, match="65 labels are over the limit of 64"):
        kind(labels={str(n): "" for n in range(65)})


def test_labels_are_text(kind: Any) -> None:
    with pytest.raises(TypeError, match="'n' does not"):
        kind(labels={"n": 1})


def test_a_target_that_no_socket_can_have_is_refused_when_the_client_is_made(kind: Any) -> None:
    with pytest.raises(ValueError, match="Unix sockets allow"):
        kind("/" + "x" * 200)


def test_a_client_that_is_made_and_never_used_needs_no_sidecar(kind: Any) -> None:
    assert kind("/no/sidecar.sock").target == "unix:///no/sidecar.sock"


def test_the_default_target_is_looked_up_again(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = kind()
    monkeypatch.setenv("SIDEHOOK_TARGET", "/run/a.sock")
    assert client.target == "unix:///run/a.sock"
    monkeypatch.setenv("SIDEHOOK_TARGET", "/run/b.sock")
    assert client.target == "unix:///run/b.sock"


def test_half_a_pair_of_certificate_and_key_is_refused_when_the_client_is_made(kind: Any) -> None:
    with pytest.raises(ValueError, match="tls has certificate= alone"):
        kind("127.0.0.1:1", tls=sidehook.Tls(certificate="a.pem"))


def test_tls_and_credentials_exclude_each_other(kind: Any) -> None:
    with pytest.raises(ValueError, match="give one of them"):
        kind("127.0.0.1:1", tls=sidehook.Tls(), credentials=grpc.ssl_channel_credentials())


def test_one_token_is_enough(kind: Any) -> None:
    with pytest.raises(ValueError, match="token= and token_file= are two tokens"):
        kind(token="a", token_file="b")
