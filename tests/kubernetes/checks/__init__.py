"""What the schemas of Kubernetes do not see, one check for each idea.

A check takes the objects that were rendered together, and yields a sentence for each
problem. `CHECKS` has all of them; the table in `mutations.py` has a broken manifest for
each, which it must notice.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from tests.kubernetes.checks.alerts import alerts
from tests.kubernetes.checks.configuration import configuration, journal_room, probed_address
from tests.kubernetes.checks.endings import endings
from tests.kubernetes.checks.names import names
from tests.kubernetes.checks.references import references, reload
from tests.kubernetes.checks.restricted import restricted
from tests.kubernetes.checks.selectors import selectors
from tests.kubernetes.checks.sockets import sockets
from tests.kubernetes.checks.values import enums, images, ports, quantities
from tests.kubernetes.objects import Objects

Check: TypeAlias = Callable[[Objects], Iterator[str]]

CHECKS: Final[Mapping[str, Check]] = {
    check.__name__: check
    for check in (
        alerts,
        configuration,
        endings,
        enums,
        images,
        journal_room,
        names,
        ports,
        probed_address,
        quantities,
        references,
        reload,
        restricted,
        selectors,
        sockets,
    )
}


def problems(objects: Objects) -> list[str]:
    """Return what every check finds, each sentence after its check's name."""
    return [f"{name}: {problem}" for name, check in CHECKS.items() for problem in check(objects)]
