"""One realistic example of every published event: a blocked drain's long way, and the administration that goes with it.

The generated documents show them and the tests hold them against their schemas. They do not form one valid history.
"""

from datetime import UTC, datetime, timedelta

from shared.contracts import intake, notify, routing
from shared.contracts.envelope import seal, unsealed
from shared.contracts.event import Event
from shared.contracts.values import Allowance, Deadline, Evidence, Handler, Missed, Officer, Task, Topic, Unit

ISSUE = "019a6b1e-7c00-7d11-8f3a-5b0c2d4e6f70"
VILLAGE = "330182104228"
COUNTY = "330182000000"
NINE = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
"""Monday, 09:00 in Shanghai."""

CADRE = Handler(officer_id=f"cadre-{VILLAGE}", name="方志远", unit=f"{VILLAGE}/village_committee")
TOWNSHIP_OFFICER = Handler(officer_id="officer-330182104000", name="何素芬", unit="330182104000/construction")
COUNTY_OFFICER = Handler(officer_id=f"officer-{COUNTY}", name="邵国平", unit=f"{COUNTY}/housing_construction")
PHOTO = Evidence(attachment_id="019a6b1e-9d40-7a02-9c11-2f6b8e0d1a33", sha256="5f" * 32, media_type="image/jpeg")
WORDS = "019a6b2f-0e10-7b44-8a5d-6c7e9f012345"
ONE_DAY = Allowance(amount=1, unit="working_days")


def _deadline(kind: str, number: int, days: int, rule: str | None, allowance: Allowance | None) -> Deadline:
    warn_at = NINE + timedelta(days=days * 0.75) if kind in ("accept", "handle") else None
    return Deadline.model_validate(
        {
            "deadline_id": f"{kind}-{number}",
            "kind": kind,
            "due_at": NINE + timedelta(days=days),
            "policy_version": 1,
            "calendar_version": 1,
            "started_at": NINE,
            "rule": rule,
            "allowance": allowance,
            "warn_at": warn_at,
        }
    )


ACCEPT = _deadline("accept", 1, 1, "everything", ONE_DAY)
HANDLE = _deadline("handle", 1, 7, "village", Allowance(amount=5, unit="working_days"))
INTERIM = _deadline("interim", 1, 21, "everything", Allowance(amount=15, unit="working_days"))
ACCEPT_UP = _deadline("accept", 2, 8, "everything", ONE_DAY)
HANDLE_UP = _deadline("handle", 2, 21, "township", Allowance(amount=10, unit="working_days"))
TASK = _deadline("task", 1, 4, None, None)
PROMISE = _deadline("promise", 1, 120, None, None)
ANSWER = _deadline("answer", 1, 1, "everything", ONE_DAY)
RATING = _deadline("rating", 1, 8, "everything", Allowance(amount=7, unit="days"))
VISIT = _deadline("visit", 1, 3, "everything", Allowance(amount=3, unit="working_days"))
SUSPENSION = _deadline("suspension", 1, 14, None, None)
ARBITRATION = _deadline("arbitration", 1, 1, "everything", ONE_DAY)
MISSED = Missed(deadline_id=HANDLE.deadline_id, due_at=HANDLE.due_at)
OFFICER = str(TOWNSHIP_OFFICER.officer_id)

