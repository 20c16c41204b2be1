"""What decisions are made with: the instant, the rules and the directory, fetched in the decision's own transaction."""

import time

from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.directory import DirectoryHolder
from services.routing.domain.commands import Context
from services.routing.rules import Rules, RulesHolder
from shared.clock import Clock

LOOK_AGAIN_AFTER = 0.5
"""Seconds for which rules and directory are taken as unchanged: two queries less for most decisions."""


class ContextSource:
    """Makes contexts; one for a process."""

    def __init__(self, clock: Clock, rules: RulesHolder, directory: DirectoryHolder) -> None:
        self._clock = clock
        self._rules = rules
        self._directory = directory
        self._looked_at = float("-inf")

    async def context(self, session: AsyncSession) -> Context:
        """The context of a decision that is made now. Raises as `fresh` does."""
        rules = self._rules.current
        if rules is None or time.monotonic() - self._looked_at > LOOK_AGAIN_AFTER:
            return (await self.fresh(session))[0]
        now = await self._clock.now(session)
        return Context(now, rules.at(now), self._directory.current)

    async def fresh(self, session: AsyncSession) -> tuple[Context, Rules]:
        """The context as the log has it at this moment, and every version of the rules. Raises `NoRules` before the first start."""
        rules = await self._rules.fresh(session)
        directory = await self._directory.fresh(session)
        self._looked_at = time.monotonic()
        now = await self._clock.now(session)
        return Context(now, rules.at(now), directory), rules
