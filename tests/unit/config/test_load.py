"""What a good configuration becomes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sidehook._types import FailureClass, Mode, OnError, OnRejected
from sidehook_server.config import Config, Override, load_config
from sidehook_server.config.load import load as load_with_places
from sidehook_server.config.model import (
    Address,
    DecisionLogConfig,
    DecisionSink,
    DetachedConfig,
    JournalPayloads,
    OnDowngrade,
    ShowConfig,
    UndeclaredTypes,
    WhenFull,
)
from sidehook_server.pipeline.load import LoadLimits


def load(tmp_path: Path, text: str, **flags: str) -> Config:
    file = tmp_path / "sidehook.yaml"
    file.write_text(text)
    overrides = [
        Override(flag=f"--{key}", key=key.replace("__", "."), text=value)
        for key, value in flags.items()
    ]
    return load_config(file, overrides=overrides, environment={})


def test_no_configuration_at_all_works() -> None:
    config = load_config(environment={})
    assert config.source == ""
    assert not config.dev
    assert config.workers == {}
    assert config.listen.socket.endswith("/sidehook.sock")
    assert config.warnings == ()


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, "# nothing yet\n")
    assert config.source == str(tmp_path / "sidehook.yaml")
    assert config.limits == load_config(environment={}).limits


def test_the_sockets_are_in_the_users_folder_for_run_time_files(tmp_path: Path) -> None:
    config = load_config(environment={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert config.listen.socket == f"{tmp_path}/sidehook/sidehook.sock"
    assert config.listen.workers_socket == f"{tmp_path}/sidehook/workers.sock"
    assert config.state_dir == f"{tmp_path}/sidehook/sidehook.state"


def test_a_users_folder_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    config = load_config(environment={"XDG_RUNTIME_DIR": str(tmp_path / "gone" / "deep")})
    assert config.listen.socket in (
        "/run/sidehook/sidehook.sock",
        f"{tmp_path}/gone/deep/sidehook/sidehook.sock",  # where /run cannot be written either
    )


def test_the_other_paths_follow_the_socket(tmp_path: Path) -> None:
    config = load(tmp_path, "listen: {socket: /tmp/x/a.sock}")
    assert config.listen.workers_socket == "/tmp/x/workers.sock"
    assert config.state_dir == "/tmp/x/a.state"


def test_paths_are_relative_to_the_file(socket_folder: Path) -> None:
    config = load(
        socket_folder,
        "listen: {socket: run/a.sock, workers_socket: 'unix:b.sock'}\n"
        "state_dir: state\n"
        "worker_sockets: {directory: workers}\n"
        "workers: [{name: w, target: 'unix:w.sock'}]\n",
    )
    assert config.listen.socket == f"{socket_folder}/run/a.sock"
    assert config.listen.workers_socket == f"{socket_folder}/b.sock"
    assert config.state_dir == f"{socket_folder}/state"
    assert config.worker_sockets == f"{socket_folder}/workers"
    assert config.workers["w"].target == f"unix://{socket_folder}/w.sock"


@pytest.mark.parametrize("written", ["/tmp/x.sock", "unix:/tmp/x.sock", "unix:///tmp/x.sock"])
def test_a_socket_may_be_written_as_a_target(tmp_path: Path, written: str) -> None:
    config = load(tmp_path, f"listen: {{socket: '{written}', workers_socket: /tmp/y.sock}}")
    assert config.listen.socket == "/tmp/x.sock"


def test_every_key_reaches_the_configuration(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
listen:
  socket: /tmp/a.sock
  workers_socket: /tmp/w.sock
  socket_mode: 0660
  workers_socket_mode: "600"
  tcp: 127.0.0.1:7000
  tcp_workers: "[::1]:7001"
  admin: localhost:0
state_dir: /tmp/state
hook_types:
  - {name: own, writable: [b, a], max_payload_bytes: 1KiB, required: true}
  - {name: component_pre_execute, writable: []}
undeclared_types: allow
strict_scopes: true
workers:
  - name: pii
    target: dns:///pii.example:7000
    optional: true
    tenant: acme
    types: [own]
    max_in_flight: 3
    on_downgrade: accept
    hooks:
      - name: redact
        type: own
        mode: TRANSFORM
        priority: -5
        timeout: 1.5
        on_error: {default: fail, timeout: ignore}
        on_rejected: error
        scope: ''
        detached_runs: 3
limits:
  max_payload_bytes: 2MiB
  max_state_bytes: 100
  max_in_flight: 5
  worker_queue: 7
  default_budget: 1m
  margin: 30ms
  observer_share: 0.5
  list_lease: 1s
  drain_timeout: 1h
detached:
  queue: 6
  max_bytes: 3MiB
  when_full: drop_oldest
  wait_up_to: 40ms
  per_worker: 7
  per_hook: 2
  retries: 0
  retry_for: 10m
  journal: /tmp/journal.sqlite
  journal_payloads: masked
  journal_mask: [text, secret]
overload:
  shed_detached_at: 0.5
  shed_observers_at: 1
payload_on_block: true
on_downgrade: accept
""",
    )
    assert (config.listen.socket_mode, config.listen.workers_socket_mode) == (0o660, 0o600)
    assert config.listen.tcp == Address("127.0.0.1", 7000)
    assert str(config.listen.tcp_workers) == "[::1]:7001"
    assert config.listen.admin == Address("localhost", 0)
    own = config.hook_types["own"]
    assert (own.writable, own.max_payload_bytes, own.required) == (
        frozenset({"a", "b"}),
        1024,
        True,
    )
    assert config.hook_types["component_pre_execute"].writable == frozenset()
    assert config.undeclared_types is UndeclaredTypes.ALLOW
    worker = config.workers["pii"]
    assert (worker.target, worker.optional, worker.tenant) == (
        "dns:///pii.example:7000",
        True,
        "acme",
    )
    assert (worker.types, worker.on_downgrade) == (frozenset({"own"}), OnDowngrade.ACCEPT)
    assert worker.max_in_flight == 3
    (hook,) = worker.hooks
    assert (hook.hook_type, hook.mode, hook.priority, hook.timeout) == (
        "own",
        Mode.TRANSFORM,
        -5,
        1.5,
    )
    assert hook.on_error is not None
    assert hook.on_error.default is OnError.FAIL
    assert hook.on_error.overrides == {FailureClass.TIMEOUT: OnError.IGNORE}
    assert (hook.on_rejected, hook.scope, hook.required) == (OnRejected.ERROR, "", False)
    assert hook.detached_runs == 3
    limits = config.limits
    assert (limits.max_payload_bytes, limits.max_state_bytes) == (2 * 1024 * 1024, 100)
    assert limits.max_in_flight == 5
    assert (limits.default_budget, limits.margin, limits.observer_share) == (60.0, 0.03, 0.5)
    assert (limits.list_lease, limits.drain_timeout) == (1.0, 3600.0)
    assert config.detached == DetachedConfig(
        queue=6,
        max_bytes=3 * 1024 * 1024,
        when_full=WhenFull.DROP_OLDEST,
        wait_up_to=0.04,
        per_worker=7,
        per_hook=2,
        retries=0,
        retry_for=600.0,
        journal="/tmp/journal.sqlite",
        journal_payloads=JournalPayloads.MASKED,
        journal_mask=frozenset({"text", "secret"}),
    )
    assert config.strict_scopes
    assert config.payload_on_block
    assert config.accepts_downgrade("anybody")
    settings = config.call_settings
    assert (settings.default_budget, settings.margin, settings.observer_share) == (60.0, 0.03, 0.5)
    assert (settings.payload_on_block, settings.max_state_bytes) == (True, 100)
    assert settings.load == LoadLimits(
        calls=5, worker_queue=7, shed_detached_at=0.5, shed_observers_at=1.0
    )


