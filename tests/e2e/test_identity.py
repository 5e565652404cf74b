"""Names that are bound to somebody, as an operator and a worker's owner see them."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import sidehook
from sidehook import Tls
from tests.certificates import DAY, Authority
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import COMMAND, Process, Sidecar

Run = Callable[..., subprocess.CompletedProcess[str]]

TYPE = "component_pre_execute"
TOKEN = "5e7f0c2d9b1a48369d0c4f7b2e6a1835"
GUARD = f"""
    from sidehook import block, hook

    @hook("{TYPE}")
    def guard(payload, ctx):
        return block("not that") if payload.component_type == "forbidden" else None
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path)
    authority.issue_for_this_machine("sidecar")
    return authority


def flags_of(tls: Tls) -> tuple[str, ...]:
    flags = {"--tls-ca": tls.ca, "--tls-cert": tls.certificate, "--tls-key": tls.key}
    return tuple(str(part) for flag in flags.items() if flag[1] is not None for part in flag)


def configured(authority: Authority, *, worker: str) -> str:
    files = authority.ca.parent
    return f"""
        listen:
          tcp: 127.0.0.1:0
          tcp_workers: 127.0.0.1:0
          tls:
            certificate: {files / "sidecar.pem"}
            key: {files / "sidecar.key"}
            client_ca: {authority.ca}
        workers: [{{name: guards, {worker}}}]
    """


def over_tcp(sidecar: Sidecar) -> Sidecar:
    """The same sidecar, reached on its ports."""
    return Sidecar(
        process=sidecar.process,
        calls=sidecar.calls[1:],
        workers=sidecar.workers[1:],
        admin=sidecar.admin,
    )


async def test_a_bound_name_is_served_called_and_retired_over_tls(
    start_sidecar: StartSidecar, start_worker: StartWorker, run_sidehook: Run, authority: Authority
) -> None:
    owner = authority.issue("owner", uris=("spiffe://here/guards",)).tls(authority)
    other = authority.issue("other", uris=("spiffe://here/other",)).tls(authority)
    sidecar = await start_sidecar(configured(authority, worker="certificate: spiffe://here/guards"))
    there = over_tcp(sidecar)
    worker = await start_worker(there, GUARD, name="guards", flags=flags_of(owner))
    async with sidehook.aio.Client(there.calls[0], tls=other) as hooks:
        with pytest.raises(sidehook.ViolationError):
            await hooks.invoke(TYPE, component_type="forbidden")
    assert await worker.process.stop() == 0
    retire = ("retire", "guards", "--target", there.workers[0])
    stray = run_sidehook(*retire, *flags_of(other))
    assert stray.returncode == 1
    assert "bound to the certificate of 'spiffe://here/guards'" in stray.stderr
    anonymous = run_sidehook(*retire, *flags_of(authority.trusted))
    assert anonymous.returncode == 69
    assert "it hung up at once" in anonymous.stderr
    done = run_sidehook(*retire, *flags_of(owner))
    assert (done.returncode, done.stdout) == (0, "retired guards/guard\n")
    assert await sidecar.metric("sidehook_registrations_refused_total") == 1


async def test_a_worker_without_the_token_of_its_name_ends_and_one_with_it_serves(
    start_sidecar: StartSidecar,
    start_worker: StartWorker,
    environment: dict[str, str],
    processes: list[Process],
    socket_folder: Path,
) -> None:
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    sidecar = await start_sidecar(f"workers: [{{name: guards, token_sha256: {digest}}}]")
    file = socket_folder / "token"
    file.write_text(f"{TOKEN}\n")
    stray_file = socket_folder / "guards.py"
    stray_file.write_text("from sidehook import hook\n@hook('t')\ndef h(payload, ctx): ...\n")
    command = (COMMAND, "worker", str(stray_file), "--attach", sidecar.workers[0])
    for more in ({}, {"SIDEHOOK_TOKEN": "guessed"}):
        stray = Process("stray", command, {**environment, **more})
        processes.append(stray)
        assert await stray.ended() == 64
        assert "WORKER_IDENTITY" in stray.log
        assert "guessed" not in stray.log
    assert TOKEN not in sidecar.process.log
    assert digest not in sidecar.process.log
    assert "reason=WORKER_IDENTITY" in sidecar.process.log
    await sidecar.until_metric("sidehook_registrations_refused_total", 2, reason="WORKER_IDENTITY")
    await start_worker(sidecar, GUARD, name="guards", flags=("--token-file", str(file)))
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.ViolationError):
            await hooks.invoke(TYPE, component_type="forbidden")


async def test_a_worker_that_listens_with_tls_is_dialled(
    start_sidecar: StartSidecar, start_worker: StartWorker, authority: Authority
) -> None:
    server = authority.issue("worker", dns=("localhost",)).tls(authority)
    client = authority.issue("client", common_name="sidecar")
    worker = await start_worker(
        None, GUARD, name="guards", listen="localhost:0", flags=flags_of(server)
    )
    tls = f"{{ca: {authority.ca}, certificate: {client.certificate}, key: {client.key}}}"
    sidecar = await start_sidecar(
        configured(authority, worker=f"target: '{worker.target}', tls: {tls}")
    )
    await sidecar.until_metric("sidehook_workers_connected", 1, worker="guards")
    async with sidecar.client() as hooks:
        with pytest.raises(sidehook.ViolationError):
            await hooks.invoke(TYPE, component_type="forbidden")


def test_every_problem_of_the_certificates_is_named_before_anything_is_bound(
    socket_folder: Path, run_sidehook: Run, authority: Authority
) -> None:
    authority.issue("old", dns=("localhost",), ends=-DAY)
    folder = authority.ca.parent
    file = socket_folder / "sidehook.yaml"
    file.write_text(
        "listen:\n"
        "  admin: nowhere\n"
        "  tls:\n"
        f"    certificate: {folder / 'old.pem'}\n"
        f"    key: {folder / 'old.key'}\n"
        f"    client_ca: {folder / 'missing.pem'}\n"
        "workers:\n"
        "  - name: w\n"
        "    target: w:1\n"
        f"    tls: {{certificate: {folder / 'sidecar.pem'}, key: {folder / 'old.key'}}}\n"
    )
    for command in (("serve", "--config"), ("config", "check")):
        ended = run_sidehook(*command, str(file))
        assert ended.returncode == 64
        lines = ended.stderr.strip().splitlines()
        assert [line.split(":")[1] for line in lines] == ["2", "4", "6", "10"]
        for word in ("certificate has expired", "cannot be read", "is not the key of"):
            assert word in ended.stderr
    assert not [path for path in socket_folder.rglob("*") if path.is_socket()]


def test_a_worker_with_certificates_that_cannot_be_used_does_not_start(
    socket_folder: Path, run_sidehook: Run, authority: Authority
) -> None:
    hooks = socket_folder / "hooks.py"
    hooks.write_text("from sidehook import hook\n@hook('t')\ndef h(payload, ctx): ...\n")
    pair = authority.issue("old", ends=-DAY)
    for way in (("--attach", "127.0.0.1:1"), ("--listen", "127.0.0.1:0")):
        ended = run_sidehook("worker", str(hooks), *way, *flags_of(pair.tls(authority)))
        assert ended.returncode == 64
        assert "certificate has expired" in ended.stderr
