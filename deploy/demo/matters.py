"""The matters and the script by which each is played (`matters.csv`; its columns are explained in the README beside it)."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.contracts.values import Level
from shared.regions import LADDER, at_level

Deed = Literal["resolve", "ask", "lapse_handle", "lapse_accept", "joint_resolve", "suspend_resume_resolve", "refer_resolve", ""]
MATTERS = Path(__file__).with_name("matters.csv")


@dataclass(frozen=True, slots=True)
class Matter:
    """One row: what is raised, what each level does with it, what the reporter does, where it ends."""

    no: int
    village: str
    channel: str
    category: str
    topic: str
    title: str
    narrative: str
    anonymous: bool
    script: dict[Level, Deed]
    outcome: str
    rating: str
    level_final: str

    @property
    def label(self) -> str:
        """By this label the policy knows the matter's clocks."""
        return f"demo-{self.no:02d}"

    @property
    def on_the_spot(self) -> bool:
        """Settled while it is received."""
        return not any(self.script.values())

    @property
    def conduct(self) -> bool:
        """Goes to the township's discipline office; village staff have no part in it."""
        return self.category == "conduct"

    @property
    def receiver(self) -> str:
        """The account that raises it."""
        return f"officer-{at_level(self.village, 'township')}" if self.conduct else f"cadre-{self.village}"

    def handler(self, level: Level) -> str:
        """The account that handles it at `level`."""
        return f"cadre-{self.village}" if level == "village" else f"officer-{at_level(self.village, level)}"

    @property
    def supervisor(self) -> str:
        """The account of the county's supervisor."""
        return f"supervisor-{at_level(self.village, 'county')}"

    @property
    def climbs(self) -> dict[Level, int]:
        """How often the script lifts it to each level."""
        start = "township" if self.conduct else LADDER[0]
        top = self.level_final if self.level_final != "on_the_spot" else start
        return {level: int(LADDER.index(start) < rung <= LADDER.index(top)) for rung, level in enumerate(LADDER)}


def matters() -> list[Matter]:
    """All rows, in file order."""
    with MATTERS.open(encoding="utf-8", newline="") as file:
        return [_matter(row) for row in csv.DictReader(file)]


def _matter(row: dict[str, str]) -> Matter:
    return Matter(
        no=int(row["no"]),
        village=row["village_code"],
        channel=row["channel"],
        category=row["category"],
        topic=row["topic"],
        title=row["title"],
        narrative=row["narrative"],
        anonymous=row["reporter"] == "anonymous",
        script={level: row[level] for level in LADDER},  # pyright: ignore[reportArgumentType]
        outcome=row["outcome"],
        rating=row["rating"],
        level_final=row["level_final"],
    )
