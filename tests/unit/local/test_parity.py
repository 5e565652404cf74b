"""The local clients have what the real ones have, and nothing else."""

import inspect

import pytest

import sidehook
from sidehook import aio, local

PAIRS = [
    pytest.param(local.aio.Client, aio.Client, id="aio"),
    pytest.param(local.Client, sidehook.Client, id="blocking"),
]


def _public(kind: type) -> dict[str, object]:
    return {n: member for n, member in inspect.getmembers(kind) if not n.startswith("_")}


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_they_have_the_same_public_names(here: type, there: type) -> None:
    assert _public(here).keys() == _public(there).keys()
    assert issubclass(here, there)


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_their_methods_take_and_return_the_same(here: type, there: type) -> None:
    for name, member in _public(there).items():
        if inspect.isfunction(member):
            twin = _public(here)[name]
            assert inspect.isfunction(twin), name
            assert inspect.signature(twin) == inspect.signature(member), name
            assert inspect.iscoroutinefunction(twin) == inspect.iscoroutinefunction(member), name


@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_their_arguments_are_those_that_mean_something_without_a_connection(
    here: type, there: type
) -> None:
    own, real = (list(inspect.signature(kind).parameters) for kind in (here, there))
    connection = [
        *("target", "on_unavailable", "required"),
        *("credentials", "tls", "token", "token_file"),
    ]
    assert own == ["hooks", "config", *(name for name in real if name not in connection)]


def test_the_two_local_clients_take_the_same() -> None:
    assert inspect.signature(local.Client) == inspect.signature(local.aio.Client)


def test_the_public_names_are_these() -> None:
    assert local.__all__ == ["Client", "Worker", "aio"]
    assert local.aio.__all__ == ["Client"]
    assert not hasattr(local, "no_such_name")


def test_the_target_says_that_there_is_none() -> None:
    assert local.Client().target == local.aio.Client().target == "in-process"
