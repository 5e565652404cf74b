"""The `sidehook` command. What a command needs is imported when it runs, so that all start fast."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from sidehook_server.cli.exits import Exit
from sidehook_server.probe.admin_port import DEFAULT_ADMIN

# What the library ends with; no command here does.
_WRONG_USAGE: Final = 2

app = typer.Typer(
    name="sidehook",
    help="Hooks for LLM applications that run outside the application's process.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(help="The configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")


_CONFIG = Annotated[
    Path | None,
    typer.Option(
        help="Look at this configuration and the hooks that are kept, at no running sidecar.",
        metavar="FILE",
    ),
]
_ADMIN = Annotated[str, typer.Option(help="The sidecar's admin port.", metavar="URL")]
_JSON = Annotated[bool, typer.Option("--json", help="Everything, as JSON.")]


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def main(arguments: list[str] | None = None) -> None:
    """Run the command and end the process with its exit code; wrong usage is 64."""
    try:
        app(args=arguments)
    except SystemExit as ending:
        sys.exit(Exit.USAGE if ending.code == _WRONG_USAGE else ending.code)


@app.command()
def serve(
    *,
    config: Annotated[
        Path | None, typer.Option(help="The configuration, in YAML.", metavar="FILE")
    ] = None,
    dev: Annotated[
        bool, typer.Option("--dev", help="Forget hooks with their workers; say so in receipts.")
    ] = False,
    socket: Annotated[
        str | None, typer.Option(help="The socket that applications call.", metavar="PATH")
    ] = None,
    workers_socket: Annotated[
        str | None, typer.Option(help="The socket that workers attach to.", metavar="PATH")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="Take calls on TCP too.", metavar="HOST:PORT")
    ] = None,
    listen_workers: Annotated[
        str | None, typer.Option(help="Let workers attach on TCP too.", metavar="HOST:PORT")
    ] = None,
    admin: Annotated[
        str | None,
        typer.Option(help="The admin port, or `off`.", metavar="HOST:PORT"),
    ] = None,
    state_dir: Annotated[
        str | None, typer.Option(help="Where hooks are kept over a restart.", metavar="FOLDER")
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="How much is logged.")] = LogLevel.INFO,
) -> None:
    """Run a sidecar. What is given here stands in place of what the configuration says."""
    from sidehook_server.cli.serve import serve_sidecar

    flags = {
        "--dev": ("dev", "true" if dev else None),
        "--socket": ("listen.socket", socket),
        "--workers-socket": ("listen.workers_socket", workers_socket),
        "--listen": ("listen.tcp", listen),
        "--listen-workers": ("listen.tcp_workers", listen_workers),
        "--admin": ("listen.admin", admin),
        "--state-dir": ("state_dir", state_dir),
    }
    raise typer.Exit(serve_sidecar(config, flags, log_level=log_level))


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
def worker(context: typer.Context) -> None:
    """Serve the hooks of Python files and modules to a sidecar."""
    from sidehook.worker.__main__ import main as serve_worker

    raise typer.Exit(serve_worker(context.args))


@app.command()
def retire(
    hook: Annotated[
        str,
        typer.Argument(help="A hook, or a worker with all of its hooks.", metavar="WORKER[/HOOK]"),
    ],
    target: Annotated[
        str | None,
        typer.Option(help="The sidecar's workers socket: unix:///path or host:port."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="The token that the worker's name is bound to.", metavar="FILE"),
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(help="On TCP: the authorities of the sidecar's certificate.", metavar="FILE"),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="On TCP: the certificate to show.", metavar="FILE")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="On TCP: its private key.", metavar="FILE")
    ] = None,
    tls_server_name: Annotated[
        str, typer.Option(help="On TCP: the name in the sidecar's certificate.", metavar="NAME")
    ] = "",
) -> None:
    """Take hooks out of the plan for good. Until then a guard that is gone fails calls."""
    from sidehook._tls import Tls
    from sidehook.worker._credentials import Credentials
    from sidehook_server.cli.retire import retire_hooks

    tls = Tls(ca=tls_ca, certificate=tls_cert, key=tls_key, server_name=tls_server_name)
    shown = Credentials(token_file=token_file, tls=None if tls == Tls() else tls)
    raise typer.Exit(retire_hooks(hook, target, shown))


@app.command()
def status(
    *,
    as_json: _JSON = False,
    admin: _ADMIN = DEFAULT_ADMIN,
) -> None:
    """Show a running sidecar: its workers, and its hooks in the order in which they run.

    The exit code is 1 when it is not ready or something is degraded.
    """
    from sidehook_server.cli.status import show_status

    raise typer.Exit(show_status(admin, as_json=as_json))


@app.command()
def plan(
    hook_type: Annotated[str, typer.Argument(help="The hook type.", metavar="TYPE")],
    *,
    payload: Annotated[
        str | None,
        typer.Option(help="A file with the payload, a JSON object; - is standard input."),
    ] = None,
    budget: Annotated[float | None, typer.Option(help="The call's budget in seconds.")] = None,
    session: Annotated[str, typer.Option(help="The session of the call.")] = "",
    tenant: Annotated[str, typer.Option(help="The tenant of the call.")] = "",
    user: Annotated[str, typer.Option(help="The user of the call.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="A label of the call.", metavar="NAME=VALUE")
    ] = None,
    scope: Annotated[list[str] | None, typer.Option(help="A scope that the call names.")] = None,
    config: _CONFIG = None,
    admin: _ADMIN = DEFAULT_ADMIN,
    as_json: _JSON = False,
) -> None:
    """Show what a call would do: who runs, in which order, how long, and if it fails.

    Nothing is called. The exit code is 1 when the call would fail as things stand.
    """
    from sidehook_server.cli.plan import Asked, show_plan
    from sidehook_server.cli.planned import looking_at

    asked = Asked(
        hook_type=hook_type,
        payload=payload,
        budget=budget,
        session=session,
        tenant=tenant,
        user=user,
        labels=tuple(label or ()),
        scopes=tuple(scope or ()),
    )
    raise typer.Exit(
        looking_at(admin, config, lambda planned: show_plan(planned, asked, as_json=as_json))
    )


@app.command()
def lint(*, config: _CONFIG = None, admin: _ADMIN = DEFAULT_ADMIN, as_json: _JSON = False) -> None:
    """Name what should be looked at: dead conditions, guards that fail open, budgets too small.

    The exit code is 1 when there is anything.
    """
    from sidehook_server.cli.lint import show_findings
    from sidehook_server.cli.planned import looking_at

    raise typer.Exit(
        looking_at(admin, config, lambda planned: show_findings(planned, as_json=as_json))
    )


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
def health(context: typer.Context) -> None:
    """Ask a running sidecar how it is; the exit code is 0 when it is well, else 1."""
    from sidehook_server.probe.command import main as ask

    raise typer.Exit(ask(context.args))


@config_app.command("check")
def config_check(
    file: Annotated[Path, typer.Argument(help="The configuration, in YAML.", metavar="FILE")],
) -> None:
    """Read a configuration and name every problem in it."""
    from sidehook_server.cli.configuration import check_configuration

    raise typer.Exit(check_configuration(file))
