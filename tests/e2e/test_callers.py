"""Who may call, as an application and an operator see it."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import sidehook
from sidehook import CallerForbiddenError, Tls, hook
from tests.certificates import Authority, Pair
from tests.e2e.conftest import StartSidecar, StartWorker
from tests.e2e.processes import Sidecar
from tests.e2e.waiting import until

Run = Callable[..., subprocess.CompletedProcess[str]]

TYPE = "component_pre_execute"
OTHER = "tool_pre_invoke"
TOKEN = "5e7f0c2d9b1a48369d0c4f7b2e6a1835"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
GUARD = f"""
    from sidehook import block, hook

    @hook("{TYPE}")
    def guard(payload, ctx):
        return block("not that") if payload.component_type == "forbidden" else None
"""
RELOADS = "sidehook_config_reloads_total"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path)
    authority.issue_for_this_machine("sidecar")
    return authority


def over_tls(authority: Authority, *callers: str, asks: bool = True) -> str:
    files = authority.ca.parent
    client_ca = f"client_ca: {authority.ca}" if asks else ""
    return f"""
        listen:
          tcp: 127.0.0.1:0
          tls:
            certificate: {files / "sidecar.pem"}
            key: {files / "sidecar.key"}
            {client_ca}
        callers: [{", ".join(callers)}]
        decision_log: {{to: file, path: decisions.jsonl}}
    """


def chat(authority: Authority, *below: str) -> Pair:
    return authority.issue("-".join(below), uris=(f"spiffe://here/{'/'.join(below)}",))


def client(sidecar: Sidecar, tls: Tls | None = None, **more: str) -> sidehook.aio.Client:
    target = sidecar.calls[0 if tls is None else 1]
    return sidehook.aio.Client(target, tls=tls, tenant=more.pop("tenant", ""), **more)  # type: ignore[arg-type]  # texts all


async def test_a_certificate_says_what_its_owner_may_call(
    start_sidecar: StartSidecar, start_worker: StartWorker, authority: Authority
) -> None:
    sidecar = await start_sidecar(
        over_tls(
            authority,
            "{name: chat, certificate: 'spiffe://here/chat/*', hook_types: [component_*]}",
            "{name: tools, certificate: 'spiffe://here/tools', tenants: [acme]}",
        )
    )
    await start_worker(sidecar, GUARD, name="guards")
    async with client(sidecar, chat(authority, "chat", "app").tls(authority)) as hooks:
        payload = await hooks.invoke(TYPE, component_type="a")
        assert payload.receipt is not None
        with pytest.raises(sidehook.ViolationError):
            await hooks.invoke(TYPE, component_type="forbidden")
        with pytest.raises(CallerForbiddenError) as refused:
            await hooks.invoke(OTHER, name="rm")
        assert "caller 'chat' may not call hook type 'tool_pre_invoke'" in str(refused.value)
        assert "callers[chat].hook_types" in str(refused.value)
        assert refused.value.metadata["identity"].endswith("'spiffe://here/chat/app'")
        assert refused.value.receipt is not None
        assert refused.value.receipt.lines == ()
        assert not refused.value.started
    async with client(sidecar, chat(authority, "tools").tls(authority)) as hooks:
        with pytest.raises(CallerForbiddenError, match="without a tenant"):
            await hooks.invoke(TYPE, component_type="a")
        with hooks.session(tenant="acme"):
            assert (await hooks.invoke(TYPE, component_type="a")).receipt is not None
    async with client(sidecar, chat(authority, "chatter").tls(authority)) as hooks:
        with pytest.raises(CallerForbiddenError, match="none of the configured callers"):
            await hooks.invoke(TYPE, component_type="a")
    async with client(sidecar) as hooks:
        with pytest.raises(CallerForbiddenError, match="on the Unix socket, user id"):
            await hooks.invoke(TYPE, component_type="a")
    reason = {"reason": "CALLER_FORBIDDEN"}
    assert await sidecar.metric("sidehook_call_failures_total", **reason) == 4
    assert await sidecar.metric("sidehook_hook_failures_total") == 0


async def test_a_refused_call_is_in_the_decision_log_with_who_it_was(
    start_sidecar: StartSidecar, authority: Authority, socket_folder: Path
) -> None:
    sidecar = await start_sidecar(
        over_tls(authority, f"{{name: batch, token_sha256: {DIGEST}, hook_types: []}}", asks=False)
    )
    async with client(sidecar, authority.trusted, token=TOKEN) as hooks:
        with pytest.raises(CallerForbiddenError):
            await hooks.invoke(TYPE, component_type="S3CRET")
    await sidecar.process.stop()
    log = (socket_folder / "sidecar" / "decisions.jsonl").read_text()
    (line,) = map(json.loads, log.splitlines())
    assert (line["outcome"], line["code"]) == ("failed", "CALLER_FORBIDDEN")
    assert (line["caller"], line["identity"]) == ("batch", "on TCP, a token, no certificate")
    assert (line["hook_type"], line["receipt"]) == (TYPE, [])
    for secret in (TOKEN, DIGEST, "S3CRET"):
        assert secret not in log
        assert secret not in sidecar.process.log


async def test_a_token_lets_in_until_the_configuration_has_another(
    start_sidecar: StartSidecar, start_worker: StartWorker, socket_folder: Path
) -> None:
    said = f"callers: [{{name: batch, token_sha256: {DIGEST}}}]\n"
    sidecar = await start_sidecar(said)
    await start_worker(sidecar, GUARD, name="guards")
    await sidecar.until_metric(RELOADS, 1, outcome="unchanged")
    file = socket_folder / "token"
    file.write_text(f"{TOKEN}\n")
    config = socket_folder / "sidecar" / "sidehook.yaml"
    async with client(sidecar, token_file=str(file)) as hooks:
        assert (await hooks.invoke(TYPE, component_type="a")).receipt is not None
        config.write_text(said.replace(DIGEST, "0" * 64))
        await sidecar.until_metric(RELOADS, 1, outcome="applied")
        with pytest.raises(CallerForbiddenError):
            await hooks.invoke(TYPE, component_type="a")
        assert hooks.stats.connections == 1
        config.write_text(said)
        await sidecar.until_metric(RELOADS, 2, outcome="applied")
        assert (await hooks.invoke(TYPE, component_type="a")).receipt is not None


async def test_nobody_listens_costs_a_caller_no_round_trip_and_what_it_may_not_call_is_asked(
    start_sidecar: StartSidecar,
) -> None:
    sidecar = await start_sidecar(
        "callers: [{name: here, unix_socket: true, hook_types: [component_*]}]"
    )
    async with client(sidecar) as hooks:

        async def is_quiet() -> bool:
            return not hooks.has_hooks(TYPE)

        await until(is_quiet)
        await hooks.invoke(TYPE, component_type="a")
        assert hooks.stats.calls == 0
        assert hooks.has_hooks(OTHER)
        for name in (OTHER, "never_declared"):
            with pytest.raises(CallerForbiddenError):
                await hooks.invoke(name, a=1)


async def test_a_scope_of_its_own_is_for_who_may_call(start_sidecar: StartSidecar) -> None:
    @hook(TYPE)
    async def mine(payload: object, ctx: object) -> None: ...

    sidecar = await start_sidecar(f"callers: [{{name: batch, token_sha256: {DIGEST}}}]")
    async with client(sidecar, token=TOKEN) as hooks, hooks.plugin_scope(mine):
        payload = await hooks.invoke(TYPE, component_type="a")
        assert payload.receipt is not None
        assert [line.hook for line in payload.receipt.lines] == ["mine"]
    async with client(sidecar) as hooks:
        with pytest.raises(CallerForbiddenError, match="may not attach hooks"):
            async with hooks.plugin_scope(mine):
                pass


def test_lint_finds_an_address_on_which_nobody_is_told_apart(
    socket_folder: Path, run_sidehook: Run, authority: Authority
) -> None:
    file = socket_folder / "sidehook.yaml"
    token = f"callers: [{{name: batch, token_sha256: {DIGEST}}}]\n"
    plain = "listen: {tcp: '0.0.0.0:7000', insecure_tcp: true}\n"
    files = authority.ca.parent
    tls = f"certificate: {files / 'sidecar.pem'}, key: {files / 'sidecar.key'}"
    asks = f"client_ca: {authority.ca}"
    over = "listen: {{tcp: '0.0.0.0:7000', tls: {{{0}}}}}\n".format
    findings = {
        plain: ["anybody_may_call"],
        plain + token: ["readable_token"],
        over(tls): ["anybody_may_call"],
        over(tls) + token: [],
        over(f"{tls}, {asks}"): [],
        "listen: {tcp: '127.0.0.1:7000'}\n": [],
        token: [],
    }
    for text, codes in findings.items():
        file.write_text(text)
        ended = run_sidehook("lint", "--json", "--config", str(file))
        assert [each["code"] for each in json.loads(ended.stdout)] == codes, text
        assert ended.returncode == (1 if codes else 0)


async def test_lint_asks_a_running_sidecar_too(
    start_sidecar: StartSidecar, run_sidehook: Run
) -> None:
    sidecar = await start_sidecar("listen: {tcp: '0.0.0.0:0', insecure_tcp: true}")
    ended = run_sidehook("lint", "--admin", sidecar.admin)
    assert ended.returncode == 1
    assert "anybody_may_call" in ended.stdout
