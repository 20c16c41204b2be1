"""`python -m tests.faults.simulator --schedules 20000 [--seed N]`: play schedules, count, and say what does not hold."""

import argparse
import gc
import hashlib
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.faults.simulator.planted import PLANTED
from tests.faults.simulator.schedule import Result, run

SWEPT = 50
"""Schedules after which memory is swept."""
SHOWN = 5
"""Violations of one schedule that are printed."""


class Totals:
    """What all schedules of a run came to."""

    def __init__(self) -> None:
        self.struck: Counter[str] = Counter()
        self.names: Counter[str] = Counter()
        self.steps = self.broken = self.schedules = 0
        self._traces = hashlib.blake2b(digest_size=16)

    def add(self, result: Result, again: str) -> None:
        """Count a schedule; print what did not hold, and the command that repeats it."""
        self.schedules += 1
        self.struck += result.struck
        self.names += result.names
        self.steps += result.steps
        self._traces.update(result.trace.encode())
        if result.violations:
            self.broken += 1
            print(f"seed {result.seed}: {again}")
            for each in result.violations[:SHOWN]:
                print(f"  {each.invariant} {each.subject}: {each.detail}")

    def tell(self, seconds: float, computed: float) -> None:
        """The counts, by fault and in all."""
        for fault, count in sorted(self.struck.items()):
            print(f"{count:8}  {fault}")
        print(f"{sum(self.names.values())} events of {len(self.names)} kinds, {self.steps} steps")
        print(f"{sum(self.struck.values())} faults of {len(self.struck)} kinds; trace {self._traces.hexdigest()}")
        rate = f"{self.schedules / seconds * 60:.0f} a minute, {self.schedules / computed * 60:.0f} in a minute of one core's time"
        print(f"{self.schedules} schedules in {seconds:.1f} s: {rate}; {self.broken} with violations")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 where everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.simulator", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule; the others follow")
    parser.add_argument("--story", action="store_true", help="print every step of the first schedule")
    parser.add_argument("--plant", choices=sorted(PLANTED), help="with a planted bug, which has to be found")
    chosen = parser.parse_args(arguments)
    plant = PLANTED[chosen.plant][1] if chosen.plant else None
    planted = f' --plant "{chosen.plant}"' if chosen.plant else ""
    logging.disable(logging.CRITICAL)
    gc.freeze()  # what was imported is never garbage, and looking through it costs a fifth
    gc.disable()
    began, computed, totals = time.monotonic(), time.process_time(), Totals()
    for seed in range(chosen.seed, chosen.seed + chosen.schedules):
        if totals.schedules % SWEPT == 0:
            gc.collect()
        result = run(seed, story=chosen.story and seed == chosen.seed, plant=plant)
        sys.stdout.writelines(result.story or ())
        totals.add(result, f"python -m tests.faults.simulator --seed {seed} --schedules 1 --story{planted}")
    gc.enable()
    totals.tell(time.monotonic() - began, time.process_time() - computed)
    return 1 if totals.broken else 0


if __name__ == "__main__":
    sys.exit(main())
