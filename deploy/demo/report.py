"""What came of a demo: the whole as `--json` prints it, and whether each matter ended as its row says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.demo.matters import Matter

Row = Mapping[str, Any]


def report(rows: Sequence[Row], run: str, seconds: float) -> dict[str, Any]:
    """The outcome of a whole run; `per_matter` in the order of the file."""
    climbed = Counter(level for row in rows for level in row["escalations"])
    return {
        "run": run,
        "matters": len(rows),
        "answered": sum(row["answered"] for row in rows),
        "closed": sum(row["closed"] for row in rows),
        "as_expected": sum(row["as_expected"] for row in rows),
        "escalations": {"township": climbed["township"], "county": climbed["county"]},
        "reopened": sum(row["reopened"] for row in rows),
        "seconds": round(seconds, 1),
        "per_matter": sorted(rows, key=lambda row: row["no"]),
    }


def judged(row: Row, matter: Matter) -> Row:
    """The row with `as_expected`: level, outcome, each climb, answered and closed as the script says."""
    wanted = [level for level, times in matter.climbs.items() if times]
    same = (
        row["level_final"] == matter.level_final
        and row["outcome"] == matter.outcome
        and sorted(row["escalations"]) == sorted(wanted)
        and row["reopened"] == int(matter.rating == "dissatisfied_then_satisfied")
        and row["answered"]
        and row["closed"]
    )
    return {**row, "as_expected": bool(same)}


def good(whole: Mapping[str, Any]) -> bool:
    """Whether every matter ended as its row says and every reporter was answered."""
    return bool(whole["matters"] == whole["as_expected"] == whole["answered"] == whole["closed"])
