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

    async def rules(self, session: AsyncSession) -> Rules:
        """Every version of the rules, as the log has them now. Raises `NoRules` before the first start has seeded them."""
        return await self._rules.fresh(session)

    async def context(self, session: AsyncSession) -> Context:
        """The context of a decision that is made now."""
        if self._rules.current is None or time.monotonic() - self._looked_at > LOOK_AGAIN_AFTER:
            await self._rules.fresh(session)
            await self._directory.fresh(session)
            self._looked_at = time.monotonic()
        assert self._rules.current is not None
        now = await self._clock.now(session)
        return Context(now, self._rules.current.at(now), self._directory.current)
