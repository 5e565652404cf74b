"""What `sidehook health` understands, and what it refuses."""

import pytest

from sidehook_server.probe.command import UsageError, main, parsed


def test_without_a_question_it_asks_whether_the_sidecar_is_ready() -> None:
    asked = parsed([])
    assert (asked.question, asked.admin, asked.socket, asked.seconds) == ("ready", "", "", 3.0)


@pytest.mark.parametrize("question", ["started", "ready", "live"])
def test_each_question_is_a_flag(question: str) -> None:
    assert parsed([f"--{question}"]).question == question


def test_a_value_stands_behind_its_flag_or_after_an_equals_sign() -> None:
    apart = parsed(["--socket", "/run/s.sock", "--timeout", "0.5"])
    joined = parsed(["--socket=/run/s.sock", "--timeout=0.5"])
    for asked in (apart, joined):
        assert (asked.socket, asked.seconds) == ("/run/s.sock", 0.5)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--live", "--ready"], "at a time"),
        (["--live=yes"], "no option"),
        (["--probe", "live"], "no option"),
        (["live"], "no option"),
        (["--socket"], "needs a value"),
        (["--admin="], "needs a value"),
        (["--admin", "a:1", "--socket", "b"], "two ways"),
        (["--timeout", "0"], "over 0"),
        (["--timeout", "soon"], "over 0"),
        (["--timeout", "inf"], "over 0"),
    ],
)
def test_wrong_usage_is_named(arguments: list[str], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        parsed(arguments)


@pytest.mark.parametrize("admin", ["nowhere", "http://127.0.0.1", "127.0.0.1:0", "127.0.0.1:x"])
def test_an_address_that_is_none_is_wrong_usage(
    admin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--admin", admin]) == 64
    assert admin in capsys.readouterr().err


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for flag in ("--started", "--ready", "--live", "--admin", "--socket", "--timeout"):
        assert flag in text
