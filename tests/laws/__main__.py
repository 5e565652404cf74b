"""The laws on many chains: `python -m tests.laws --chains N --seed S`, see `--help`.

Chains come from a seed's endless row, not from hypothesis, which makes a few hundred a
second. Stops by itself: at the first chain for which a law does not hold, when all were
run, or when its time is over, which is a failure too.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pprint import pformat
from random import SystemRandom

from tests.laws.chains import PAYLOAD, chain_of, drawn
from tests.laws.evidence import ran
from tests.laws.laws import LAWS, Law, LawBroken, hold
from tests.laws.reference import Reference

_BATCH = 200
_GRACE_SECONDS = 60
"""How long after the end of its time the last batch may take to be handed in."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The chain at this place of the row broke a law."""

    index: int
    why: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of some chains in a row."""

    count: int
    broken: Broken | None = None


def run_batch(
    start: int, *, seed: int, end: int, until: float, laws: Mapping[str, Law] = LAWS
) -> Batch:
    """Hold a batch of chains against the laws, up to the first that breaks one."""
    count = 0
    for index in range(start, min(start + _BATCH, end)):
        if time.monotonic() > until:
            break
        count += 1
        try:
            hold(chain_of(*drawn(seed, index)), laws)
        except LawBroken as broken:
            return Batch(count, Broken(index, str(broken)))
    return Batch(count)


def run_chains(
    chains: int, *, seed: int, until: float, processes: int, only: Sequence[str] = ()
) -> Iterator[Batch]:
    """All chains, in as many processes; batches come as they are done."""
    laws = {name: LAWS[name] for name in only or LAWS}
    run = partial(run_batch, seed=seed, end=chains, until=until, laws=laws)
    starts = range(0, chains, _BATCH)
    if processes == 1:
        yield from map(run, starts)
        return
    # Chains make no cycles worth looking for, and looking costs a tenth of the time.
    with multiprocessing.Pool(processes, initializer=gc.disable) as pool:
        batches = pool.imap_unordered(run, starts)
        for _ in starts:
            # A process that died never answers, and nobody else tells.
            yield batches.next(timeout=max(0.0, until - time.monotonic()) + _GRACE_SECONDS)


def replay(seed: int, index: int) -> int:
    """Run one chain again and show all there is to know about it."""
    numbers = drawn(seed, index)
    chain = chain_of(*numbers)
    print(f"seed {seed}, index {index}: the chain of @example(chain_of{numbers})")
    print(pformat(chain))
    print(f"expected: {pformat(Reference(chain, PAYLOAD).walk())}")
    try:
        print(f"came to: {pformat(ran(chain).answer)}")
        hold(chain)
    except LawBroken as broken:
        print(f"FAILED: {broken}")
        return 1
    print("every law holds")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when every chain that was asked for ran and every law held."""
    args = _arguments(argv)
    seed = SystemRandom().randrange(1 << 32) if args.seed is None else args.seed
    if args.index is not None:
        return replay(seed, args.index)
    print(f"{args.chains} chains, seed {seed}, {args.processes} processes", flush=True)
    begun = time.monotonic()
    until = begun + 60 * args.minutes
    count, told = 0, 0
    for batch in run_chains(
        args.chains, seed=seed, until=until, processes=args.processes, only=args.law
    ):
        count += batch.count
        if count * 10 // args.chains > told:
            told = count * 10 // args.chains
            print(f"{count} chains after {time.monotonic() - begun:.0f} s", flush=True)
        if batch.broken is not None:
            print(f"FAILED: {batch.broken.why}")
            print(f"again: make laws SEED={seed} INDEX={batch.broken.index}")
            print(f"with hypothesis: @example(chain_of{drawn(seed, batch.broken.index)})")
            return 1
    seconds = time.monotonic() - begun
    print(f"{count} of {args.chains} chains in {seconds:.0f} s, {count / seconds:.0f} a second")
    if count < args.chains:
        print(f"FAILED: {args.minutes:g} minutes were not enough; make laws MINUTES= or CHAINS=")
        return 1
    print(f"each of the {len(args.law or LAWS)} laws holds on every one")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.laws", description=__doc__)
    parser.add_argument("--chains", type=int, default=1_000_000, help="how many")
    parser.add_argument("--seed", type=int, help="which row of chains; random when not given")
    parser.add_argument("--index", type=int, help="replay the chain at this place of the row")
    parser.add_argument("--minutes", type=float, default=15.0, help="the time limit")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--law", action="append", choices=list(LAWS), default=[], help="this law only; repeatable"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
