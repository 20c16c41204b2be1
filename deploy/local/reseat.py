"""Starting Temporal's workflows again from the log. Can be broken off and begun again."""

from collections.abc import Sequence

from temporalio.client import Client

from deploy.local.layout import StackError
from deploy.local.republish import Addresses, Progress
from services.routing import repository
from services.routing.bootstrap import temporal_client
from services.routing.timers import Timers
from shared.database import Database
from shared.eventlog import EventLog

_PAGE = 500
"""Issues of one look at the table; progress moves by as many."""


async def reseat(where: Addresses, temporal: str, named: Sequence[str], progress: Progress) -> int:
    """Start or wake the workflows of the `named` issues (numbers or ids), or of all that wait if none is named. Returns how many.

    A workflow that waits already only looks again, so what a broken-off run did may be done once more.

    Raises:
        StackError: one of them is not known, or Temporal does not answer.
    """
    database = Database(where.database_url("routing"), pool_size=2)
    try:
        timers = Timers(database, EventLog("/huiyin/routing"), await _client(temporal))
        async with database.transaction() as session:
            if named:
                found = await repository.find(session, named)
                if unknown := [name for name in named if name not in found]:
                    raise StackError(f"没有此事项 no such issue: {', '.join(unknown)}.")
                ids = sorted(set(found.values()))
            else:
                ids = list(await repository.waiting(session))
        progress(0, len(ids))
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            await timers.seat(page)
            progress(start + len(page), len(ids))
        return len(ids)
    finally:
        await database.close()


async def _client(temporal: str) -> Client:
    try:
        return await temporal_client(temporal)
    except RuntimeError:  # what Temporal's client raises when it cannot connect
        raise StackError("Temporal of this stack does not answer: `huiyin status` shows what runs.") from None
