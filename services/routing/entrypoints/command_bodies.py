"""The bodies of the commands (contract.md), and the commands they become."""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import PydanticCustomError
from typing_extensions import override

from services.routing.domain import commands as ask
from shared.contracts.values import Category, Evidence, Outcome, Priority, SupervisionKind
from shared.ids import new_id
from shared.personal_data import contains_personal_data
from shared.web.requests import RequestModel

Verify = Callable[[tuple[str, ...]], tuple[Evidence, ...]]
"""Turns receipts of intake into evidence."""


def _official(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("text_empty", "empty")
    if contains_personal_data(value):
        raise PydanticCustomError("personal_data_in_text", "personal data")
    return value


Text = Annotated[str, Field(max_length=2000), AfterValidator(_official)]
"""An official text: it is published, so phone and identity numbers are refused."""
Name = Annotated[str, Field(min_length=1, max_length=100)]
Receipts = Annotated[tuple[Annotated[str, Field(max_length=2000)], ...], Field(max_length=20)]


class CommandBody(RequestModel):
    """Base of the bodies."""

    def command(self, verify: Verify) -> ask.Command:
        """The command that this body asks for."""
        raise NotImplementedError


class AcceptBody(CommandBody):
    """Take the issue on."""

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Accept()


class ReportProgressBody(CommandBody):
    """Note how the work goes."""

    note: Text
    evidence: Receipts = ()

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.ReportProgress(self.note, verify(self.evidence))


class ResolveBody(CommandBody):
    """Say what came of it. `solved` needs evidence, `planned` and `referred` a date, `rejected` a reason and the township."""

    outcome: Outcome
    result: Text
    evidence: Receipts = ()
    promised_by: AwareDatetime | None = None
    reason: Text | None = None

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Resolve(self.outcome, self.result, verify(self.evidence), self.promised_by, self.reason)


class RequestEscalationBody(CommandBody):
    """Ask the next level to take over."""

    reason: Text

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.RequestEscalation(self.reason)


class ReturnBody(CommandBody):
    """Say that it is not this unit's."""

    reason: Text

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Return(self.reason)


class ArbitrateBody(CommandBody):
    """Decide which unit is in charge."""

    unit: Name
    officer_id: Name | None = None
    reason: Text

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Arbitrate(self.unit, self.reason, self.officer_id)


class ReassignBody(CommandBody):
    """Put another officer or unit of the same level in charge. No clock moves."""

    unit: Name
    officer_id: Name | None = None
    reason: Text

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Reassign(self.unit, self.reason, self.officer_id)


class ReclassifyBody(CommandBody):
    """Correct topic, category or priority. What the reporter was promised never gets later."""

    topic: Name | None = None
    category: Category | None = None
    priority: Priority | None = None
    reason: Text

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Reclassify(self.reason, self.topic, self.category, self.priority)


class InvitedTask(RequestModel):
    """A unit's part, with its date."""

    unit: Name
    task: Text
    due_at: AwareDatetime


class InviteBody(CommandBody):
    """Invite other units. The lead's clock is unchanged."""

    tasks: Annotated[tuple[InvitedTask, ...], Field(min_length=1, max_length=20)]

    @override
    def command(self, verify: Verify) -> ask.Command:
        tasks = tuple(ask.Invitation(task.unit, task.task, task.due_at) for task in self.tasks)
        return ask.Invite(tasks, tuple(new_id() for _ in tasks))


class CompleteTaskBody(CommandBody):
    """Report the invited unit's part as done."""

    task_id: Name
    result: Text

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.CompleteTask(self.task_id, self.result)


class SuspendBody(CommandBody):
    """Wait for a named condition until a date; the clock stands."""

    condition: Text
    until: AwareDatetime

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Suspend(self.condition, self.until)


class ResumeBody(CommandBody):
    """Go on; the clock runs on with what it had left."""

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Resume()


class RequestExtensionBody(CommandBody):
    """Ask for a later deadline. Asking stops no clock."""

    until: AwareDatetime
    reason: Text

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.RequestExtension(self.until, self.reason)


class DecideExtensionBody(CommandBody):
    """Grant or refuse it."""

    granted: bool
    reason: Text

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.DecideExtension(self.granted, self.reason)


class ReferBody(CommandBody):
    """Hand upward what is beyond the county; the promise is watched."""

    to: Text
    promised_by: AwareDatetime

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Refer(self.to, self.promised_by)


class SuperviseBody(CommandBody):
    """Urge, notice or criticise the handler."""

    kind: SupervisionKind

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Supervise(self.kind)


class RecordReturnVisitBody(CommandBody):
    """Say what the reporter said."""

    result: Literal["content", "not_content", "unreachable", "final"]
    reason: Text | None = None

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.RecordReturnVisit(self.result, self.reason)


class ReopenBody(CommandBody):
    """Take a resolved issue up again, one level up."""

    reason: Text

    @override
    def command(self, verify: Verify) -> ask.Command:
        return ask.Reopen(self.reason)


BODIES: dict[str, type[CommandBody]] = {
    "accept": AcceptBody,
    "report-progress": ReportProgressBody,
    "resolve": ResolveBody,
    "request-escalation": RequestEscalationBody,
    "return": ReturnBody,
    "arbitrate": ArbitrateBody,
    "reassign": ReassignBody,
    "reclassify": ReclassifyBody,
    "invite": InviteBody,
    "complete-task": CompleteTaskBody,
    "suspend": SuspendBody,
    "resume": ResumeBody,
    "request-extension": RequestExtensionBody,
    "decide-extension": DecideExtensionBody,
    "refer": ReferBody,
    "supervise": SuperviseBody,
    "record-return-visit": RecordReturnVisitBody,
    "reopen": ReopenBody,
}
"""Every command of contract.md by its name."""
