"""A figure as a ratio against a baseline of the same run: several rounds, subject and baseline in turn, median and spread."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """One row of the results.

    Args:
        figure: what is measured, with its unit.
        baseline_is: what it is compared with.
        subject: what ours did, by round.
        baseline: what the baseline did in the same rounds.
        limit: what the median ratio must reach or stay below.
        at_least: whether `limit` is a floor; otherwise a ceiling.
        note: whatever a reader should know.
    """

    figure: str
    baseline_is: str
    subject: Sequence[float]
    baseline: Sequence[float]
    limit: float
    at_least: bool = True
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours against the baseline, round by round."""
        return [ours / theirs for ours, theirs in zip(self.subject, self.baseline, strict=True)]

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool:
        """Whether the figure is what it should be."""
        return self.ratio >= self.limit if self.at_least else self.ratio < self.limit

    def told(self) -> tuple[str, str, str, str, str]:
        """Figure, ours, baseline, ratio with its spread, and what is wanted."""
        return (
            self.figure,
            _median(self.subject),
            f"{_median(self.baseline)} ({self.baseline_is})",
            f"{self.ratio:.2f} ({min(self.ratios):.2f} to {max(self.ratios):.2f}, {len(self.ratios)} rounds)",
            f"{'at least' if self.at_least else 'under'} {self.limit:g}",
        )


def _median(values: Sequence[float]) -> str:
    middle = statistics.median(values)
    return f"{middle:,.0f}" if middle >= 100 else f"{middle:.3g}"
