"""Says how many cases each runner ran, when the suite is run by itself."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conformance.language.cases import Runner
from tests.conformance.suite import cases


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write a line for each runner that was asked for, behind what pytest says."""
    terminalreporter.section(f"conformance: {len(cases())} cases")
    for runner in Runner:
        outcomes = _outcomes(terminalreporter, runner)
        if outcomes:
            terminalreporter.write_line(f"{runner:8} {outcomes}{_left_out(runner)}")


def _outcomes(reporter: pytest.TerminalReporter, runner: Runner) -> str:
    file = f"test_on_{runner}.py"
    counts = {
        word: sum(file in report.nodeid for report in reporter.stats.get(word, ()))
        for word in ("passed", "failed", "error", "xfailed")
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _left_out(runner: Runner) -> str:
    reasons = Counter(case.unfit[runner] for case in cases() if runner in case.unfit)
    return "".join(f"; {count} not run: {why}" for why, count in reasons.items())
