"""`python -m sidehook.worker`, and what `sidehook worker` runs."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from sidehook._errors import DefinitionError
from sidehook._process import at_rest, before_grpc
from sidehook._tuning import SETTINGS, Tuning

EXIT_USAGE = 64
"""The worker was asked for something that cannot be: hooks, names, addresses, manifest."""

EXIT_PROTOCOL = 76
"""The sidecar speaks another version of the contract."""

_TLS = ("ca", "certificate", "key", "server_name")

_LEVELS = ("debug", "info", "warning", "error")


_log = logging.getLogger("sidehook.worker")


class _Parser(argparse.ArgumentParser):
    """A parser that ends with the exit code for wrong usage."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the hooks of files and modules; return the process's exit code. Blocks.

    `argv` are the arguments without the program's name, the process's own when None.
    """
    options = _parser().parse_args(argv)
    if os.getpid() == 1:
        # A container's first process ignores every signal that it has not asked for. One that is
        # told to stop while it still imports ends at once, before it serves anything.
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    logging.basicConfig(
        level=options.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    tuning = Tuning(**{name: name not in options.no_tuning for name in SETTINGS})
    experiments = before_grpc(tuning, os.environ)
    # Only now: gRPC is imported with them.
    from sidehook._tls import Tls
    from sidehook.worker._errors import UnknownProtocolError, WorkerError
    from sidehook.worker._lifecycle import (
        aio_serve,
        announce,
        new_loop,
        run_until_told,
        worker_name,
    )

    # As when Python runs a script there: modules named on the command line are found.
    sys.path.insert(0, os.getcwd())
    tls = {name: value for name in _TLS if (value := getattr(options, f"tls_{name}")) is not None}
    try:
        name = worker_name(options.source) if options.name is None else options.name
        items = _items(options)

        def ready(line: str) -> None:
            told = at_rest(tuning)
            _log.info(
                "process_tuned grpc_experiments=%s %s",
                experiments,
                " ".join(f"{name}={value}" for name, value in told.items()),
            )
            announce(line)

        run_until_told(
            lambda stop: aio_serve(
                *items,
                attach=options.attach,
                listen=options.listen,
                name=name,
                instance=options.instance,
                tenant=options.tenant,
                token_file=options.token_file,
                tls=Tls(**tls) if tls else None,
                max_threads=options.threads,
                grace=options.grace,
                stop=stop,
                on_ready=ready,
            ),
            new_loop() if tuning.uvloop else None,
        )
    except UnknownProtocolError as error:
        return _fail(EXIT_PROTOCOL, error)
    except (DefinitionError, WorkerError) as error:
        return _fail(EXIT_USAGE, error)
    return 0


def _items(options: argparse.Namespace) -> Sequence[object]:
    """Return what is to be served. Loads the sources when they are written for mellea."""
    if not options.mellea:
        if options.on_error is not None:
            raise DefinitionError("--on-error goes with --mellea: other hooks say it themselves")
        items: Sequence[object] = options.source
        return items
    from sidehook.integrations.mellea_worker import mellea_hooks

    hooks = mellea_hooks(options.source, fails_open=options.on_error == "mellea")
    if options.on_error == "mellea":
        # Not a log line, which a level could hide.
        sys.stderr.write(
            "--on-error mellea: a hook that fails is ignored, as in mellea, and guards nothing\n"
        )
    return hooks


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sidehook worker",
        description="Serve the hooks of Python files and modules to a sidecar.",
    )
    parser.add_argument(
        "source", nargs="+", metavar="FILE_OR_MODULE", help="a .py file, or a module by its name"
    )
    parser.add_argument(
        "--mellea",
        action="store_true",
        help="the sources are written for mellea: serve its hooks, plugins and plugin sets",
    )
    parser.add_argument(
        "--on-error",
        choices=("sidehook", "mellea"),
        help="with --mellea, what a hook that fails does to the call: what its mode says here "
        "(sidehook, the default), or nothing, as in mellea",
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--attach",
        metavar="TARGET",
        help="the sidecar's registration socket, unix:///path or host:port "
        "(default: SIDEHOOK_WORKERS_TARGET, else workers.sock beside the sidecar's socket)",
    )
    way.add_argument(
        "--listen",
        metavar="ADDRESS",
        help="be dialled by sidecars at unix:///path or host:port instead",
    )
    parser.add_argument(
        "--name", help="the worker's name (default: that of the first file or module)"
    )
    parser.add_argument("--instance", help="this process among replicas (default: host:pid)")
    parser.add_argument("--tenant", default="", help="whose calls may name the hooks' scopes")
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="a file with the token that the worker's name is bound to "
        "(default: SIDEHOOK_TOKEN_FILE, else the token itself in SIDEHOOK_TOKEN)",
    )
    _add_tls(parser)
    parser.add_argument(
        "--threads", type=_positive, default=16, help="blocking handlers at once (default: 16)"
    )
    parser.add_argument(
        "--grace",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="how long runs may go on after SIGTERM (default: 10)",
    )
    parser.add_argument(
        "--no-tuning",
        action="append",
        default=[],
        choices=SETTINGS,
        metavar="SETTING",
        help=f"leave the process as it is in this: {', '.join(SETTINGS)}; may be repeated",
    )
    parser.add_argument("--log-level", choices=_LEVELS, default="info", help="default: info")
    return parser


def _add_tls(parser: argparse.ArgumentParser) -> None:
    tls = parser.add_argument_group(
        "TLS on TCP",
        "PEM files; the defaults, SIDEHOOK_TLS_CA, _CERT, _KEY and _SERVER_NAME, are for --attach",
    )
    tls.add_argument(
        "--tls-ca",
        metavar="FILE",
        help="the authorities that the sidecar's certificate must be from; with --listen, "
        "sidecars without such a certificate are refused",
    )
    tls.add_argument(
        "--tls-cert", dest="tls_certificate", metavar="FILE", help="the worker's certificate"
    )
    tls.add_argument("--tls-key", metavar="FILE", help="its private key")
    tls.add_argument(
        "--tls-server-name",
        metavar="NAME",
        help="the name in the sidecar's certificate, when it is not the host of the target",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of at least 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return seconds


def _fail(code: int, error: Exception) -> int:
    sys.stderr.write(f"sidehook worker: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