@pytest.mark.parametrize("value", ["off", "false"])
def test_the_admin_port_can_be_off(tmp_path: Path, value: str) -> None:
    assert load(tmp_path, f"listen: {{admin: {value}}}").listen.admin is None


@pytest.mark.parametrize("value", ["off", "false"])
def test_connections_may_grow_as_old_as_they_like(tmp_path: Path, value: str) -> None:
    config = load(tmp_path, f"listen: {{max_connection_age: {value}}}")
    assert config.listen.max_connection_age is None


def test_connections_grow_as_old_as_the_configuration_says(tmp_path: Path) -> None:
    assert load_config(environment={}).listen.max_connection_age == 300.0
    config = load(tmp_path, "listen: {max_connection_age: 2m}")
    assert config.listen.max_connection_age == 120.0


def test_the_admin_port_is_on_this_machine_alone_unless_said_otherwise() -> None:
    admin = load_config(environment={}).listen.admin
    assert admin is not None
    assert admin.is_loopback


def test_one_word_for_every_failure(tmp_path: Path) -> None:
    text = "workers: [{name: w, hooks: [{name: h, on_error: ignore}]}]"
    (hook,) = load(tmp_path, text).workers["w"].hooks
    assert hook.on_error is not None
    assert hook.on_error.default is OnError.IGNORE


