"""Plays all matters side by side and keeps the run's name in the data folder, so that a killed run goes on."""

import asyncio
import json
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.matters import Matter, matters
from deploy.demo.player import Player, Told
from deploy.demo.report import judged, report
from deploy.demo.staff import Api
from shared.ids import new_id

AT_ONCE = 14
"""Matters under way at a time: what two cores carry beside the servers."""

RECORD = "demo.json"


async def play(gateway: str, data: Path, told: Told, *, new: bool = False) -> Mapping[str, Any]:
    """The report of the run; a finished run is not played again unless `new`.

    Raises:
        DemoFailed: an answer that the demo cannot go on with.
    """
    record = data / RECORD
    known: dict[str, Any] = json.loads(record.read_text()) if record.exists() and not new else {}
    if "report" in known:
        return known["report"]
    run = str(known.get("run") or new_id())
    _keep(record, {"run": run})
    started = time.monotonic()
    slots = asyncio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=AT_ONCE * 2)
    async with httpx.AsyncClient(base_url=gateway, timeout=15, limits=limits, trust_env=False) as client:
        api = Api(client)

        async def one(matter: Matter) -> Mapping[str, Any]:
            async with slots:
                return judged(await Player(api, matter, run, told).play(), matter)

        rows = await _all([one(matter) for matter in matters()])
    whole = report(rows, run, time.monotonic() - started)
    _keep(record, {"run": run, "report": whole})
    return whole


async def _all(players: Sequence[Coroutine[Any, Any, Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(player) for player in players]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _keep(record: Path, content: Mapping[str, Any]) -> None:
    draft = record.with_suffix(".new")
    draft.write_text(json.dumps(content, ensure_ascii=False))
    draft.replace(record)
