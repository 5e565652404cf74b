"""The measured application with the synchronous client: `… TARGET`, orders on standard input."""

from __future__ import annotations

import sys

from bench.apps.terms import Terms
from bench.driver import BlockingCall, Order, Report, drive_blocking, obey_blocking
from sidehook import Client


def main(target: str) -> None:
    """Connect, and do what is ordered."""
    with Client(target) as hooks:
        hooks.connect()
        verified: set[Terms] = set()

        def rounds(order: Order) -> Report:
            raw = dict(order.terms)
            raw["modes"] = tuple(raw.get("modes", ()))
            terms = Terms(**raw)
            if terms not in verified:
                result = hooks.invoke(terms.hook_type, terms.payload())
                terms.check(result)
                terms.check_receipt(result)
                verified.add(terms)
            return drive_blocking(_call(hooks, terms), order)

        obey_blocking(rounds)


def _call(hooks: Client, terms: Terms) -> BlockingCall:
    hook_type, payload, check = terms.hook_type, terms.payload(), terms.check

    def call() -> None:
        check(hooks.invoke(hook_type, payload))

    return call


if __name__ == "__main__":
    main(sys.argv[1])