def test_names_are_never_taken_for_booleans_or_numbers(tmp_path: Path) -> None:
    config = load(tmp_path, "workers: [{name: no, optional: true}, {name: 007, tenant: 1e3}]")
    assert set(config.workers) == {"no", "007"}
    assert config.workers["007"].tenant == "1e3"


def test_sections_without_content_are_like_none(tmp_path: Path) -> None:
    config = load(tmp_path, "listen:\nworkers:\nlimits:\nhook_types:\n")
    assert config.workers == {}
    assert config.hook_types == {}


def test_what_a_flag_says_stands_over_the_file(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "listen: {socket: /tmp/a.sock, socket_mode: 0660}\ndev: false\n",
        listen__socket="/tmp/b.sock",
        dev="true",
        limits__margin="5ms",
    )
    assert config.listen.socket == "/tmp/b.sock"
    assert config.listen.socket_mode == 0o660
    assert config.limits.margin == 0.005
    assert config.dev


def test_a_relative_path_of_a_flag_is_relative_to_where_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert load(tmp_path, "", state_dir="s").state_dir == f"{tmp_path}/here/s"


def test_an_open_address_is_allowed_when_the_operator_says_so_and_warned_of(tmp_path: Path) -> None:
    config = load(tmp_path, "listen: {tcp: '0.0.0.0:7000', admin: '[::]:7001', insecure_tcp: true}")
    assert len(config.warnings) == 2
    assert "listen.tcp 0.0.0.0:7000 is open to other machines without TLS" in config.warnings[0]
    assert "listen.admin [::]:7001" in config.warnings[1]


def test_development_mode_is_warned_of_and_accepts_weaker_manifests(tmp_path: Path) -> None:
    config = load(tmp_path, "dev: true\non_downgrade: refuse\n")
    assert "development mode" in config.warnings[0]
    assert config.accepts_downgrade("anybody")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_addresses_need_no_consent(host: str) -> None:
    assert Address(host, 1).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_other_addresses_do(host: str) -> None:
    assert not Address(host, 1).is_loopback


def test_the_decision_log_is_off_until_it_is_asked_for(tmp_path: Path) -> None:
    assert load(tmp_path, "dev: true\n").decision_log == DecisionLogConfig()
    config = load(
        tmp_path,
        "decision_log:\n  to: file\n  path: d.jsonl\n  max_bytes: 1MiB\n  keep: 2\n  queue: 10\n"
        "  show: [{type: tool_pre_invoke, fields: [name], hash: [args]}]\n",
    )
    assert config.decision_log == DecisionLogConfig(
        to=DecisionSink.FILE,
        path=str(tmp_path / "d.jsonl"),
        max_bytes=1024 * 1024,
        keep=2,
        queue=10,
        show=(
            ShowConfig(
                hook_type="tool_pre_invoke", fields=frozenset({"name"}), hash=frozenset({"args"})
            ),
        ),
    )


def test_the_digest_is_the_one_of_the_file(tmp_path: Path) -> None:
    text = "dev: true\n"
    assert load(tmp_path, text, dev="false").digest == hashlib.sha256(text.encode()).hexdigest()
    assert load_config(environment={}).digest == ""


def test_the_place_of_every_key_and_a_file_without_a_word_are_told(tmp_path: Path) -> None:
    file = tmp_path / "sidehook.yaml"
    file.write_text("dev: true\nlimits:\n  margin: 10ms\n")
    loaded = load_with_places(file, environment={})
    assert str(loaded.places["limits.margin"]) == f"{file}:3:3"
    assert not loaded.is_blank
    file.write_text(" \n")
    assert load_with_places(file, environment={}).is_blank
