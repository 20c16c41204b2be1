"""Issues that arrive at the same time share a transaction: on the morning after a storm its round trips and its commit cost the most."""

import asyncio
from collections.abc import Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.domain.commands import RaiseIssue
from services.intake.domain.raising import Facts
from services.intake.handlers import Handlers
from shared.database import Database, pipelined
from shared.idempotency import Answer, Claim, StoredAnswer, remember, replay_each
from shared.ids import new_id
from shared.problems import Problem
from shared.security.principal import Principal
from shared.transactions import one_transaction
from shared.web.call import describe


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request to raise an issue by one who may. `context`: that of the request, for its trace and its audit entry."""

    issue_id: str
    command: RaiseIssue
    caller: Principal | None
    claimed: Claim
    context: Context


class Arrivals:
    """Raises issues, those together that arrive together. Each gets what it would get alone."""

    def __init__(self, database: Database, handlers: Handlers) -> None:
        self._handlers = handlers
        self._raise = one_transaction(database, self._raise_all)

    async def raise_issue(self, command: RaiseIssue, caller: Principal | None, claimed: Claim) -> Answer | StoredAnswer:
        """The answer once the issue is recorded, or the first answer to this key.

        Raises:
            Problem: 409 and 422 of the key (`idempotency.replay`), 422 and 503 of the command (`Handlers.checked`).
        """
        return await self._raise(Arrival(new_id(), command, caller, claimed, copy_context()))

    async def _raise_all(self, session: AsyncSession, arrivals: Sequence[Arrival]) -> list[Answer | StoredAnswer | Exception]:
        known = await replay_each(session, [arrival.claimed for arrival in arrivals])
        new = [arrival for arrival, answer in zip(arrivals, known, strict=True) if answer is None]
        checked = await self._handlers.checked(session, [(arrival.command, arrival.caller) for arrival in new])
        raised = iter(await self._record(session, list(zip(new, checked, strict=True))))
        return [next(raised) if answer is None else answer for answer in known]

    async def _record(self, session: AsyncSession, checked: Sequence[tuple[Arrival, Facts | Problem]]) -> list[Answer | Problem]:
        async def recorded(arrival: Arrival, facts: Facts) -> Answer:
            describe("raise_issue", issue_id=arrival.issue_id)
            answer = await self._handlers.raise_issue(session, arrival.issue_id, arrival.command, facts)
            await remember(session, arrival.claimed, answer, issue_id=arrival.issue_id)
            return answer

        async with pipelined(session):
            tasks = [
                facts if isinstance(facts, Problem) else asyncio.create_task(recorded(arrival, facts), context=arrival.context)
                for arrival, facts in checked
            ]
            # All end before the pipeline does, whatever one of them meets.
            await asyncio.gather(*(task for task in tasks if isinstance(task, asyncio.Task)), return_exceptions=True)
        return [task if isinstance(task, Problem) else task.result() for task in tasks]
