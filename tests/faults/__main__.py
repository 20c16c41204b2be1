"""`python -m tests.faults`: schedules of work and faults on a real stack, judged from outside. Exit code 0: nothing was found.

python -m tests.faults                       a handful of schedules; with LONG=1 fifty, and every planted bug
python -m tests.faults --seed 17             that schedule alone
python -m tests.faults --seed 17 --schedules 3
python -m tests.faults --plant sends-twice   a planted bug: exit code 0 only if the checker says which invariant it breaks
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults.planted import BUGS
from tests.faults.play import Outcome
from tests.faults.runs import Totals, caught, schedules
from tests.support.size import LONG, full

SCHEDULES = full(50, 5)

FIRST_SEED = 1
"""The same on every machine, so that a failure anywhere is everybody's."""


def main(words: Sequence[str]) -> int:
    """Play what the words ask for. Returns the exit code."""
    asked = _parser().parse_args(words)
    # Whoever ends the run with a plain `kill` leaves no stack behind either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="huiyin-faults-"))
    if asked.plant:
        return 0 if asyncio.run(_plant(folder, [asked.plant], asked.seed)) else 1
    first = FIRST_SEED if asked.seed is None else asked.seed
    number = asked.schedules or (1 if asked.seed is not None else SCHEDULES)
    good = asyncio.run(_play(folder, range(first, first + number)))
    if LONG and asked.seed is None:
        good = asyncio.run(_plant(folder, sorted(BUGS), None)) and good
    if not any(folder.iterdir()):  # nothing was found that is worth a look
        folder.rmdir()
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="play this schedule, or begin with it")
    parser.add_argument("--schedules", type=int, help="how many, with consecutive seeds")
    parser.add_argument("--plant", choices=sorted(BUGS), metavar="BUG", help=f"one of {', '.join(sorted(BUGS))}")
    return parser


async def _play(folder: Path, seeds: range) -> bool:
    totals = Totals()
    async for outcome in schedules(folder, seeds):
        totals.add(outcome)
        _print(outcome)
        sys.stdout.flush()
    print(totals.told())
    return totals.good


async def _plant(folder: Path, bugs: Sequence[str], seed: int | None) -> bool:
    missed: list[str] = []
    for bug in bugs:
        outcome = await caught(folder / bug, bug, FIRST_SEED if seed is None else seed)
        found = sorted({violation.invariant for violation in outcome.violations})
        right = BUGS[bug].invariant in found
        print(
            f"planted {bug} ({BUGS[bug].what}): {'caught' if right else 'NOT CAUGHT'} as {BUGS[bug].invariant}; found {found or 'nothing'}"
        )
        if not right:
            missed.append(bug)
            _print(outcome)
            print(f"  again: {sys.executable} -m tests.faults --plant {bug} --seed {outcome.schedule.seed}")
        sys.stdout.flush()
    print(f"{len(bugs) - len(missed)} of {len(bugs)} planted bugs caught" + (f"; missed: {', '.join(missed)}" if missed else ""))
    return not missed


def _print(outcome: Outcome) -> None:
    """A schedule's line, its faults, and what was found."""
    counts = ", ".join(
        f"{outcome.counts[name]} {name}" for name in ("requests", "done", "refused", "failed", "unanswered", "asked again", "events")
    )
    times = ", ".join(f"{name} {seconds} s" for name, seconds in outcome.seconds.items())
    print(f"seed {outcome.schedule.seed}: {outcome.schedule.matters} issues; {counts}; {times}: {'good' if outcome.good else 'FAILED'}")
    for struck in outcome.struck:
        print(f"  {struck}")
    for wrong in (*outcome.failures, *map(str, outcome.violations)):
        print(f"  ! {wrong}")
    if not outcome.good:
        print(f"  again: .venv/bin/python -m tests.faults --seed {outcome.schedule.seed}")


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # Temporal's client can abort the interpreter at its exit (temporalio/sdk-python #300)
