"""The laws bite: each of these faults, put into a copy of the pipeline, breaks one of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from os import environ
from pathlib import Path

import pytest

from tests.repository import ROOT

CHAINS = 4000
PACKAGE = ROOT / "server" / "sidehook_server"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault: in this file, `old` became `new`, and this law must notice in so many chains."""

    fault: str
    law: str
    file: str
    old: str
    new: str
    chains: int = CHAINS


def row(mode: str, rights: str) -> str:
    """The beginning of a row of the table of modes."""
    schedule = {"CONCURRENT": "PARALLEL", "FIRE_AND_FORGET": "DETACHED"}.get(mode, "SERIAL")
    block, modify = rights.split()
    return (
        f"        mode=Mode.{mode},\n        schedule=Schedule.{schedule},\n"
        f"        may_block={block},\n        may_modify={modify},\n"
    )


MUTANTS = (
    Mutant(
        "an AUDIT hook modifies",
        "observers_change_no_byte",
        "modes.py",
        row("AUDIT", "False False"),
        row("AUDIT", "False True"),
    ),
    Mutant(
        "a CONCURRENT hook modifies",
        "observers_change_no_byte",
        "modes.py",
        row("CONCURRENT", "True False"),
        row("CONCURRENT", "True True"),
    ),
    Mutant(
        "a final-payload gate modifies",
        "observers_change_no_byte",
        "modes.py",
        row("SEQUENTIAL", "True False"),
        row("SEQUENTIAL", "True True"),
    ),
    Mutant(
        "a FIRE_AND_FORGET hook modifies, before the verdict",
        "observers_change_no_byte",
        "modes.py",
        row("FIRE_AND_FORGET", "False False"),
        row("FIRE_AND_FORGET", "False True").replace("DETACHED", "SERIAL"),
    ),
    Mutant(
        "a TRANSFORM hook blocks",
        "only_guards_block",
        "modes.py",
        row("TRANSFORM", "False True"),
        row("TRANSFORM", "True True"),
    ),
    Mutant(
        "a block that comes after another answer is lost",
        "arrival_decides_nothing",
        "pipeline/judging.py",
        "        if blocked:\n",
        "        if blocked and len(self._kept) < 2:\n",
    ),
    Mutant(
        "the state of a CONCURRENT phase is kept as it arrives",
        "arrival_decides_nothing",
        "pipeline/judging.py",
        "sorted(self._kept, key=lambda it: it.running.place), []",
        "self._kept, []",
    ),
    Mutant(
        "a hook that was halted has no line",
        "receipts_add_up",
        "pipeline/ledger.py",
        "                self.note(place, HookOutcome.SKIPPED_HALTED)\n",
        "                continue\n",
    ),
    Mutant(
        "a call that ends leaves its runs open",
        "receipts_add_up",
        "pipeline/runs.py",
        "[CancelRun(number) for number in self._runs]",
        "[]",
    ),
    Mutant(
        "a call finishes twice",
        "receipts_add_up",
        "pipeline/run.py",
        "            return [*effects, Detach(tuple(self._closing.work))]\n",
        "            return [*effects, Detach(tuple(self._closing.work)), *self._finish(now)]\n",
    ),
    Mutant(
        "a hook's place does not hang on its priority",
        "receipts_add_up",
        "pipeline/plan.py",
        "(hook.priority, hook.worker, hook.name, ",
        "(0, hook.worker, hook.name, ",
    ),
    Mutant(
        "a gate vouches only for the fields that it sees",
        "gates_vouch_for_what_is_returned",
        "pipeline/run.py",
        "running.digest = digest(self._judge.fields)",
        "running.digest = digest(self._boarding.sight(running, now).fields)",
    ),
    Mutant(
        "the patch of a hook in shadow is applied",
        "shadows_leave_no_trace",
        "modes.py",
        "outcome=outcome, patch=_NOTHING, state=NO_CHANGE",
        "outcome=outcome, state=NO_CHANGE",
    ),
    Mutant(
        "the state of a hook in shadow is kept",
        "shadows_leave_no_trace",
        "modes.py",
        "outcome=outcome, patch=_NOTHING, state=NO_CHANGE",
        "outcome=outcome, patch=_NOTHING",
    ),
    Mutant(
        "a failure in shadow ends the call",
        "shadows_leave_no_trace",
        "pipeline/model.py",
        "not self.in_shadow and self.row.schedule",
        "self.row.schedule",
    ),
    Mutant(
        "telemetry is blind because a TRANSFORM in shadow failed",
        "shadows_leave_no_trace",
        "pipeline/ledger.py",
        "            and not hook.in_shadow\n",
        "",
    ),
    Mutant(
        "a required hook's worker may let it fail",
        "required_guards_hold",
        "policy.py",
        "    if required:\n",
        "    if required and policy is None:\n",
    ),
    Mutant(
        "a required hook whose circuit is open is skipped",
        "required_guards_hold",
        "policy.py",
        "(FailureClass.CIRCUIT_OPEN, OnError.FAIL): _CLOSED",
        "(FailureClass.CIRCUIT_OPEN, OnError.FAIL): _DISABLED",
    ),
    Mutant(
        "a worker claims a failure that only the sidecar can know",
        "answers_widen_no_right",
        "pipeline/answers.py",
        "own = CLASSES[answer.failure_class].workers_own",
        "own = bool(CLASSES)",
    ),
    Mutant(
        "a worker writes a field that is read-only",
        "answers_widen_no_right",
        "modes.py",
        "if name in writable and fields.get(name) != value",
        "if fields.get(name) != value",
    ),
    Mutant(
        "a worker blocks in the name of another",
        "answers_widen_no_right",
        "pipeline/ending.py",
        "        worker=hook.worker,\n",
        "        worker=ruling.violation.worker or hook.worker,\n",
    ),
    Mutant(
        "a call that is over can be cancelled",
        "nothing_comes_after_finish",
        "pipeline/run.py",
        '        """The caller is gone. Inside the margin that is the deadline, not a cancel."""\n'
        "        if self._end is not None:\n",
        '        """The caller is gone. Inside the margin that is the deadline, not a cancel."""\n'
        "        if self._end is None and self.finished:\n",
    ),
    Mutant(
        "a hook gets fields that it did not ask for",
        "only_its_fields_reach_a_hook",
        "pipeline/requests.py",
        "    if names is None:\n",
        "    if not names:\n",
    ),
    Mutant(
        "telemetry learns the names of fields that it did not ask for",
        "only_its_fields_reach_a_hook",
        "pipeline/requests.py",
        "field_names=tuple(sorted(seen))",
        "field_names=tuple(sorted(fields))",
    ),
    Mutant(
        "a condition that cannot be evaluated is false",
        "agrees_with_the_reference",
        "pipeline/run.py",
        "            if turn is False:\n"
        "                self._judge.ledger.note(place, HookOutcome.SKIPPED_CONDITION)\n"
        "                return",
        "            if turn is not True:\n"
        "                self._judge.ledger.note(place, HookOutcome.SKIPPED_CONDITION)\n"
        "                return",
    ),
    Mutant(
        "every call is a sample of its own",
        "agrees_with_the_reference",
        "pipeline/turn.py",
        "context.session_id or call.call_id",
        "call.call_id",
    ),
    Mutant(
        "a hook under on_error disable is tried again at once",
        "agrees_with_the_reference",
        "policy.py",
        "(FailureClass.TIMEOUT, OnError.DISABLE): _DISABLING",
        "(FailureClass.TIMEOUT, OnError.DISABLE): _OPEN",
    ),
    Mutant(
        "a hook that is disabled counts as failed",
        "agrees_with_the_reference",
        "policy.py",
        "(FailureClass.CIRCUIT_OPEN, OnError.DISABLE): _DISABLED",
        "(FailureClass.CIRCUIT_OPEN, OnError.DISABLE): _OPEN",
    ),
    Mutant(
        "on_error knows no classes",
        "agrees_with_the_reference",
        "policy.py",
        "policy.overrides.get(kind, default)",
        "default",
    ),
    Mutant(
        "a run that waited is a timeout",
        "agrees_with_the_reference",
        "pipeline/run.py",
        "failures.expired_in_queue if running.waits else failures.timed_out",
        "failures.timed_out",
    ),
    Mutant(
        "a hook may ask for more time as often as it likes",
        "agrees_with_the_reference",
        "pipeline/run.py",
        "        running.was_extended = True\n",
        "",
    ),
    Mutant(
        "a hook gets all the time that it asks for",
        "agrees_with_the_reference",
        "pipeline/run.py",
        "min(extra, self._settings.max_extension)",
        "extra",
    ),
    Mutant(
        "an observer that asks for more time gets the guards'",
        "agrees_with_the_reference",
        "pipeline/run.py",
        "self._observers.until(now) if hook.observes else",
        "self._observers.until(now) if hook.row.observes else",
    ),
    Mutant(
        "shadows do not live on the observers' share",
        "agrees_with_the_reference",
        "pipeline/run.py",
        "        if running.hook.observes:\n",
        "        if running.hook.row.observes:\n",
    ),
    Mutant(
        "telemetry sees what a TRANSFORM would have redacted",
        "agrees_with_the_reference",
        "pipeline/ledger.py",
        "(line is None or line.outcome not in HAD_ITS_TURN)",
        "line is None",
    ),
    Mutant(
        "a hook rides on in the run of one that failed unknown to its worker",
        "fusion_changes_nothing",
        "pipeline/run.py",
        "            judged.effects.extend(self._runs.leave_riders())\n",
        "            pass\n",
    ),
    Mutant(
        "a hook with a condition rides in the run of another",
        "fusion_changes_nothing",
        "pipeline/segments.py",
        "        and hook.condition is None\n",
        "",
    ),
    Mutant(
        "a hook in shadow rides in the run of another",
        "fusion_changes_nothing",
        "pipeline/segments.py",
        "        and not hook.in_shadow\n",
        "",
        chains=10_000,
    ),
    Mutant(
        "a run carries what its first hook may not see",
        "fusion_changes_nothing",
        "pipeline/segments.py",
        "(first.fields is None or (hook.fields is not None and hook.fields <= first.fields))",
        "bool(first)",
    ),
    Mutant(
        "a hook of another scope rides in the run of one before it",
        "fusion_changes_nothing",
        "pipeline/boarding.py",
        "left_out(hook, self._call) is None\n",
        "hook is not None\n",
    ),
)


def laws_on(copy: Path, *laws: str, chains: int = CHAINS) -> subprocess.CompletedProcess[str]:
    """`make laws` in short, on the pipeline of this folder."""
    command = [sys.executable, "-m", "tests.laws", "--seed", "1", "--processes", "1"]
    command += ["--chains", str(chains)]
    for law in laws:
        command += ["--law", law]
    env = {**environ, "PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=env, check=False, capture_output=True, text=True, timeout=280
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the server's package, to do as one likes with."""
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=ignored)


pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_copy_without_a_fault_keeps_every_law(copy: Path) -> None:
    done = laws_on(copy, chains=1000)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda it: it.fault)
def test_a_law_notices_that(mutant: Mutant, copy: Path) -> None:
    file = copy / mutant.file
    source = file.read_text()
    assert source.count(mutant.old) == 1, "the code became other than the mutant knows it"
    file.write_text(source.replace(mutant.old, mutant.new))
    done = laws_on(copy, mutant.law, chains=mutant.chains)
    assert done.returncode == 1, f"nobody noticed: {done.stdout}{done.stderr}"
    assert f"FAILED: {mutant.law}: " in done.stdout, done.stderr
