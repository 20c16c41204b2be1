"""One coherent story in facts, and a valid event of every type in it: a street light in `VILLAGE`, raised and assigned at `MONDAY`."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from shared.contracts import Event
from shared.contracts.intake import AttachmentAdded, IssueRaised, IssueWithdrawn, Rated, ReopenAsked, ReporterErased
from shared.contracts.notify import NoticeDelivered, NoticeFailed
from shared.contracts.routing import (
    Accepted,
    Answered,
    Arbitrated,
    Assigned,
    CalendarChanged,
    Closed,
    DeadlineChanged,
    DeadlineWarned,
    DirectoryChanged,
    Escalated,
    ExtensionDecided,
    ExtensionRequested,
    InterimAnswered,
    PausedClock,
    PolicyPublished,
    PolicyRule,
    ProgressReported,
    Reassigned,
    Reclassified,
    Referred,
    Reopened,
    Resolved,
    Resumed,
    Returned,
    ReturnVisited,
    RolloutCompleted,
    Supervised,
    Suspended,
    TaskCompleted,
    TaskLapsed,
    UnitInvited,
    VisitDue,
)
from shared.contracts.values import (
    Allowance,
    Deadline,
    DeadlineKind,
    Evidence,
    Handler,
    Level,
    Missed,
    Officer,
    Task,
    Topic,
    Unit,
)
from shared.regions import at_level

MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""A working Monday, 09:00 in Shanghai."""
VILLAGE = "330182104228"
TOWNSHIP = "330182104000"
COUNTY = "330182000000"
SIBLING_VILLAGE = "330182104012"
OTHER_TOWNSHIP = "330182105000"
LOOK_ALIKE_TOWNSHIP = "330182100000"
"""Shares seven digits with `TOWNSHIP` and, as a bare string prefix up to its zeros, looks like its parent."""
OTHER_COUNTY = "330523000000"
TOKEN = "4f1c0b7ad6e84e0fa2f1d8a0c3b5e7d9"
"""A tracking token; its digest is in the default `IssueRaised`."""

_UNITS: dict[Level, str] = {"village": "village_committee", "township": "construction", "county": "housing_construction"}
_POSTS: dict[Level, tuple[str, str]] = {
    "village": ("cadre", "值班村干部"),
    "township": ("officer", "经办人"),
    "county": ("officer", "经办人"),
}


def digest(token: str = TOKEN) -> str:
    """The SHA-256, hex, by which events know a tracking token."""
    return sha256(token.encode()).hexdigest()


def handler(level: Level = "village", *, village: str = VILLAGE, unit: str | None = None) -> Handler:
    """The officer in charge of `village`'s matters at `level`."""
    region = at_level(village, level)
    account, post = _POSTS[level]
    return Handler(officer_id=f"{account}-{region}", name=post, unit=f"{region}/{unit or _UNITS[level]}")


def deadline(kind: DeadlineKind = "handle", due_at: datetime | None = None, *, id: str | None = None, start: datetime = MONDAY) -> Deadline:
    """A deadline of `kind`, by default five days after `start`."""
    due = due_at or start + timedelta(days=5)
    clocked = kind in ("accept", "handle")
    return Deadline(
        deadline_id=id or f"{kind}-1",
        kind=kind,
        due_at=due,
        policy_version=1,
        calendar_version=1,
        started_at=start,
        rule="default" if clocked else None,
        allowance=Allowance(amount=5, unit="working_days") if clocked else None,
        warn_at=start + (due - start) * 0.75 if clocked else None,
    )


def clocks(start: datetime = MONDAY, *, round: int = 1) -> tuple[Deadline, ...]:
    """Accept after a day, handle after five: the clocks of a new assignment. `round` tells those of one level from the next."""
    return (
        deadline("accept", start + timedelta(days=1), id=f"accept-{round}", start=start),
        deadline("handle", start + timedelta(days=5), id=f"handle-{round}", start=start),
    )


def missed(of: Deadline) -> Missed:
    """That `of` lapsed."""
    return Missed(deadline_id=of.deadline_id, due_at=of.due_at)


STREET_LIGHT = Topic(
    code="street_light", zh="路灯照明", en="Street lights", township_unit="construction", county_unit="housing_construction", board="full"
)
_TASK = Task(
    task_id="1",
    unit=f"{TOWNSHIP}/enforcement",
    handler=handler("township", unit="enforcement"),
    task="现场勘查",
    due_at=MONDAY + timedelta(days=3),
)
_PHOTO = Evidence(attachment_id="0198a000-0000-7000-8000-000000000001", sha256="ab" * 32, media_type="image/jpeg")

