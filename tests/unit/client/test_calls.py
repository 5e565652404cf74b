from sidehook._client_calls import CallTable, Stray


def test_ids_count_up_from_one_and_each_is_used_once() -> None:
    table: CallTable[str] = CallTable()
    assert [table.open("a"), table.open("b")] == [1, 2]
    table.close(1)
    assert table.open("c") == 3


def test_an_answer_ends_its_own_call_whatever_the_order() -> None:
    table: CallTable[str] = CallTable()
    first, second = table.open("first"), table.open("second")
    assert table.close(second) == "second"
    assert table.close(first) == "first"
    assert len(table) == 0


def test_a_second_answer_is_late_and_ends_nothing() -> None:
    table: CallTable[str] = CallTable()
    over, under_way = table.open("over"), table.open("under way")
    table.close(over)
    assert table.close(over) is Stray.LATE
    assert table.close(under_way) == "under way"


def test_an_answer_to_no_call_is_unknown() -> None:
    table: CallTable[str] = CallTable()
    table.open("a")
    assert table.close(2) is Stray.UNKNOWN
    assert table.close(0) is Stray.UNKNOWN


def test_a_lost_stream_gives_up_every_call_once() -> None:
    table: CallTable[str] = CallTable()
    table.open("a")
    table.open("b")
    assert table.close_all() == ["a", "b"]
    assert table.close_all() == []
    assert table.close(1) is Stray.LATE
