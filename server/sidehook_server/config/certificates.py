"""What is wrong with the files that a configuration names for TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sidehook._tls_files import file_problems
from sidehook_server.config.model import Config

_LISTEN_KEYS: Final[Mapping[str, str]] = {"ca": "client_ca"}
"""The key of an attribute of `Tls` under `listen.tls`, where it has another name."""


def certificate_problems(config: Config) -> Iterator[tuple[str, str]]:
    """Key and sentence for every file that is not there, is no PEM, has expired, or does not fit.

    Reads the files.
    """
    listen = config.listen.tls
    if listen is not None and listen.certificate is not None and listen.key is not None:
        for name, text in file_problems(listen.files, listens=True):
            yield f"listen.tls.{_LISTEN_KEYS.get(name, name)}", text
    for worker in config.workers.values():
        if worker.tls is not None:
            for name, text in file_problems(worker.tls, listens=False):
                yield f"workers[{worker.name}].tls.{name}", text
