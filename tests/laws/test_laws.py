"""The laws of the pipeline on chains that hypothesis draws; `make laws` draws many more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidehook._call import Proceed, Violation
from sidehook._types import Mode
from tests.laws.chains import CALLS, HOOKS, MAX_HOOKS, Chain, chain_of
from tests.laws.evidence import ran
from tests.laws.laws import hold

CHAINS = st.builds(
    chain_of,
    st.integers(0, CALLS - 1),
    st.lists(st.integers(0, HOOKS - 1), max_size=MAX_HOOKS),
)


@pytest.mark.timeout(900)
@settings(max_examples=10_000)
@given(CHAINS)
def test_the_pipeline_does_what_the_reference_model_says(chain: Chain) -> None:
    hold(chain)


@settings(max_examples=1_000)
@given(CHAINS)
def test_a_chain_of_observers_never_changes_a_byte_and_only_concurrent_may_block(
    chain: Chain,
) -> None:
    mutators = (Mode.SEQUENTIAL, Mode.TRANSFORM)
    observers = tuple(hook for hook in chain.hooks if hook.mode not in mutators)
    it = ran(replace(chain, hooks=observers))
    if isinstance(it.answer.outcome, Proceed):
        assert it.answer.outcome.patch == {}
    if isinstance(it.answer.outcome, Violation):
        assert it.lines[it.answer.outcome.hook].mode is Mode.CONCURRENT


@settings(max_examples=1_000)
@given(CHAINS)
def test_transform_never_blocks(chain: Chain) -> None:
    only = tuple(hook for hook in chain.hooks if hook.mode is Mode.TRANSFORM)
    assert not isinstance(ran(replace(chain, hooks=only)).answer.outcome, Violation)
