"""Bad configurations: every problem at once, with file, line, column and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidehook_server.config import ConfigError, Override, load_config


def problems(tmp_path: Path, text: str | bytes, *overrides: Override) -> list[str]:
    """What is said about a file, without the folder it is in."""
    file = tmp_path / "s.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as raised:
        load_config(file, overrides=overrides, environment={})
    assert str(raised.value) == "\n".join(map(str, raised.value.problems))
    return [str(each).replace(f"{tmp_path}/", "") for each in raised.value.problems]


BAD_VALUES = {
    "dev: yes": "1:6: dev: 'yes' is neither true nor false",
    "dev:": "1:5: dev: has no value; give it one, or remove the key",
    "dev: [true]": "1:6: dev: takes a single value, not a list or a mapping",
    "workers: w": "1:10: workers: takes a list",
    "listen: [a]": "1:9: listen: takes keys and values, one to a line",
    "workers: [w]": "1:11: workers[0]: takes keys and values, one to a line",
    "limits: {margin: 20ms x}": "limits.margin: '20ms x' is no time; write 200ms, 5s, 2m, 1h",
    "limits: {margin: -1}": "limits.margin: '-1' is no time",
    "limits: {margin: 0}": "limits.margin: '0' is out of range; use over 0 and up to 86400s",
    "limits: {list_lease: 25h}": "limits.list_lease: '25h' is out of range",
    "limits: {max_payload_bytes: 16MB}": "'16MB' is no size; write 64KiB, 16MiB, 1GiB, or bytes",
    "limits: {max_payload_bytes: 2GiB}": "'2GiB' is out of range; use over 0 and up to 1GiB",
    "limits: {max_in_flight: 0}": "'0' is no whole number from 1 to 1000000000",
    "limits: {max_in_flight: 1.5}": "'1.5' is no whole number",
    "limits: {observer_share: 20%}": "'20%' is no share; use over 0 and up to 1",
    "limits: {observer_share: nan}": "'nan' is no share",
    "overload: {shed_detached_at: 0}": "'0' is no share; use over 0 and up to 1",
    "overload: {shed_detached_at: 0.9, shed_observers_at: 0.5}": (
        "overload.shed_observers_at: 0.5 is under the shed_detached_at of 0.9"
    ),
    "listen: {socket_mode: 888}": "'888' is no file mode; write three octal digits, such as 0660",
    "listen: {tcp: 7000}": "listen.tcp: '7000' is no address; write host:port",
    "listen: {tcp: ':7000'}": "listen.tcp: ':7000' is no address",
    "listen: {tcp: '*:7000'}": "listen.tcp: '*:7000' is no address",
    "listen: {tcp: 'localhost:70000'}": "'localhost:70000' is no address",
    "listen: {socket: ''}": "listen.socket: needs the path of a file or folder",
    "detached: {when_full: block}": "'block' is none of drop_newest, drop_oldest, wait",
    "detached: {queue: 0}": "detached.queue: '0' is no whole number from 1",
    "detached: {retries: 1001}": "detached.retries: '1001' is no whole number from 0 to 1000",
    "detached: {journal_payloads: sealed}": "'sealed' is none of plain, encrypted, masked",
    "detached: {journal_payloads: encrypted, journal_key_file: k}": (
        "detached.journal_payloads: there is no journal; name its file as `journal`"
    ),
    "detached: {journal: j, journal_payloads: encrypted}": "encrypted payloads need "
    "`journal_key_file`; add it",
    "detached: {journal: j, journal_payloads: masked}": "masked payloads need `journal_mask`",
    "detached: {journal: j, journal_key_file: k}": "it does nothing for plain payloads; say "
    "`journal_payloads: encrypted`",
    "limits: {detached_queue: 1}": "limits.detached_queue: there is no such key",
    "undeclared_types: maybe": "'maybe' is none of refuse, allow",
    "on_downgrade: acept": "'acept' is none of refuse, accept; did you mean 'accept'?",
    "decision_log: {to: fil}": "'fil' is none of off, stdout, file, otlp; did you mean 'file'?",
    "decision_log: {to: file}": "1:16: decision_log.to: `file` needs a path; add `path`",
    "decision_log: {to: otlp, endpoint: 'collector:4317'}": (
        "decision_log.endpoint: 'collector:4317' cannot be used: write http://host:port"
    ),
    "decision_log: {endpoint: 'http://collector:port'}": "'http://collector:port' cannot be used",
    "decision_log: {keep: 0}": "decision_log.keep: '0' is no whole number from 1",
    "decision_log: {show: [{fields: [a]}]}": "decision_log.show[0]: the key type is missing",
    "decision_log: {show: [{type: tool_pre_invok}]}": (
        "1:24: decision_log.show[tool_pre_invok].type: hook type 'tool_pre_invok' is not declared; "
        "add it to hook_types; did you mean 'tool_pre_invoke'?"
    ),
    "decision_log: {show: [{type: tool_pre_invoke}, {type: tool_pre_invoke}]}": (
        "1:48: decision_log.show[1].type: 'tool_pre_invoke' is here twice; keep one"
    ),
    "decision_log: {show: [{type: tool_pre_invoke, fields: [a, b], hash: [b]}]}": (
        "decision_log.show[tool_pre_invoke].hash: b stands in `fields` too; keep one of the two"
    ),
    "worker_sockets: {}": "worker_sockets: the key directory is missing; add it",
    "workers: [{optional: true}]": "1:11: workers[0]: the key name is missing; add it",
    "workers: [{name: 'a b'}]": "workers[0].name: 'a b' cannot be used: use 1 to 128 of letters",
    "workers: [{name: shared.x}]": "a name must not begin with 'shared.'",
    "workers: [{name: w, uid: root}]": "workers[0].uid: 'root' is no whole number from 0",
    "workers: [{name: w, target: 'http://x:1'}]": "'http://x:1' is no target; write unix:///path",
    "workers: [{name: w, target: 'x:0'}]": "'x:0' is no target",
    "workers: [{name: w, types: [a, a]}]\nundeclared_types: allow": (
        "1:32: workers[0].types[1]: 'a' is here twice; keep one"
    ),
    "workers: [{name: w, types: [[a]]}]": "workers[0].types[0]: takes a single value",
    "workers: [{name: w}, {name: w}]": "1:22: workers[1].name: 'w' is here twice; keep one",
    "hook_types: [{name: ''}]": "hook_types[0].name: '' cannot be used",
    "hook_types: [{name: a, writable: ['']}]": "writable[0]: '' cannot be used: it is empty",
}

HOOK = "workers: [{name: w, hooks: [{name: h, %s}]}]"

BAD_HOOKS = {
    "mode: sequental": "mode: 'sequental' is none of sequential, transform, audit, concurrent, "
    "fire_and_forget; did you mean 'sequential'?",
    "priority: 1000001": "priority: '1000001' is no whole number from -1000000 to 1000000",
    "timeout: 2h": "timeout: '2h' is out of range; use over 0 and up to 3600s",
    "on_error: disabled": "on_error: 'disabled' is none of fail, ignore, disable; "
    "did you mean 'disable'?",
    "on_error: {time_out: fail}": "on_error.time_out: there is no such key; "
    "did you mean 'timeout'?",
    "on_error: [fail]": "on_error: takes a single value",
    "condition: 'payload.'": "condition: 'payload.' cannot be used: ",
    "sample: 2": "sample: '2' is no share; use over 0 and up to 1",
    "mode: transform, sample: 0.5": "sample: a transform hook sees every call; remove `sample`, "
    "or let it observe with `shadow: true`",
    "mode: audit, requires_final_payload: true": "requires_final_payload: only sequential hooks "
    "may require the final payload, not audit; remove it",
    "shadow: true, required: true": "shadow: a hook in shadow decides nothing, and cannot be "
    "required; remove one of the two",
    "type: nowhere": "type: hook type 'nowhere' is not declared; add it to hook_types",
    "required: true, scope: s": "scope: a required hook runs for every call; "
    "remove `scope`, or `required`",
}


@pytest.mark.parametrize("text", BAD_VALUES)
def test_a_bad_value_is_named_with_its_place_and_the_fix(tmp_path: Path, text: str) -> None:
    (said,) = problems(tmp_path, text)
    assert said.startswith("s.yaml:1:")
    assert BAD_VALUES[text] in said


@pytest.mark.parametrize("term", BAD_HOOKS)
def test_a_bad_term_of_a_hook_is_named_with_its_place_and_the_fix(
    tmp_path: Path, term: str
) -> None:
    (said,) = problems(tmp_path, HOOK % term)
    assert said.startswith("s.yaml:1:")
    assert BAD_HOOKS[term] in said
    assert "hooks[" in said


def test_every_problem_is_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    said = problems(
        tmp_path,
        "lisen: {}\n"
        "dev: maybe\n"
        "limits:\n"
        "  margin: soon\n"
        "  default_budget: 0\n"
        "workers:\n"
        "  - name: w\n"
        "    hooks:\n"
        "      - name: h\n"
        "        mode: blocking\n"
        "      - priority: 3\n",
    )
    assert [each.split(" ")[0] for each in said] == [
        "s.yaml:1:1:",
        "s.yaml:2:6:",
        "s.yaml:4:11:",
        "s.yaml:5:19:",
        "s.yaml:10:15:",
        "s.yaml:11:9:",
    ]


def test_an_unknown_key_is_answered_with_the_one_that_was_meant(tmp_path: Path) -> None:
    assert problems(tmp_path, "lisen: {}") == [
        "s.yaml:1:1: lisen: there is no such key; did you mean 'listen'?"
    ]


def test_an_unknown_key_that_is_like_none_is_answered_with_all(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "worker_sockets: {directory: /tmp, xyz: 1}")
    assert said == (
        "s.yaml:1:35: worker_sockets.xyz: there is no such key; the keys here are directory"
    )


@pytest.mark.parametrize("key", ["? [a]\n: 1", "<<: {dev: true}", "1: 2"])
def test_a_key_that_is_no_name_is_no_key(tmp_path: Path, key: str) -> None:
    (said,) = problems(tmp_path, key)
    assert "there is no such key" in said


def test_a_key_twice_is_told_with_both_places(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "dev: true\nstrict_scopes: true\ndev: false\n")
    assert said.startswith("s.yaml:3:1: dev: is here twice, first at ")
    assert said.endswith("s.yaml:1:1; keep one")


@pytest.mark.parametrize(
    ("text", "place", "fault"),
    [
        ("a: [", "s.yaml:1:5: ", "expected the node content"),
        ("a: 1\n\tb: 2", "s.yaml:2:1: ", "cannot start any token"),
        ("a: *x", "s.yaml:1:4: ", "undefined alias"),
        ("dev: true\n---\ndev: false\n", "s.yaml:2:1: ", "another document"),
        (b"\xff\xfe\x00", "s.yaml: ", "not YAML"),
        (b"dev: \x00", "s.yaml: ", "not YAML"),
    ],
)
def test_what_is_not_yaml_is_told_with_its_place(
    tmp_path: Path, text: str | bytes, place: str, fault: str
) -> None:
    (said,) = problems(tmp_path, text)
    assert said.startswith(place)
    assert fault in said


def test_deep_nesting_is_refused_and_not_a_crash(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "[" * 1500)
    assert "not YAML" in said


def test_a_file_without_keys_is_told_what_one_looks_like(tmp_path: Path) -> None:
    assert problems(tmp_path, "- a") == [
        "s.yaml:1:1: the file must hold keys and values, such as `dev: true`"
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: the configuration cannot be read"):
        load_config(tmp_path / "nowhere.yaml")


def test_a_problem_of_a_flag_is_told_with_the_flag(tmp_path: Path) -> None:
    override = Override(flag="--admin", key="listen.admin", text="here")
    (said,) = problems(tmp_path, "listen: {admin: also wrong}", override)
    assert said.startswith("--admin: listen.admin: 'here' is no address")


def test_a_flag_below_something_that_is_no_mapping_stands_in_its_place(tmp_path: Path) -> None:
    override = Override(flag="--socket", key="listen.socket", text="")
    (said,) = problems(tmp_path, "listen: 5", override)
    assert said == "--socket: listen.socket: needs the path of a file or folder"


def test_a_socket_path_that_is_too_long_is_told_with_the_limit(tmp_path: Path) -> None:
    path = "/tmp/" + "x" * 103
    (said,) = problems(tmp_path, f"listen: {{socket: {path}, workers_socket: /tmp/w}}")
    assert f"listen.socket: the socket path {path} has 108 bytes" in said
    assert "Unix sockets allow 107; use a shorter folder" in said
    load_config(
        overrides=[
            Override("", "listen.socket", path[:-1]),
            Override("", "listen.workers_socket", "/w"),
        ],
        environment={},
    )


def test_bytes_count_and_not_letters(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, f"workers: [{{name: w, target: 'unix:///{'ä' * 54}'}}]")
    assert "has 109 bytes" in said


def test_a_default_socket_path_that_is_too_long_is_told_too(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with pytest.raises(ConfigError) as raised:
        load_config(environment={"XDG_RUNTIME_DIR": str(folder)})
    assert [problem.key for problem in raised.value.problems] == [
        "listen.socket",
        "listen.workers_socket",
    ]


@pytest.mark.parametrize("key", ["tcp", "tcp_workers", "admin"])
def test_an_address_that_is_open_to_other_machines_is_refused(tmp_path: Path, key: str) -> None:
    (said,) = problems(tmp_path, f"listen:\n  {key}: 0.0.0.0:7000")
    ways = "use 127.0.0.1" if key == "admin" else "set listen.tls, use 127.0.0.1"
    assert said == (
        f"s.yaml:2:3: listen.{key}: 0.0.0.0:7000 is open to other machines, and there is no TLS; "
        f"{ways}, or say `insecure_tcp: true` when the network itself is trusted"
    )


def test_one_address_is_not_given_twice(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "listen: {tcp: '127.0.0.1:1', tcp_workers: '127.0.0.1:1'}")
    assert "listen.tcp_workers: 127.0.0.1:1 is listen.tcp too; use another port" in said


def test_both_sockets_may_not_be_one(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "listen: {socket: /tmp/a.sock, workers_socket: /tmp/a.sock}")
    assert "whoever may call could register" in said


def test_the_margin_must_leave_time_for_hooks(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "limits: {margin: 10s}")
    assert "limits.margin: 10s is not under the default_budget of 10s" in said


def test_a_type_of_a_worker_must_be_declared(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "workers:\n- name: w\n  types: [component_pre_exec]")
    assert said == (
        "s.yaml:3:3: workers[w].types: hook type 'component_pre_exec' is not declared; "
        "add it to hook_types; did you mean 'component_pre_execute'?"
    )


def test_a_hook_of_an_optional_worker_cannot_be_required(tmp_path: Path) -> None:
    (said,) = problems(
        tmp_path,
        "workers:\n"
        "- {name: other}\n"
        "- name: w\n"
        "  optional: true\n"
        "  hooks:\n"
        "  - {name: h, required: true}\n",
    )
    assert said.startswith("s.yaml:6:15: workers[w].hooks[h].required: the worker is optional")


def test_a_user_cannot_be_told_over_tcp(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "workers: [{name: w, target: '127.0.0.1:1', uid: 5}]")
    assert "workers[w].uid: a user id cannot be verified over TCP" in said
