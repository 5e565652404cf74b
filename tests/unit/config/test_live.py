"""What of a configuration may change while the sidecar runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidehook_server.config.live import (
    LIVE,
    RESTART,
    is_live,
    keys,
    problems_of_change,
    why_restart,
)
from sidehook_server.config.load import Loaded, load
from tests.repository import ROOT

START = """\
listen: {socket: /run/s.sock, workers_socket: /run/w.sock, admin: "off"}
state_dir: /run/state
limits: {max_payload_bytes: 1MiB}
"""


def loaded(folder: Path, text: str) -> Loaded:
    file = folder / "sidehook.yaml"
    file.write_text(text)
    return load(file, environment={})


def problems(folder: Path, changed: str, *, start: str = START) -> list[str]:
    first = loaded(folder, start).config
    found = problems_of_change(first, first, loaded(folder, changed))
    return [str(problem).removeprefix(f"{folder}/sidehook.yaml:") for problem in found]


def test_every_key_was_decided_on_once() -> None:
    for key in keys():
        assert is_live(key) != (why_restart(key) is not None), (
            f"may {key} change while the sidecar runs? Put it into a table of config/live.py"
        )


def test_every_decision_is_about_a_key() -> None:
    known = set(keys())
    for decided in (*LIVE, *RESTART):
        assert any(key == decided or key.startswith(f"{decided}.") for key in known), decided


def test_the_page_says_which_is_which() -> None:
    page = (ROOT / "docs" / "reloading.md").read_text()
    for key in LIVE:
        assert f"| `{key}` | live |" in page
    for key, why in RESTART.items():
        assert f"| `{key}` | needs a restart: {why} |" in page


@pytest.mark.parametrize(
    "changed",
    [
        "strict_scopes: true",
        "undeclared_types: allow",
        "hook_types: [{name: mine, writable: [text], max_payload_bytes: 1MiB}]",
        "workers: [{name: w, target: /run/worker.sock, uid: 7, hooks: [{name: h}]}]",
        "worker_sockets: {directory: /run/workers}",
        "payload_on_block: true",
        "on_downgrade: accept",
        "decision_log: {texts: true, show: [{type: tool_pre_invoke, fields: [name]}]}",
    ],
)
def test_what_is_live_may_change(tmp_path: Path, changed: str) -> None:
    assert problems(tmp_path, START + changed) == []


def test_limits_of_calls_may_change(tmp_path: Path) -> None:
    limits = (
        "limits: {max_payload_bytes: 1KiB, max_state_bytes: 1KiB, max_in_flight: 1, margin: 1ms, "
        "default_budget: 1s, observer_share: 0.5, drain_timeout: 1s}"
    )
    assert problems(tmp_path, START.replace("limits: {max_payload_bytes: 1MiB}", limits)) == []


def test_what_needs_a_restart_is_named_each_at_its_place_with_the_reason(tmp_path: Path) -> None:
    changed = """\
listen: {socket: /run/s.sock, workers_socket: /run/w.sock, admin: "127.0.0.1:1", tcp: "[::1]:2"}
state_dir: /elsewhere
limits: {max_payload_bytes: 1MiB, list_lease: 3s}
detached: {queue: 1}
dev: true
decision_log: {to: stdout}
"""
    found = problems(tmp_path, changed)
    assert sorted(tuple(problem.split(": ")[:2]) for problem in found) == [
        ("1:60", "listen.admin"),
        ("1:82", "listen.tcp"),
        ("2:1", "state_dir"),
        ("3:35", "limits.list_lease"),
        ("4:12", "detached.queue"),
        ("5:1", "dev"),
        ("6:16", "decision_log.to"),
    ]
    assert all("restart it, or put back what it was" in problem for problem in found)
    assert "addresses are bound when the sidecar starts" in found[0]


def test_what_follows_from_a_key_is_not_named_beside_it(tmp_path: Path) -> None:
    start = 'listen: {socket: /run/s.sock, admin: "off"}'
    (only,) = problems(tmp_path, start.replace("/run/s", "/run/t"), start=start)
    assert "listen.socket" in only


def test_a_key_that_was_removed_is_named_where_it_would_be(tmp_path: Path) -> None:
    (only,) = problems(tmp_path, START.replace(', admin: "off"', ""))
    assert only.startswith("1:1: listen.admin: ")
    (only,) = problems(tmp_path, START.replace("state_dir: /run/state\n", ""))
    assert only.startswith(" state_dir: ")


def test_payloads_may_not_outgrow_the_messages_of_the_start(tmp_path: Path) -> None:
    changed = START.replace("1MiB", "2MiB") + (
        "hook_types: [{name: small, max_payload_bytes: 1MiB},\n"
        "  {name: large, max_payload_bytes: 3MiB}]"
    )
    found = problems(tmp_path, changed)
    assert [problem.split(": ")[:2] for problem in found] == [
        ["3:10", "limits.max_payload_bytes"],
        ["5:17", "hook_types[large].max_payload_bytes"],
    ]
    assert "2097152 bytes are more than the 1048576" in found[0]


def test_payloads_may_grow_up_to_the_largest_of_the_start(tmp_path: Path) -> None:
    first = loaded(tmp_path, START).config
    smaller = loaded(tmp_path, START.replace("1MiB", "1KiB")).config
    assert problems_of_change(first, smaller, loaded(tmp_path, START)) == ()
