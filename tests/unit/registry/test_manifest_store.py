"""What outlives a restart: whole files, for their owner alone, and never silently lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidehook._manifest import ErrorPolicy, HookSpec
from sidehook._types import FailureClass, Mode, OnError, OnRejected
from sidehook_server.ops.manifest_file import parse, render
from sidehook_server.ops.manifest_store import ManifestStore, StateError
from sidehook_server.registry.effects import KeptHook, KeptWorker

texts = st.text(max_size=20)
policies = st.builds(
    ErrorPolicy,
    default=st.sampled_from([None, OnError.FAIL, OnError.IGNORE]),
    overrides=st.dictionaries(st.sampled_from(FailureClass), st.sampled_from(OnError)),
)
specs = st.builds(
    HookSpec,
    name=texts,
    hook_type=texts,
    mode=st.none() | st.sampled_from(Mode),
    priority=st.none() | st.integers(),
    timeout=st.none() | st.floats(min_value=0, exclude_min=True, max_value=3600),
    on_error=st.none() | policies,
    scope=st.none() | texts,
    fields=st.none() | st.lists(texts, max_size=3).map(tuple),
    requires_final_payload=st.none() | st.booleans(),
    idempotent=st.none() | st.booleans(),
    on_rejected=st.none() | st.sampled_from(OnRejected),
    description=st.none() | texts,
)
workers = st.builds(
    KeptWorker,
    worker=texts,
    hooks=st.lists(
        st.builds(KeptHook, spec=specs, tenant=texts),
        max_size=3,
        unique_by=lambda hook: (hook.spec.hook_type, hook.spec.name),
    ).map(tuple),
)

ONE = KeptWorker("pii", (KeptHook(HookSpec(name="guard", hook_type="t", priority=3), "acme"),))


def only_file(folder: Path) -> Path:
    (file,) = folder.glob("*.json")
    return file


@given(kept=workers)
def test_what_is_kept_comes_back_as_it_was(kept: KeptWorker) -> None:
    assert parse(render(kept).encode()) == kept


def test_what_was_saved_is_loaded_by_the_next_sidecar(tmp_path: Path) -> None:
    other = KeptWorker("metrics", ())
    with ManifestStore(tmp_path / "state") as store:
        assert store.load() == ()
        store.save(ONE)
        store.save(other)
    with ManifestStore(tmp_path / "state") as store:
        assert set(store.load()) == {ONE, other}


def test_a_worker_is_kept_once_as_it_was_last(tmp_path: Path) -> None:
    with ManifestStore(tmp_path) as store:
        store.save(ONE)
        store.save(KeptWorker("pii", ()))
        assert store.load() == (KeptWorker("pii", ()),)


def test_a_forgotten_worker_does_not_come_back(tmp_path: Path) -> None:
    with ManifestStore(tmp_path) as store:
        store.save(ONE)
        store.forget("pii")
        store.forget("pii")
        assert store.load() == ()


def test_only_the_owner_may_read_what_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with ManifestStore(folder) as store:
        store.save(ONE)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert only_file(folder).stat().st_mode & 0o777 == 0o600


def test_names_that_differ_in_case_alone_have_files_of_their_own(tmp_path: Path) -> None:
    with ManifestStore(tmp_path) as store:
        store.save(KeptWorker("pii", ()))
        store.save(KeptWorker("PII", ()))
        names = [file.name.lower() for file in tmp_path.glob("*.json")]
    assert len(set(names)) == 2


def test_a_second_sidecar_is_kept_out_of_the_folder(tmp_path: Path) -> None:
    with ManifestStore(tmp_path), pytest.raises(StateError, match="another sidecar uses this"):
        ManifestStore(tmp_path)
    ManifestStore(tmp_path).close()


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    store.close()
    store.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="state folder cannot be used") as raised:
        ManifestStore(tmp_path / "file" / "state")
    assert raised.value.path == tmp_path / "file" / "state"
    assert "state_dir" in str(raised.value)


def test_what_a_crash_left_half_written_is_swept_and_never_loaded(tmp_path: Path) -> None:
    with ManifestStore(tmp_path) as store:
        store.save(ONE)
        (tmp_path / ".unfinished-x").write_text('{"half')
        assert store.load() == (ONE,)
    assert not (tmp_path / ".unfinished-x").exists()


def damaged(**members: object) -> str:
    content = json.loads(render(ONE))
    content.update(members)
    return json.dumps({name: value for name, value in content.items() if value is not None})


DAMAGE = {
    "empty": "",
    "cut": render(ONE)[:40],
    "not an object": "[]",
    "not UTF-8": "\udcff",
    "nested without end": "[" * 100_000,
    "another version": damaged(format=2),
    "no worker": damaged(worker=None),
    "another worker": damaged(worker="other"),
    "no hooks": damaged(hooks=None),
    "hooks that are none": damaged(hooks=[5]),
    "a hook without a type": damaged(hooks=[{"name": "guard"}]),
    "a hook twice": damaged(hooks=[{"name": "g", "hook_type": "t"}] * 2),
    "an unknown mode": damaged(hooks=[{"name": "g", "hook_type": "t", "mode": "x"}]),
    "a priority that is none": damaged(hooks=[{"name": "g", "hook_type": "t", "priority": True}]),
    "a timeout that is none": damaged(hooks=[{"name": "g", "hook_type": "t", "timeout": "1"}]),
    "fields that are none": damaged(hooks=[{"name": "g", "hook_type": "t", "fields": "abc"}]),
    "a flag that is none": damaged(hooks=[{"name": "g", "hook_type": "t", "idempotent": 1}]),
    "a policy that is none": damaged(hooks=[{"name": "g", "hook_type": "t", "on_error": {}}]),
    "an unknown member": damaged(more=1),
    "an unknown term": damaged(hooks=[{"name": "g", "hook_type": "t", "conditions": "x"}]),
}


@pytest.mark.parametrize("text", list(DAMAGE.values()), ids=list(DAMAGE))
def test_a_damaged_file_stops_the_start_and_is_named_with_what_to_do(
    tmp_path: Path, text: str
) -> None:
    with ManifestStore(tmp_path) as store:
        store.save(ONE)
        file = only_file(tmp_path)
        file.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(StateError) as raised:
            store.load()
    assert raised.value.path == file
    assert "does not start without them" in str(raised.value)
    assert "restore the file from a copy" in str(raised.value)


def test_a_condition_that_this_sidecar_does_not_take_stops_the_start_by_its_hook(
    tmp_path: Path,
) -> None:
    spec = HookSpec(name="guard", hook_type="t", condition="payload.a == 1")
    with ManifestStore(tmp_path) as store:
        store.save(KeptWorker("pii", (KeptHook(spec),)))
        file = only_file(tmp_path)
        file.write_text(file.read_text().replace("payload.a == 1", "payload.a = 1"))
        with pytest.raises(StateError) as raised:
            store.load()
        assert raised.value.path == file
        for words in (
            "hook 'guard' for 't': this sidecar does not take its condition",
            "write one there that it takes",
            "does not start without them",
        ):
            assert words in str(raised.value)
        file.write_text(file.read_text().replace("payload.a = 1", "payload.a == 2"))
        (kept,) = store.load()
        assert kept.hooks[0].spec.condition == "payload.a == 2"


def test_a_file_that_cannot_be_read_stops_the_start_too(tmp_path: Path) -> None:
    with ManifestStore(tmp_path) as store:
        store.save(ONE)
        file = only_file(tmp_path)
        file.unlink()
        file.mkdir()
        with pytest.raises(StateError, match="cannot be read"):
            store.load()


def test_hooks_that_cannot_be_written_are_an_error_and_leave_no_litter(tmp_path: Path) -> None:
    with ManifestStore(tmp_path) as store:
        store.save(ONE)
        file = only_file(tmp_path)
        file.unlink()
        file.mkdir()
        with pytest.raises(StateError, match="would be forgotten with the next restart"):
            store.save(ONE)
        with pytest.raises(StateError, match="are back with the next restart"):
            store.forget("pii")
        assert list(tmp_path.glob(".unfinished-*")) == []
