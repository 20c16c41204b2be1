"""Drafts of policies, their publication and the way back: what administrators do to the rules.

A draft is a row; a published version is an event, for ever. Publication needs two people: whoever wrote the draft last cannot publish it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.routing.directory import DirectoryHolder
from services.routing.domain.publication import Complaint, complaints
from services.routing.rollouts import Rollouts
from services.routing.rules import POLICY, RulesHolder
from services.routing.tables import PolicyDraft, Rollout
from shared.clock import Clock
from shared.contracts.routing import OpenIssues, PolicyPublished, PolicyRule
from shared.eventlog import EventLog
from shared.ids import new_id
from shared.problems import FieldError, Problem, invalid, not_found
from shared.regions import Regions
from shared.web.requests import version_mismatch

LATEST_START = timedelta(days=366)
"""A policy is published for at most a year ahead."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication did: the version before, the event, and the roll-out that it began (None: open issues keep their deadlines)."""

    before: PolicyPublished
    event: PolicyPublished
    rollout: Rollout | None


@dataclass(frozen=True, slots=True)
class Policies:
    """Handlers of policies. All run in the caller's transaction.

    Args:
        log: for the stream of published versions.
        rules: the published versions in memory.
        directory: knows the topics that rules may name.
        regions: knows the codes that rules may name.
        rollouts: begins roll-outs.
        clock: the one clock.
        four_eyes: whether publication needs a second administrator.
    """

    log: EventLog
    rules: RulesHolder
    directory: DirectoryHolder
    regions: Regions
    rollouts: Rollouts
    clock: Clock
    four_eyes: bool

    async def drafts(self, session: AsyncSession) -> Sequence[PolicyDraft]:
        """Every draft, the last changed first."""
        return (await session.execute(select(PolicyDraft).order_by(col(PolicyDraft.changed_at).desc()))).scalars().all()

    async def draft(self, session: AsyncSession, draft_id: str, *, expected: int | None = None) -> PolicyDraft:
        """One draft, locked. Raises Problem 404; 412 where it has another version than `expected`."""
        statement = select(PolicyDraft).where(col(PolicyDraft.draft_id) == draft_id).with_for_update()
        found = (await session.execute(statement)).scalar_one_or_none()
        if found is None:
            raise not_found()
        if expected is not None and found.version != expected:
            raise version_mismatch()
        return found

    async def begin(self, session: AsyncSession, rules: Sequence[PolicyRule], *, note: str, based_on: int | None, by: str) -> PolicyDraft:
        """A new draft with these rules."""
        now = await self.clock.now(session)
        draft = PolicyDraft(
            draft_id=new_id(), note=note, rules=_stored(rules), based_on=based_on, version=1, by=by, created_at=now, changed_at=now
        )
        session.add(draft)
        await session.flush()
        return draft

    async def change(
        self, session: AsyncSession, draft: PolicyDraft, rules: Sequence[PolicyRule], *, note: str, based_on: int | None, by: str
    ) -> None:
        """Replace what a draft holds."""
        draft.rules, draft.note, draft.based_on, draft.by = _stored(rules), note, based_on, by
        draft.version += 1
        draft.changed_at = await self.clock.now(session)
        await session.flush()

    async def complaints(self, session: AsyncSession, rules: Sequence[PolicyRule]) -> tuple[Complaint, ...]:
        """What keeps these rules from being published."""
        directory = await self.directory.fresh(session)
        return complaints(rules, topics=directory.topics, regions=[region.code for region in self.regions])

    async def publish(
        self,
        session: AsyncSession,
        draft: PolicyDraft,
        *,
        effective_from: datetime | None,
        open_issues: OpenIssues,
        rate: int,
        by: str,
    ) -> Publication:
        """Publish a draft; the draft is gone then.

        Raises:
            Problem: 403 for one's own draft, 422 for rules that cannot be published or a start in the past, 409 for a draft that another
                publication has overtaken.
        """
        if self.four_eyes and draft.by == by:
            raise Problem("own_draft", 403)
        rules = rules_of(draft)
        found = await self.complaints(session, rules)
        if found:
            raise refused(found)
        known = await self.rules.fresh(session)
        if draft.based_on is not None and draft.based_on != known.newest:
            raise Problem("draft_overtaken", 409, based_on=draft.based_on, newest=known.newest)
        published = await self._publish(
            session, rules, effective_from=effective_from, open_issues=open_issues, rate=rate, by=by, note=draft.note, drafted_by=draft.by
        )
        await session.delete(draft)
        return published

    async def roll_back(self, session: AsyncSession, version: int, *, open_issues: OpenIssues, rate: int, by: str) -> Publication:
        """Publish a former version as a new one, at once. One administrator is enough: two have seen that version before.

        Raises:
            Problem: 404 for a version that never was.
        """
        known = await self.rules.fresh(session)
        former = known.published(version)
        if former is None:
            raise not_found()
        return await self._publish(
            session, former.rules, effective_from=None, open_issues=open_issues, rate=rate, by=by, note=former.note, restores=version
        )

    async def _publish(
        self,
        session: AsyncSession,
        rules: tuple[PolicyRule, ...],
        *,
        effective_from: datetime | None,
        open_issues: OpenIssues,
        rate: int,
        by: str,
        note: str,
        drafted_by: str | None = None,
        restores: int | None = None,
    ) -> Publication:
        now = await self.clock.now(session)
        if effective_from is not None and not now <= effective_from <= now + LATEST_START:
            raise invalid(FieldError("/effective_from", "not_in_future" if effective_from < now else "too_far_ahead"))
        await self.rollouts.end_older(session, now, since=effective_from)
        known = await self.rules.fresh(session)
        before = known.policies[-1]
        event = PolicyPublished(
            policy=before.policy,
            version=known.newest + 1,
            effective_from=effective_from or now,
            rules=rules,
            by=by,
            note=note,
            drafted_by=drafted_by,
            open_issues=open_issues,
            restores=restores,
        )
        head = (await self.log.load(session, POLICY)).head
        await self.log.append(session, POLICY, [event], after=head, now=now, region=None, correlation_id=new_id(), causation_id=None)
        rollout = await self.rollouts.begin(
            session,
            policy_version=event.version,
            calendar_version=None,
            mode=open_issues,
            reason=f"policy version {event.version}",
            by=by,
            rate=rate,
            begins_at=event.effective_from,
            now=now,
        )
        return Publication(before, event, rollout)


def rules_of(draft: PolicyDraft) -> tuple[PolicyRule, ...]:
    """The rules that a draft holds."""
    return tuple(PolicyRule.model_validate(each) for each in draft.rules)


def refused(found: Sequence[Complaint]) -> Problem:
    """422 with every complaint: the field, and the rules that it is about."""
    return invalid(*(FieldError(each.pointer, each.code, {"rules": ", ".join(each.rules)}) for each in found))


def _stored(rules: Sequence[PolicyRule]) -> list[dict[str, Any]]:
    return [rule.model_dump(mode="json") for rule in rules]
