"""What pytest does otherwise while a mutant is tried (see tools/mutation.py), to be done sooner.

The tests that noticed the latest mutants of a function are the likeliest to notice the
next one. They are collected and run first, and when one fails the others are not even
collected. A law is tried on few chains, always the same ones, and what breaks it is not
made smaller: nobody reads it. A test that goes on without end is ended by the time of the
processor that it takes, which is the same on a busy machine.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

# Below the working directory, which is the copy that mutmut made.
NOTICED = Path("noticed")
LIKELY = 20
# Of the processor, for one test. The slowest takes two.
SECONDS = 10
LATER = pytest.StashKey[list[str]]()


def pytest_configure() -> None:
    """After tests/conftest.py, whose profile this one stands in for."""
    hypothesis.settings.register_profile(
        "mutation",
        hypothesis.settings.get_profile("sidehook"),
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        max_examples=25,
        derandomize=True,
        database=None,
    )
    hypothesis.settings.load_profile("mutation")
    signal.signal(signal.SIGVTALRM, lambda *_: pytest.fail("it goes on without end"))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect those that are likely to notice, and keep the others for later."""
    record, asked = _record(), session.config.args
    if record is not None and record.exists():
        latest = dict.fromkeys(reversed(record.read_text().splitlines()))
        first = [test for test in latest if test in asked][:LIKELY]
        if first:
            session.config.args = first
            session.config.stash[LATER] = [test for test in asked if test not in first]
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Run the others when nobody noticed."""
    done = yield
    later = session.config.stash.get(LATER, [])
    session.config.stash[LATER] = []
    if later and not session.testsfailed:
        session.perform_collect(later)
        done = session.config.hook.pytest_runtestloop(session=session)
    return done


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """End a test that goes on without end, again and again if it must be."""
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS, 1)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember who noticed."""
    record = _record()
    if report.failed and record is not None:
        NOTICED.mkdir(exist_ok=True)
        # Several processes try mutants of one function, and a short line is written whole.
        with record.open("a") as file:
            file.write(f"{report.nodeid}\n")


def _record() -> Path | None:
    """The tests that noticed mutants of the function under test; None while there is none."""
    function, mutated, _ = os.environ.get("MUTANT_UNDER_TEST", "").partition("__mutmut_")
    return NOTICED / function if mutated else None
