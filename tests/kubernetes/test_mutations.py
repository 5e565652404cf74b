"""Each check is shown to fail: a table of broken manifests."""

from __future__ import annotations

import pytest

from tests.kubernetes.checks import CHECKS, problems
from tests.kubernetes.golden import golden
from tests.kubernetes.mutations import MUTATIONS, Mutation
from tests.kubernetes.schemas import schema_problems
from tests.kubernetes.variants import MINORS

SCHEMA = "schema"


def _found(mutation: Mutation) -> list[str]:
    objects = mutation.objects()
    if mutation.check == SCHEMA:
        return list(schema_problems(objects, MINORS[-1]))
    return list(CHECKS[mutation.check](objects))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_broken_manifest_is_noticed(mutation: Mutation) -> None:
    assert any(mutation.says in problem for problem in _found(mutation)), _found(mutation)


@pytest.mark.parametrize("base", sorted({mutation.base for mutation in MUTATIONS}))
def test_what_they_break_was_whole(base: str) -> None:
    objects = golden(base)
    assert problems(objects) == []
    assert list(schema_problems(objects, MINORS[-1])) == []


def test_every_check_is_in_the_table() -> None:
    assert {mutation.check for mutation in MUTATIONS} == {*CHECKS, SCHEMA}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_only_our_own_checks_notice_has_a_reason_to_be_there(mutation: Mutation) -> None:
    """The five that issue reports name are missed by the schemas; a check is no copy of them."""
    if mutation.check in ("enums", "ports", "quantities", "selectors", "references"):
        assert list(schema_problems(mutation.objects(), MINORS[-1])) == []
