"""A case that expects something else than what happens fails, and says what is different."""

from pathlib import Path

import pytest

from tests.conformance.language.cases import read_file
from tests.conformance.runners.pipeline_stage import pipeline_stage
from tests.conformance.runners.play import play

CASE = """
- name: it goes well
  rules: [1]
  workers:
    w:
      hooks:
        h: {priority: 1, answer: {patch: {a: 1, z: 1}, state: {set: {k: 1}}}}
        i: {priority: 2, on_error: ignore, answer: {error: {class: raised, code: C, message: m}}}
        n: {mode: fire_and_forget}
  steps:
    - invoke:
        payload: {a: 0}
        context: {user: u, scopes: [x]}
        expect:
          verdict: proceed
          payload: {a: 1}
          state: {set: {w/k: 1}}
          unknown_scopes: [x]
          receipt:
            - {w/h: modified, changed: [a], rejected: [z], mode: sequential, instance: w}
            - {w/i: failed_open, class: raised, code: C, message: m}
            - {w/n: detached}
          runs:
            - {w/h: {a: 0}, state: {}, context: {user: u}, timeout: 5s, may_block: true}
            - {w/i: {a: 1}, state: {k: 1}, instance: w, writable: [a, b, c]}
          detached: [{w/n: {a: 1}, end: {outcome: proceeded}}]
  expect:
    notices: {w: [{code: FIELDS_REJECTED, hook: h, fields: [z]}]}
    counters: {'sidehook_guard_missed_total{cause="failed_open"}': 1}
    shows: {ready: true, degraded: []}
"""

BLOCK = """
- name: it is blocked
  rules: [3]
  workers: {w: {hooks: {h: {answer: {block: {reason: r, code: C, details: {a: 1}}}}}}}
  call: {}
  expect: {verdict: blocked, violation: {by: w/h, reason: r, code: C, details: {a: 1}}}
"""

SAID = "{verdict: blocked, violation: {by: w/h, reason: r, code: C, details: {a: 1}}}"

FAILURE = """
- name: it fails
  rules: [13]
  workers: {w: {hooks: {h: {answer: {error: {class: raised, code: C}}}}}}
  call: {}
  expect:
    verdict: failed
    failure: {reason: HOOK_FAILED, class: raised, by: w/h, started: true, metadata: {code: C}}
"""

GATES = """
- name: it is looked at
  rules: [1]
  configuration: {workers: [{name: w, hooks: [{name: s, shadow: true}]}]}
  workers: {w: {hooks: {g: {requires_final_payload: true}, h: {priority: 60}, s: {priority: 70}}}}
  call: {payload: {a: 1}}
  expect:
    verdict: proceed
    receipt:
      - {w/h: proceeded}
      - {w/s: proceeded, shadowed: true}
      - {w/g: proceeded, payload_digest: same}
"""

STEPS = """
- name: things happen
  rules: [26]
  workers: {w: {hooks: {h: {}}}}
  steps:
    - connect: {worker: w, instance: x, hooks: {h: {type: x}}, expect: {refused: INVALID_MANIFEST}}
    - retire: {worker: w, refused: HOOK_IN_USE}
    - drain:
    - drained: {}
"""


async def differences(folder: Path, text: str) -> list[str]:
    file = folder / "some.yaml"
    file.write_text(text)
    (case,) = read_file(file)
    async with pipeline_stage(case, folder) as stage:
        return await play(case, stage)


