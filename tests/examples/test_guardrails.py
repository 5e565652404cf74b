"""The guardrails of the examples, each without a server."""

from __future__ import annotations

import random
import runpy
import string

import pytest

from examples.guardrails import no_secrets, personal_data, token_budget
from sidehook.testing import run_hook
from sidehook.worker._collect import Item
from tests.repository import ROOT


def a_token() -> str:
    """A made-up token of the right shape, so that no real-looking one stands in this file."""
    letters = random.Random(7).choices(string.ascii_letters + string.digits, k=36)
    return "ghp_" + "".join(letters)


def test_a_prompt_with_a_token_is_blocked_and_the_token_is_nowhere_in_the_answer() -> None:
    token = a_token()
    action = {"type": "Instruction", "rendered": {"description": f"push with {token}"}}
    result = run_hook(no_secrets.no_secrets_in_prompts, {"action": action, "component_type": "I"})
    violation = result.violation
    assert violation is not None
    assert violation.code == "SECRET_FOUND"
    assert b'"field":"action"' in violation.details.replace(b" ", b"")
    assert token not in repr(violation)


def test_a_token_in_an_object_key_is_found_too() -> None:
    result = run_hook(no_secrets.no_secrets_in_tool_calls, {"model_tool_call": {a_token(): 1}})
    assert result.violation is not None


def test_a_prompt_without_a_token_proceeds() -> None:
    action = {"type": "Instruction", "rendered": {"description": "Name the four seasons."}}
    result = run_hook(no_secrets.no_secrets_in_prompts, {"action": action})
    assert result.proceeded


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("pay with 4111 1111 1111 1111 please", "pay with <card> please"),
        ("order 4111 1111 1111 1112 please", "order 4111 1111 1111 1112 please"),
        ("to GB33BUKB20201555555555.", "to <iban>."),
        ("to GB34BUKB20201555555555.", "to GB34BUKB20201555555555."),
        ("ask jo.doe+x@example.org now", "ask <email> now"),
        ("call +44 20 7946 0958 or (650) 253-0000", "call <phone> or <phone>"),
        ("the year 2026 has 365 days", "the year 2026 has 365 days"),
    ],
)
def test_personal_data_is_masked_when_its_check_digits_hold(text: str, masked: str) -> None:
    assert personal_data.mask(text) == masked


def test_every_text_in_a_tool_output_is_masked_and_the_rest_stays() -> None:
    output = {"rows": [{"mail": "jo@example.org", "age": 41}], "ok": True, "none": None}
    result = run_hook(personal_data.mask_tool_output, {"tool_output": output})
    expected = {"rows": [{"mail": "<email>", "age": 41}], "ok": True, "none": None}
    assert result.changed == {"tool_output": expected}


def test_a_tool_output_without_personal_data_is_not_touched() -> None:
    assert run_hook(personal_data.mask_tool_output, {"tool_output": {"n": 1}}).proceeded


def allow_list() -> Item:
    """The worker file as a worker loads it, under the environment of now."""
    hook: Item = runpy.run_path(str(ROOT / "examples/guardrails/tool_allow_list.py"))[
        "tool_allow_list"
    ]
    return hook


def test_a_worker_without_its_allow_list_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALLOWED_TOOLS", raising=False)
    with pytest.raises(SystemExit, match="ALLOWED_TOOLS is not set"):
        allow_list()


@pytest.mark.parametrize(
    ("allowed", "tool", "blocked"),
    [(" search, add ", "add", False), ("search,add", "rm", True), ("", "add", True)],
)
def test_only_tools_on_the_list_may_be_called(
    monkeypatch: pytest.MonkeyPatch, allowed: str, tool: str, *, blocked: bool
) -> None:
    monkeypatch.setenv("ALLOWED_TOOLS", allowed)
    result = run_hook(allow_list(), {"model_tool_call": {"name": tool}})
    assert (result.violation is not None) is blocked
    assert result.proceeded is not blocked


def test_tokens_are_counted_in_the_session() -> None:
    payload = {"model_output": {"usage": {"total_tokens": 30}}}
    result = run_hook(token_budget.count_tokens, payload, state={"tokens_spent": 12})
    assert result.state == {"tokens_spent": 42}


def test_a_session_over_its_budget_is_blocked() -> None:
    spent = {"tokens_spent": token_budget.BUDGET}
    result = run_hook(token_budget.token_budget, {}, state=spent)
    assert result.violation is not None
    assert result.violation.code == "TOKEN_BUDGET_SPENT"


def test_a_session_within_its_budget_goes_on() -> None:
    assert run_hook(token_budget.token_budget, {}, state={"tokens_spent": 1}).proceeded
