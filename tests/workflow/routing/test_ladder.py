"""The whole ladder over weeks, each deadline at its instant; the workflow does what the log says and nothing else."""

from datetime import timedelta

from services.routing.workflows import workflow_id
from shared.contracts import intake
from shared.contracts import routing as events
from shared.ids import new_id
from tests.support.life import calendar, raised_on_the_web
from tests.workflow.routing.conftest import Routing


async def test_an_issue_that_nobody_touches_climbs_to_the_county_and_is_urged_there(routing: Routing) -> None:
    issue_id = await routing.raised()
    await routing.environment.sleep(timedelta(days=70))
    history = await routing.history(issue_id)
    escalated = [(recorded.time, recorded.data) for recorded in history if isinstance(recorded.data, events.Escalated)]
    assert [event.to_level for _, event in escalated] == ["township", "county"]
    for time, event in escalated:
        assert event.missed is not None
        late = time - event.missed.due_at
        assert timedelta(0) <= late < timedelta(seconds=5), "at its instant, never before"
    urged = [recorded.data.kind for recorded in history if isinstance(recorded.data, events.Supervised)]
    assert urged == ["urge", "urge", "notice", "criticism"]
    assert [recorded.name for recorded in history].count("InterimAnswered") >= 2
    assert [recorded.version for recorded in history] == list(range(1, len(history) + 1))


async def test_resolve_just_before_the_deadline_is_in_time(routing: Routing) -> None:
    issue_id = await routing.raised()
    await routing.do(issue_id, "accept")
    handle = (await routing.issue(issue_id)).running_of("handle")
    assert handle is not None
    now = await routing.environment.get_current_time()
    await routing.environment.sleep(handle.due_at - now - timedelta(minutes=1))
    await routing.do(issue_id, "resolve")
    assert (await routing.issue(issue_id)).state == "resolved"
    await routing.environment.sleep(timedelta(days=30))
    names = [recorded.name for recorded in await routing.history(issue_id)]
    assert "Escalated" not in names
    assert "VisitDue" in names, "nobody told the reporter within a working day"


async def test_suspension_stops_the_clock_and_ends_by_itself(routing: Routing) -> None:
    issue_id = await routing.raised()
    await routing.do(issue_id, "accept")
    before = (await routing.issue(issue_id)).running_of("handle")
    now = await routing.environment.get_current_time()
    assert before is not None
    left = calendar().working_between(now, before.due_at)
    await routing.do(issue_id, "suspend", until=now + timedelta(days=7))
    await routing.environment.sleep(timedelta(days=7, seconds=2))
    issue = await routing.issue(issue_id)
    assert issue.state == "in_progress"
    resumed = [recorded for recorded in await routing.history(issue_id) if isinstance(recorded.data, events.Resumed)]
    after = issue.running_of("handle")
    assert after is not None
    assert abs(calendar().working_between(resumed[0].time, after.due_at) - left) < timedelta(seconds=2)


async def test_duplicate_and_stale_signals_change_nothing(routing: Routing) -> None:
    issue_id = await routing.raised()
    versions = len(await routing.history(issue_id))
    for version in (1, 2, 2, 1):
        await routing.timers.wake(issue_id, version)
    await routing.environment.sleep(timedelta(seconds=5))
    assert len(await routing.history(issue_id)) == versions


async def test_an_issue_whose_workflow_was_lost_is_seated_again_and_acts_once(routing: Routing) -> None:
    issue_id = new_id()
    await routing.fact(issue_id, raised_on_the_web())
    await routing.issues.tick(issue_id)
    await routing.environment.sleep(timedelta(days=4))
    assert "Escalated" not in [recorded.name for recorded in await routing.history(issue_id)]
    await routing.timers.seat([issue_id])
    await routing.environment.sleep(timedelta(seconds=5))
    names = [recorded.name for recorded in await routing.history(issue_id)]
    assert names.count("Escalated") == 1, "after an outage an issue climbs one level, not several"


async def test_the_workflow_ends_with_its_issue(routing: Routing) -> None:
    issue_id = await routing.raised()
    await routing.fact(issue_id, intake.IssueWithdrawn())
    await routing.timers.seat([issue_id])
    await routing.temporal.get_workflow_handle(workflow_id(issue_id)).result()
    assert (await routing.issue(issue_id)).state == "closed"


async def test_a_promise_keeps_the_workflow_alive_after_closing(routing: Routing) -> None:
    issue_id = await routing.raised()
    now = await routing.environment.get_current_time()
    await routing.do(issue_id, "resolve", outcome="planned", promised_by=now + timedelta(days=60))
    await routing.fact(issue_id, intake.Rated(rating="satisfied"))
    await routing.timers.seat([issue_id])
    await routing.environment.sleep(timedelta(days=61))
    history = await routing.history(issue_id)
    assert [recorded.name for recorded in history][-2:] == ["Supervised", "VisitDue"]
    assert history[-1].data == events.VisitDue.model_validate(history[-1].data.model_dump())
    await routing.temporal.get_workflow_handle(workflow_id(issue_id)).result()
