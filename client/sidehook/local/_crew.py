"""The workers of a local sidecar, as tests and notebooks name them."""

from __future__ import annotations

from collections.abc import Iterable

from sidehook._errors import DefinitionError
from sidehook.worker._dispatch import Dispatcher, check_worker_name
from sidehook.worker._threads import DEFAULT_MAX_THREADS

DEFAULT_WORKER = "local"
"""The worker of hooks that were given without one."""


class Worker:
    """A worker inside this process: `Worker("guards", guard, Redactor, "more_hooks.py")`.

    It can be given to any number of clients, one after the other or at once; each makes
    its hook classes anew.

    Args:
        name: What receipts, errors and the configuration call it.
        hooks: Decorated functions, classes, hook sets, modules or files, as `serve`
            takes them; at least one.
        tenant: Whose calls its scoped hooks are for.
        max_threads: How many of its blocking handlers run at once; over 0.

    Raises DefinitionError for a name that no worker may have, and without hooks. What is
    wrong with the hooks themselves is raised by the client that they are given to.
    """

    __slots__ = ("hooks", "max_threads", "name", "tenant")

    def __init__(
        self,
        name: str,
        *hooks: object,
        tenant: str = "",
        max_threads: int = DEFAULT_MAX_THREADS,
    ) -> None:
        if not hooks:
            raise DefinitionError(f"worker {name!r} has no hooks; give it at least one")
        self.name = check_worker_name(name)
        self.hooks = hooks
        self.tenant = tenant
        self.max_threads = max_threads

    def __repr__(self) -> str:
        return f"Worker({self.name!r}, {len(self.hooks)} items)"


def crew(items: Iterable[object]) -> tuple[Dispatcher, ...]:
    """Return what runs the hooks of each worker; hooks without a worker have one together.

    Raises DefinitionError for hooks that cannot be served.
    """
    given = tuple(items)
    workers = [item for item in given if isinstance(item, Worker)]
    loose = [item for item in given if not isinstance(item, Worker)]
    if loose:
        workers.append(Worker(DEFAULT_WORKER, *loose))
    return tuple(
        Dispatcher(worker.hooks, worker.name, tenant=worker.tenant, max_threads=worker.max_threads)
        for worker in workers
    )
