"""Commands of intake: load, decide, append. Each runs in a transaction of its caller's, or retries in transactions of its own."""

import hashlib
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.intake import repository
from services.intake.domain import raising
from services.intake.domain.alike import OnBoard, alike
from services.intake.domain.commands import LookUp, Matter, RaiseIssue, Rate, Reopen, Reporter, Withdraw
from services.intake.domain.raising import Facts, Staff
from services.intake.domain.reporter import Refusal, ReporterCommand, decide
from services.intake.domain.reporter_view import fold
from services.intake.numbers import Numbers
from services.intake.repository import Secret
from services.intake.settings import Settings
from services.intake.tables import Issue
from services.intake.vault import Vault
from shared import audit
from shared.clock import Clock
from shared.contracts.values import Evidence
from shared.eventlog import EventLog, Head
from shared.idempotency import Answer
from shared.ids import new_id
from shared.problems import FieldError, Problem, invalid, not_found
from shared.receipts import BadReceipt, Receipts
from shared.regions import Regions
from shared.security.principal import Principal

TOKEN_BYTES = 16
"""128 bits: nobody guesses one."""

_ASKS: dict[type[ReporterCommand], str] = {Rate: "rating", Withdraw: "withdrawal", Reopen: "reopening"}


@dataclass(frozen=True)
class Handlers:
    """What intake does, given what it needs for it."""

    settings: Settings
    log: EventLog
    clock: Clock
    vault: Vault
    receipts: Receipts
    numbers: Numbers
    regions: Regions

    async def checked(self, session: AsyncSession, asked: Sequence[tuple[RaiseIssue, Principal | None]]) -> list[Facts | Problem]:
        """What has to be known to raise each issue that somebody asks for, or 422 for what domain.raising refuses.

        Raises:
            Problem: 503 before the directory is there.
        """
        if not asked:
            return []
        now = await self.clock.now(session)
        topics = await self._topics_known(session, [command.topic for command, _ in asked])
        checked: list[Facts | Problem] = []
        for command, caller in asked:
            named = await repository.officer(session, command.first_receiver) if caller and command.first_receiver else None
            facts = Facts(
                now=now,
                caller=Staff(caller.subject, caller.name, caller.regions, caller.units) if caller else None,
                village_known=self._village_known(command.village_code),
                topic_known=command.topic in topics,
                named=named,
                evidence=tuple(self._verified(receipt, now) for receipt in command.attachments),
            )
            faults = raising.faults(command, facts)
            checked.append(invalid(*(FieldError(fault.pointer, fault.code) for fault in faults)) if faults else facts)
        return checked

    async def raise_issue(self, session: AsyncSession, issue_id: str, command: RaiseIssue, facts: Facts) -> Answer:
        """Record an issue that was `checked`: 201 with its number and tracking link. Inside `pipelined`, others may be recorded beside it.

        Raises:
            Problem: 422 for receipts that another issue used.
        """
        number = await self.numbers.take(command.village_code, facts.now)
        token = random.token_urlsafe(TOKEN_BYTES)
        event = raising.raised(command, facts, number=number, tracking_digest=digest(token))
        issue = Issue(
            issue_id=issue_id,
            number=number,
            region=command.village_code,
            category=command.category,
            topic=command.topic,
            title=command.title,
            anonymous=command.reporter is None,
            tracking_digest=event.tracking_digest,
            lookup_index=self.vault.lookup_index(number, _last4(command.reporter)) if command.reporter else None,
            raised_at=facts.now,
        )
        evidence = [item.attachment_id for item in event.evidence]
        bound = await repository.insert_issue(session, self.vault, issue, _secrets(command, token), evidence)
        if bound != len(evidence):
            raise invalid(FieldError("/attachments", "receipt_used"))
        await self.log.append(
            session,
            issue_id,
            [event],
            after=Head(),
            now=facts.now,
            region=issue.region,
            correlation_id=issue_id,
            causation_id=None,
        )
        entry = audit.Entry(action="raise_issue", status=201, region=issue.region, issue_id=issue_id, after={"number": number})
        await audit.record(session, entry)
        answer = {"issue_id": issue_id, "number": number, "tracking_url": self.settings.tracking_url(token)}
        return Answer(201, answer, {"Location": f"/api/tracking/v1/issues/{issue_id}"})

    async def alike(self, session: AsyncSession, matter: Matter) -> list[OnBoard]:
        """Open issues of the village that may be the same matter and that the public board shows in full; none for a conduct matter.

        Raises:
            Problem: 422 for a village or topic that is not there, 503 before the directory is there.
        """
        shown = {topic.code: topic.board for topic in await repository.topics(session)}
        if not shown:
            raise _not_loaded()
        known = raising.unknown(village_known=self._village_known(matter.village_code), topic_known=matter.topic in shown)
        if faults := [FieldError(fault.pointer, fault.code) for fault in known]:
            raise invalid(*faults)
        if matter.category == "conduct":
            return []
        return alike(matter.title, matter.topic, await repository.open_on_board(session, matter.village_code, shown))

    async def reporter_command(self, session: AsyncSession, issue: Issue, command: ReporterCommand) -> Answer:
        """Record the reporter's word on an issue: 200 with the version of the stream afterwards.

        Raises:
            ConcurrentAppend: somebody else appended; again in a new transaction.
            Problem: 409 with `allowed` where the state forbids it.
        """
        now = await self.clock.now(session)
        loaded = await self.log.load(session, issue.issue_id)
        written = command.comment if isinstance(command, Rate) else command.reason
        words = new_id() if written else None
        decided = decide(fold(loaded.events), command, now=now, words=words)
        if isinstance(decided, Refusal):
            raise Problem(decided.code, 409, allowed=list(decided.allowed))
        ask = _ASKS[type(command)]
        if words:
            secret = Secret("words", {"said": ask, "text": written})
            await repository.add_secret(session, self.vault, issue.issue_id, secret, now, row_id=words)
        recorded = await self.log.append(
            session,
            issue.issue_id,
            [decided],
            after=loaded.head,
            now=now,
            region=issue.region,
            correlation_id=new_id(),
            causation_id=None,
        )
        version = recorded[-1].version
        await audit.record(session, audit.Entry(action=ask, status=200, who="reporter", region=issue.region, issue_id=issue.issue_id))
        return Answer(200, {"issue_id": issue.issue_id, "number": issue.number, "version": version})

    async def look_up(self, session: AsyncSession, command: LookUp) -> Answer:
        """The tracking link again. Raises 404, the same for an unknown number and for a wrong phone."""
        issue = await repository.issue_by_lookup(session, self.vault.lookup_index(command.number, command.phone_last4))
        if issue is None:
            raise not_found()
        link = await self._tracking_url(session, issue)
        entry = audit.Entry(action="lookup", status=200, who="reporter", region=issue.region, issue_id=issue.issue_id)
        await audit.record(session, entry)
        return Answer(200, {"tracking_url": link})

    async def statement(self, session: AsyncSession, issue: Issue) -> Mapping[str, object]:
        """What the reporter said, who they are and how to reach them; the read is audited. Raises 410 after erasure."""
        if issue.erased_at:
            raise Problem("reporter_erased", 410)
        opened = await repository.secrets_of(session, self.vault, issue.issue_id, "reporter", "statement", "words")
        attachments = await repository.attachments_of(session, issue.issue_id)
        await audit.record(session, audit.Entry(action="read_statement", status=200, region=issue.region, issue_id=issue.issue_id))
        said = next(secret.content for secret in opened if secret.kind == "statement")
        return {
            "issue_id": issue.issue_id,
            "number": issue.number,
            "anonymous": issue.anonymous,
            "reporter": next((secret.content for secret in opened if secret.kind == "reporter"), None),
            "narrative": said["narrative"],
            "location": said["location"],
            "attachments": [
                {"attachment_id": item.attachment_id, "media_type": item.media_type, "size": item.size, "sha256": item.sha256}
                for item in attachments
            ],
            "words": [{"words": secret.row_id, "at": secret.created_at, **secret.content} for secret in opened if secret.kind == "words"],
        }

    async def contact(self, session: AsyncSession, issue: Issue) -> Answer:
        """How to reach the reporter, for notify's sender; audited. Raises 404 for an anonymous reporter, 410 for an erased one."""
        if issue.erased_at:
            raise Problem("reporter_erased", 410)
        opened = await repository.secrets_of(session, self.vault, issue.issue_id, "reporter")
        if not opened:
            raise Problem("reporter_anonymous", 404)
        link = await self._tracking_url(session, issue)
        entry = audit.Entry(action="read_contact", status=200, who="notify", region=issue.region, issue_id=issue.issue_id)
        await audit.record(session, entry)
        return Answer(200, {**opened[0].content, "tracking_url": link})

    async def _topics_known(self, session: AsyncSession, topics: Sequence[str]) -> frozenset[str]:
        try:
            return await repository.topics_known(session, topics)
        except repository.DirectoryEmpty:
            raise _not_loaded() from None

    def _village_known(self, code: str) -> bool:
        village = self.regions.get(code)
        return village is not None and village.level == "village"

    def _verified(self, receipt: str, now: datetime) -> Evidence | None:
        try:
            return self.receipts.verify(receipt, now=now)
        except BadReceipt:
            return None

    async def _tracking_url(self, session: AsyncSession, issue: Issue) -> str:
        opened = await repository.secrets_of(session, self.vault, issue.issue_id, "token")
        return self.settings.tracking_url(opened[0].content)


def digest(token: str) -> str:
    """The SHA-256, hex, by which a tracking token is known outside the vault."""
    return hashlib.sha256(token.encode()).hexdigest()


def _not_loaded() -> Problem:
    return Problem("directory_not_loaded", 503, headers={"Retry-After": "2"})


def _secrets(command: RaiseIssue, token: str) -> list[Secret]:
    location = command.location.model_dump() if command.location else None
    kept = [Secret("statement", {"narrative": command.narrative, "location": location}), Secret("token", token)]
    return [Secret("reporter", command.reporter.model_dump()), *kept] if command.reporter else kept


def _last4(reporter: Reporter) -> str:
    return "".join(char for char in reporter.phone if char.isdigit())[-4:]
