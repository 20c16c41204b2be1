"""The slice of the fault suite inside `make test`: one short schedule with overlapping faults on a real stack, judged from outside."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.planted import ALL_CRASH_POINTS
from tests.faults.play import Player
from tests.faults.runs import player
from tests.faults.schedule import Schedule, Strike

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

OVERLAPPING = (Strike(1.0, "crash-points", 5), Strike(1.5, "answer-lost", 3), Strike(2, "kill-one", 1), Strike(3, "pause", 2))
"""Answers are lost after their commit while one part dies, another stands still, and whoever comes by a crash point ends there."""


@pytest.fixture
async def playing(tmp_path: Path) -> object:
    async with player(tmp_path / "stack", {"HUIYIN_PLANTED": ALL_CRASH_POINTS}) as playing:
        yield playing


async def test_nothing_is_lost_while_faults_overlap(playing: Player) -> None:
    schedule = replace(Schedule.of(1, ()), seconds=6, matters=8, strikes=OVERLAPPING)
    outcome = await playing.play(schedule)
    assert outcome.good, "\n".join([*outcome.struck, *outcome.failures, *map(str, outcome.violations)])
    assert len(outcome.struck) >= len(OVERLAPPING), outcome.struck
    assert outcome.counts["done"] > schedule.matters
    assert outcome.counts["events"] > outcome.counts["done"]
