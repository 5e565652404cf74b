from pathlib import Path

from tests.chaos.records import BEGAN, Call, Pen, Run, calls, runs

CALL = Call(
    "m", "", "c", 1.0, 2.0, "proceeded", "", "m", [["w/h", "detached"], ["w/g", "proceeded"]]
)
RUN = Run("w/h", "c", "k", "m", BEGAN, 1.5, 7)


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    Pen(tmp_path / "a").write(CALL)
    Pen(tmp_path / "b").write(RUN)
    assert calls([tmp_path / "a"]) == [CALL]
    assert runs([tmp_path / "b"]) == [RUN]
    assert list(CALL.accepted) == ["w/h"]


def test_a_process_goes_on_where_the_one_before_it_stopped(tmp_path: Path) -> None:
    for _ in range(2):
        Pen(tmp_path / "a").write(RUN)
    assert runs([tmp_path / "a"]) == [RUN, RUN]


def test_half_a_line_at_the_end_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(RUN.line() + RUN.line()[:-5])
    assert runs([tmp_path / "a"]) == [RUN]
