import subprocess
import sys

import pytest

from sidehook._process import GRPC_EXPERIMENTS, before_grpc
from sidehook._tuning import SETTINGS, Tuning


def test_the_experiments_of_the_operator_stay() -> None:
    environment = {"GRPC_EXPERIMENTS": "theirs"}
    assert before_grpc(Tuning(), environment) == "theirs"
    assert environment == {"GRPC_EXPERIMENTS": "theirs"}


def test_ours_are_set_where_there_are_none() -> None:
    environment: dict[str, str] = {}
    assert before_grpc(Tuning(), environment) == GRPC_EXPERIMENTS
    assert environment == {"GRPC_EXPERIMENTS": GRPC_EXPERIMENTS}


def test_nothing_is_set_where_the_setting_is_left_out() -> None:
    environment: dict[str, str] = {}
    assert before_grpc(Tuning(grpc=False), environment) == ""
    assert environment == {}


# In a process of its own, whose collector may be changed.
SET_UP = """
import gc
from sidehook._process import at_rest
from sidehook._tuning import Tuning
told = at_rest(Tuning({}))
print(told["gc"], gc.get_threshold()[0] > 700, gc.get_freeze_count() > 0, told["malloc"])
"""


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("malloc=False", "10000,20,50 True True off"),
        ("malloc=False, gc=False", "off False False off"),
    ],
)
def test_the_collector_is_set_up_unless_it_is_left_out(arguments: str, found: str) -> None:
    run = [sys.executable, "-c", SET_UP.format(arguments)]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip() == found


def test_memory_is_kept_where_glibc_is() -> None:
    run = [sys.executable, "-c", SET_UP.format("")]
    found = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()
    assert found[-1] in ("kept", "unavailable")


def test_every_setting_is_a_key_of_the_configuration_and_on() -> None:
    assert SETTINGS == ("uvloop", "grpc", "malloc", "gc")
    assert Tuning() == Tuning(uvloop=True, grpc=True, malloc=True, gc=True)
