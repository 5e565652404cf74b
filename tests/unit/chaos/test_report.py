from collections import Counter

from tests.chaos.accounting import Account, Detached, Outage
from tests.chaos.report import Result, longest_outage, table

RESULT = Result(
    account=Account(
        problems=(),
        outcomes={"proceeded": 5, "failed": 2},
        reasons={"HOOK_FAILED": 2},
        detached=Detached(accepted=9, delivered=8, counted={"unknown": 1}),
        could_be_lost=0,
        longest_outage=Outage(10.0, 13.5),
    ),
    kills=Counter(sidecar=2, client=1),
    killed=[(7.0, "caller-1"), (9.0, "guards-1"), (10.5, "sidecar"), (14.0, "sidecar")],
    seconds=20.0,
    healed_in=0.5,
    problems=(),
)


def test_a_table_has_a_column_for_each_run_and_a_row_for_each_figure() -> None:
    head, *rows = table({"journal": RESULT, "memory": RESULT}).splitlines()
    assert head.split() == ["journal", "memory"]
    cells = {tuple(row.split()[:-2]): tuple(row.split()[-2:]) for row in rows}
    assert cells["rounds",] == ("3", "3")
    assert cells["killed:", "sidecar"] == ("2", "2")
    assert cells["calls",] == ("7", "7")
    assert cells["events", "accepted"] == ("9", "9")
    assert cells["counted:", "unknown"] == ("1", "1")
    assert cells["counted:", "timeout"] == ("0", "0")
    assert cells["longest", "outage,", "s"] == ("3.5", "3.5")


def test_an_outage_names_what_was_killed_in_it_and_just_before() -> None:
    assert longest_outage(RESULT) == (
        "3.5 s, and what was killed: guards-1 at -1.0 s, sidecar at +0.5 s"
    )