@pytest.mark.parametrize("text", [CASE, BLOCK, FAILURE, GATES, STEPS])
async def test_a_case_that_is_right_passes(tmp_path: Path, text: str) -> None:
    assert await differences(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "there", "instead", "told"),
    [
        (BLOCK, SAID, "{verdict: proceed}", "the verdict is blocked, not proceed: r"),
        (CASE, "payload: {a: 1}\n", "payload: {a: 2}\n", "the payload: a is 1, not 2"),
        (CASE, "payload: {a: 1}\n", "development: false\n", "the patch has ['a'], not []"),
        (CASE, "{set: {w/k: 1}}", "{set: {w/k: 2}}", "the state set: w/k is 1, not 2"),
        (CASE, "{set: {w/k: 1}}", "{removed: [w/k]}", "the state set has ['w/k'], not []"),
        (CASE, "unknown_scopes: [x]", "unknown_scopes: []", "unknown_scopes is ['x'], not []"),
        (CASE, "            - {w/n: detached}\n", "", "the receipt has ['w/h', 'w/i', 'w/n'], not"),
        (CASE, "w/h: modified", "w/h: proceeded", "the line of w/h: outcome is"),
        (CASE, "changed: [a]", "changed: [b]", "the line of w/h: changed fields is ['a']"),
        (CASE, ", rejected: [z]", "", "the line of w/h: rejected fields is ['z'], not []"),
        (CASE, "mode: sequential", "mode: audit", "the line of w/h: mode is"),
        (CASE, "open, class: raised", "open", "the line of w/i: class is"),
        (
            CASE,
            "code: C, message: m}\n            - {w/n",
            "message: x}\n            - {w/n",
            "message",
        ),
        (CASE, "{w/h: {a: 0}", "{w/h: {a: 1}", "runs: w/h: the payload: a is 0, not 1"),
        (CASE, "- {w/i: {a: 1}, state", "- {w/i: {a: 1}, cancelled: true, state", "cancelled is"),
        (CASE, "state: {k: 1}", "state: {}", "runs: w/i: the state has ['k'], not []"),
        (CASE, "context: {user: u}, t", "context: {user: v}, t", "user is 'u', not 'v'"),
        (CASE, "timeout: 5s", "timeout: 4s", "timeout is 5 s, not 4 s"),
        (CASE, "timeout: 5s", "timeout: 6s", "timeout is 5 s, not 6 s"),
        (CASE, "may_block: true", "may_block: false", "may_block is True, not False"),
        (CASE, "writable: [a, b, c]", "writable: [a]", "writable is"),
        (CASE, "end: {outcome: proceeded}", "end: {outcome: blocked}", "the call ended as"),
        (CASE, "[{w/n: {a: 1}, end", "[{w/n: {a: 1}, withheld: [a], end", "withheld are None"),
        (CASE, "[{w/n: {a: 1}, end: {outcome: proceeded}}]", "[]", "detached are ['w/n'], not []"),
        (CASE, "code: FIELDS_REJECTED", "code: OTHER", "a notice of w is"),
        (CASE, "fields: [z]", "fields: []", "a notice of w is"),
        (CASE, "\"}': 1", "\"}': 2", "is 1, not 2"),
        (CASE, "ready: true", "ready: false", "/state: ready is True, not False"),
        (CASE, "degraded: []", "degraded: [much]", "/state: degraded does not mention 'much'"),
        (BLOCK, "by: w/h", "by: w/i", "the violation's by is 'w/h', not 'w/i'"),
        (BLOCK, "reason: r, code: C, details: {a: 1}}}\n", "code: D}}\n", "code is 'C', not 'D'"),
        (BLOCK, "{a: 1}}}\n", "{a: 1.0}}}\n", "the violation's details are"),
        (FAILURE, "HOOK_FAILED", "OTHER", "the failure's reason is 'HOOK_FAILED', not 'OTHER'"),
        (FAILURE, "HOOK_FAILED, class: raised", "HOOK_FAILED, class: timeout", "failure's class"),
        (FAILURE, "started: true", "started: false", "the failure's started is True, not False"),
        (FAILURE, "started: true", "mentions: [moon]", "does not mention 'moon'"),
        (
            FAILURE,
            "metadata: {code: C}",
            "metadata: {code: D}",
            "the failure's code is 'C', not 'D'",
        ),
        (GATES, ", shadowed: true", "", "the line of w/s: shadowed is True, not False"),
        (GATES, "h: proceeded", "h: proceeded, shadowed: true", "shadowed is False, not True"),
        (GATES, ", payload_digest: same", "", "the line of w/g: payload digest is '"),
        (GATES, "h: proceeded", "h: proceeded, payload_digest: same", "payload digest is '', not"),
        (CASE, "w/i: failed_open", "payload_digest: same, w/i: failed_open", "which has none"),
        (STEPS, "refused: INVALID_MANIFEST", "refused: OTHER", "refused as INVALID_MANIFEST"),
        (STEPS, "refused: HOOK_IN_USE", "retired: [w/h]", "refused as HOOK_IN_USE"),
        (STEPS, "drained: {}", "drained: {cut_calls: 1}", "cut_calls=0"),
    ],
)
async def test_a_difference_is_told(
    tmp_path: Path, text: str, there: str, instead: str, told: str
) -> None:
    assert text.count(there) == 1, "the test changes one thing"
    found = await differences(tmp_path, text.replace(there, instead))
    assert any(told in text for text in found), found
