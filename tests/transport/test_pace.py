from sidehook_server.transport.pace import Pace


def test_the_first_few_do_not_wait() -> None:
    pace = Pace(at_once=3, seconds=2.0)
    waits = []
    for _ in range(5):
        pace.spend(10.0)
        waits.append(pace.wait(10.0))
    assert waits == [0.0, 0.0, 2.0, 4.0, 6.0]


def test_time_that_passes_is_room_for_more() -> None:
    pace = Pace(at_once=2, seconds=1.0)
    pace.spend(10.0)
    pace.spend(10.0)
    assert pace.wait(10.5) == 0.5
    assert pace.wait(11.0) == 0.0
    pace.spend(11.0)
    assert pace.wait(11.0) == 1.0
    assert pace.wait(1000.0) == 0.0