_EXAMPLES: tuple[Event, ...] = (
    intake.IssueRaised(
        number="330182-20261102-17",
        channel="home_visit",
        category="shortcoming",
        topic="drainage",
        title="村口排水沟堵塞,雨天积水漫到路面",
        priority="routine",
        reporter="named",
        first_receiver=CADRE,
        occurred_at=NINE - timedelta(days=2),
        labels=("flood-season-2026",),
        evidence=(PHOTO,),
        tracking_digest="a3" * 32,
    ),
    intake.IssueWithdrawn(words=WORDS),
    intake.Rated(rating="dissatisfied", words=WORDS),
    intake.ReopenAsked(words=WORDS),
    intake.AttachmentAdded(evidence=PHOTO),
    intake.ReporterErased(reason="本人申请删除"),
    routing.Assigned(level="village", handler=CADRE, first_receiver=CADRE, deadlines=(ACCEPT, HANDLE, INTERIM)),
    routing.Accepted(by=str(CADRE.officer_id)),
    routing.Reassigned(handler=TOWNSHIP_OFFICER, reason="排水设施归村镇建设办公室管护", by="dispatcher-330182104000"),
    routing.Reclassified(
        topic="drainage", category="shortcoming", priority="urgent", reason="周末有暴雨", by="dispatcher-330182104000", deadlines=(ACCEPT,)
    ),
    routing.ProgressReported(note="已联系疏通队,周三进场", evidence=(PHOTO,), by=OFFICER),
    routing.DeadlineWarned(deadline_id=HANDLE.deadline_id, kind="handle", due_at=HANDLE.due_at),
    routing.Escalated(
        from_level="village",
        to_level="township",
        reason="handle_deadline_missed",
        missed=MISSED,
        handler=TOWNSHIP_OFFICER,
        deadlines=(ACCEPT_UP, HANDLE_UP),
    ),
    routing.Returned(reason="该段沟渠属县级河道管理范围", by=OFFICER, to="arbitration", deadlines=(ARBITRATION,)),
    routing.Arbitrated(handler=TOWNSHIP_OFFICER, reason="属镇管沟渠,由镇负责", by=f"dispatcher-{COUNTY}", deadlines=(ACCEPT_UP,)),
    routing.UnitInvited(
        tasks=(Task(task_id="1", unit=COUNTY_OFFICER.unit, handler=COUNTY_OFFICER, task="提供管网图纸", due_at=TASK.due_at),),
        by=OFFICER,
        deadlines=(TASK,),
    ),
    routing.TaskCompleted(task_id="1", result="管网图纸已送达", by=str(COUNTY_OFFICER.officer_id)),
    routing.TaskLapsed(task_id="1", missed=Missed(deadline_id=TASK.deadline_id, due_at=TASK.due_at)),
    routing.Suspended(
        condition="等待枯水期施工",
        until=SUSPENSION.due_at,
        by=OFFICER,
        paused=(routing.PausedClock(deadline=HANDLE_UP, left=97_200),),
        deadlines=(SUSPENSION,),
    ),
    routing.Resumed(by=None, deadlines=(HANDLE_UP,)),
    routing.ExtensionRequested(until=HANDLE_UP.due_at + timedelta(days=7), reason="管材到货推迟", by=OFFICER),
    routing.ExtensionDecided(granted=True, reason="同意延期一周", by=f"dispatcher-{COUNTY}", deadlines=(HANDLE_UP,)),
    routing.DeadlineChanged(reason="政策第 2 版施行", former=(HANDLE,), deadlines=(HANDLE_UP,)),
    routing.Supervised(kind="urge", to="handler", target=COUNTY_OFFICER, missed=MISSED, by=None, deadlines=()),
    routing.Referred(to="市水利局", promised_by=PROMISE.due_at, by=str(COUNTY_OFFICER.officer_id), deadlines=(PROMISE,)),
    routing.InterimAnswered(state="in_progress", level="township", handler=TOWNSHIP_OFFICER, deadlines=(INTERIM,)),
    routing.Resolved(
        outcome="solved",
        result="排水沟已清淤疏通,并加装防堵格栅",
        evidence=(PHOTO,),
        level="township",
        handler=TOWNSHIP_OFFICER,
        resolution=1,
        by=OFFICER,
        deadlines=(ANSWER,),
    ),
    routing.Answered(resolution=1, how="notice", deadlines=(RATING,)),
    routing.VisitDue(reason="not_rated", first_receiver=CADRE, missed=None, deadlines=(VISIT,)),
    routing.ReturnVisited(result="content", reason=None, by=str(CADRE.officer_id)),
    routing.Reopened(reason="dissatisfied", level="township", words=WORDS),
    routing.Closed(how="rated", rating="satisfied"),
    routing.PolicyPublished(
        policy="default",
        version=1,
        effective_from=NINE,
        rules=(
            routing.PolicyRule(rule="everything", match={}, set={"accept": ONE_DAY}),
            routing.PolicyRule(
                rule="village-urgent", match={"level": "village", "priority": "urgent"}, set={"handle": Allowance(amount=24, unit="hours")}
            ),
        ),
        by=None,
        note="默认时限",
    ),
    routing.CalendarChanged(
        calendar="cn",
        version=1,
        office_hours=(("08:30", "12:00"), ("13:30", "17:30")),
        holidays=("2026-10-01", "2026-10-02"),
        working_days=("2026-10-10",),
        confirmed_years=(2026,),
        by=None,
    ),
    routing.DirectoryChanged(
        topics=(
            Topic(
                code="drainage",
                zh="排水排污",
                en="Drainage and sewage",
                township_unit="construction",
                county_unit="housing_construction",
                board="full",
            ),
        ),
        units=(
            Unit(
                unit_id=TOWNSHIP_OFFICER.unit,
                region="330182104000",
                code="construction",
                zh="村镇建设办公室",
                en="Village and town construction office",
            ),
        ),
        officers=(Officer(officer_id=OFFICER, name="何素芬", role="officer", regions=("330182104000",), units=(TOWNSHIP_OFFICER.unit,)),),
        by="admin",
    ),
    routing.RolloutCompleted(policy="default", version=2, moved=1284, failed=0),
    notify.NoticeDelivered(
        notice_id="019a6b20-1c50-7e66-9a8b-0d1e2f304152", kind="resolved", channel="sms", stage="delivered", event_id=WORDS, event_version=9
    ),
    notify.NoticeFailed(
        notice_id="019a6b20-1c50-7e66-9a8b-0d1e2f304152",
        kind="resolved",
        channel="sms",
        reason="number_not_in_service",
        event_id=WORDS,
        event_version=9,
    ),
)

EXAMPLES: dict[str, Event] = {type(example).__name__: example for example in _EXAMPLES}
"""By the event's name."""

_STREAMS = {"issue": ISSUE, "policy": "policy-default", "calendar": "calendar-cn", "directory": "directory-330182"}


def on_the_wire(event: Event) -> bytes:
    """The bytes that NATS would carry for `event`, with made-up ids: the same ones for the same event."""
    name = type(event).__name__
    version = 1 if name == "IssueRaised" else 2
    body, _ = seal(
        unsealed(
            event,
            id=f"019a6b1e-8000-7000-8000-{sorted(EXAMPLES).index(name):012d}",
            source=f"/huiyin/{event.owner}",
            stream=_STREAMS[event.aggregate],
            version=version,
            time=NINE + timedelta(seconds=version),
            region=VILLAGE if event.aggregate == "issue" else None,
            correlation_id="019a6b1e-7fff-7c00-8000-000000000001",
            causation_id="019a6b1e-7fff-7c00-8000-000000000002" if version > 1 else None,
            traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            prev_hash="0c" * 32 if version > 1 else None,
        )
    )
    return body