EXAMPLES: dict[type[Event], Event] = {
    type(event): event
    for event in (
        IssueRaised(
            number="330182-20260302-000001",
            channel="home_visit",
            category="hardship",
            topic="street_light",
            title="村口路灯不亮",
            priority="routine",
            reporter="named",
            first_receiver=handler(),
            tracking_digest=digest(),
        ),
        IssueWithdrawn(),
        Rated(rating="satisfied"),
        ReopenAsked(),
        AttachmentAdded(evidence=_PHOTO),
        ReporterErased(reason="reporter_asked"),
        Assigned(
            level="village",
            handler=handler(),
            first_receiver=handler(),
            deadlines=(*clocks(), deadline("interim", MONDAY + timedelta(days=21))),
        ),
        Accepted(by=f"cadre-{VILLAGE}"),
        Reassigned(handler=handler("township", unit="enforcement"), reason="由综合执法队办理", by=f"dispatcher-{TOWNSHIP}"),
        Reclassified(topic="road", category="shortcoming", priority="urgent", reason="实为道路问题", by=f"dispatcher-{TOWNSHIP}"),
        ProgressReported(note="已联系电力部门", by=f"cadre-{VILLAGE}"),
        DeadlineWarned(deadline_id="handle-1", kind="handle", due_at=MONDAY + timedelta(days=5)),
        Escalated(
            from_level="village",
            to_level="township",
            reason="handle_deadline_missed",
            missed=Missed(deadline_id="handle-1", due_at=MONDAY + timedelta(days=5)),
            handler=handler("township"),
            deadlines=clocks(MONDAY + timedelta(days=5), round=2),
        ),
        Returned(reason="不属于本单位职责", by=f"officer-{TOWNSHIP}", to="dispatcher"),
        Arbitrated(
            handler=handler("township", unit="enforcement"),
            reason="由综合执法队主办",
            by=f"dispatcher-{COUNTY}",
            deadlines=(deadline("accept", MONDAY + timedelta(days=2), id="accept-3"),),
        ),
        UnitInvited(tasks=(_TASK,), by=f"officer-{TOWNSHIP}", deadlines=(deadline("task", _TASK.due_at, id="task-1"),)),
        TaskCompleted(task_id="1", result="已勘查", by=f"officer-{TOWNSHIP}"),
        TaskLapsed(task_id="1", missed=Missed(deadline_id="task-1", due_at=_TASK.due_at)),
        Suspended(
            condition="等待材料到货",
            until=MONDAY + timedelta(days=10),
            by=f"cadre-{VILLAGE}",
            paused=(PausedClock(deadline=deadline("handle"), left=3 * 27_000),),
            deadlines=(deadline("suspension", MONDAY + timedelta(days=10)),),
        ),
        Resumed(by=None, deadlines=(deadline("handle", MONDAY + timedelta(days=13), id="handle-1"),)),
        ExtensionRequested(until=MONDAY + timedelta(days=8), reason="需采购灯具", by=f"cadre-{VILLAGE}"),
        ExtensionDecided(
            granted=True,
            reason="同意",
            by=f"dispatcher-{TOWNSHIP}",
            deadlines=(deadline("handle", MONDAY + timedelta(days=8), id="handle-1"),),
        ),
        DeadlineChanged(
            reason="policy_published",
            former=(deadline("handle", MONDAY + timedelta(days=5), id="handle-1"),),
            deadlines=(deadline("handle", MONDAY + timedelta(days=7), id="handle-2"),),
        ),
        Supervised(kind="urge", to="handler", target=handler("county"), missed=None, by=f"supervisor-{COUNTY}"),
        Referred(
            to="省交通运输厅",
            promised_by=MONDAY + timedelta(days=60),
            by=f"officer-{COUNTY}",
            deadlines=(deadline("promise", MONDAY + timedelta(days=60)),),
        ),
        InterimAnswered(
            state="in_progress",
            level="county",
            handler=handler("county"),
            deadlines=(deadline("interim", MONDAY + timedelta(days=42), id="interim-2"),),
        ),
        Resolved(
            outcome="solved",
            result="路灯已修复",
            evidence=(_PHOTO,),
            level="village",
            handler=handler(),
            resolution=1,
            by=f"cadre-{VILLAGE}",
            deadlines=(deadline("answer", MONDAY + timedelta(days=4)),),
        ),
        Answered(resolution=1, how="notice", deadlines=(deadline("rating", MONDAY + timedelta(days=11)),)),
        VisitDue(reason="not_rated", first_receiver=handler(), deadlines=(deadline("visit", MONDAY + timedelta(days=14)),)),
        ReturnVisited(result="content", reason=None, by=f"cadre-{VILLAGE}"),
        Reopened(reason="dissatisfied", level="village"),
        Closed(how="rated", rating="satisfied"),
        PolicyPublished(
            policy="default",
            version=1,
            effective_from=MONDAY,
            rules=(PolicyRule(rule="default", match={}, set={"accept": Allowance(amount=1, unit="working_days")}),),
            by=None,
            note="首个版本",
        ),
        CalendarChanged(
            calendar="cn",
            version=1,
            office_hours=(("08:30", "12:00"), ("13:30", "17:30")),
            holidays=("2026-01-01",),
            working_days=("2026-01-04",),
            confirmed_years=(2026,),
            by=None,
        ),
        DirectoryChanged(
            topics=(STREET_LIGHT,),
            units=(
                Unit(
                    unit_id=f"{VILLAGE}/village_committee",
                    region=VILLAGE,
                    code="village_committee",
                    zh="村民委员会",
                    en="Village committee",
                ),
                Unit(
                    unit_id=f"{TOWNSHIP}/construction",
                    region=TOWNSHIP,
                    code="construction",
                    zh="村镇建设办公室",
                    en="Village and town construction office",
                ),
            ),
            officers=(
                Officer(
                    officer_id=f"cadre-{VILLAGE}",
                    name="值班村干部",
                    role="cadre",
                    regions=(VILLAGE,),
                    units=(f"{VILLAGE}/village_committee",),
                ),
            ),
            by=None,
        ),
        RolloutCompleted(policy="default", version=2, moved=12, failed=0),
        NoticeDelivered(notice_id="notice-1", kind="resolved", channel="sms", stage="delivered", event_id="event-1", event_version=4),
        NoticeFailed(notice_id="notice-1", kind="resolved", channel="sms", reason="rejected", event_id="event-1", event_version=4),
    )
}
"""A valid event of every type."""
