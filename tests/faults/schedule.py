"""What a seed stands for: how much work, and which faults at which moments. The same seed is the same schedule on every machine."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS = (10.0, 15.0)
"""How long people work in one schedule, at least and at most: long enough for deadlines to lapse twice."""

MATTERS = (8, 12)
"""Issues in one schedule, at least and at most: what two cores carry beside the servers."""

STRIKES = (2, 4)
"""Faults in one schedule, at least and at most."""

LASTS = (1.0, 6.0)
"""Seconds from a strike to its healing, at least and at most; those that wait for a healthy stack to heal take longer."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at its moment.

    Args:
        at: seconds after the work began.
        fault: its name in `injectors.ALL`.
        lasts: seconds until it is healed.
    """

    at: float
    fault: str
    lasts: float

    def __str__(self) -> str:
        return f"{self.fault} at {self.at:.1f} s for {self.lasts:.1f} s"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run's plan; what each person does follows from the seed and from how an issue stands.

    Args:
        seed: of everything.
        seconds: how long people work.
        matters: how many issues they raise.
        strikes: in the order of their moments; they may overlap.
    """

    seed: int
    seconds: float
    matters: int
    strikes: tuple[Strike, ...]

    @classmethod
    def of(cls, seed: int, faults: Sequence[str], *, always: Sequence[str] = ()) -> "Schedule":
        """The schedule of a seed.

        Args:
            seed: any number; consecutive ones go through all faults in turn, beside those that are drawn.
            faults: names to choose from, none for a schedule without faults.
            always: faults that are struck besides.
        """
        rng = random.Random(seed)
        seconds, matters = rng.uniform(*SECONDS), rng.randint(*MATTERS)
        names = sorted(faults)
        drawn = [names[seed % len(names)], *(rng.choice(names) for _ in range(rng.randint(*STRIKES) - 1))] if names else []
        chosen = list(dict.fromkeys([*always, *drawn]))
        strikes = [Strike(rng.uniform(1, 0.7 * seconds), name, rng.uniform(*LASTS)) for name in chosen]
        return cls(seed, seconds, matters, tuple(sorted(strikes, key=lambda strike: strike.at)))
