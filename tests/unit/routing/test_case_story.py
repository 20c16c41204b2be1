"""What the events of an issue tell those who handle it: its stays, tasks, files, changes, and what will happen by itself."""

from itertools import pairwise

import pytest

from services.routing.domain import commands as ask
from services.routing.domain.authority import entitled
from services.routing.domain.decide import decide
from services.routing.domain.dossier import changes, files, joint_tasks
from services.routing.domain.event_words import EVENT_WORDS
from services.routing.domain.life import POSSIBLE_IN
from services.routing.domain.prospects import prospects
from services.routing.domain.state import UNVERSIONED
from services.routing.domain.stays import days_off, local_day, stays
from services.routing.entrypoints.level_names import level_names
from shared.contracts import EVENTS, intake
from shared.contracts.values import Evidence
from shared.regions import Regions
from tests.support.life import DEMO, MONDAY, PHOTO, VILLAGE, Life, actor, calendar, directory, example, in_state

DAY = 27000


def test_stays_tell_level_time_and_why_each_ended() -> None:
    life = Life().raised().ok("accept").pass_time(working_days=5).ok("accept").pass_time(working_days=2).ok("suspend")
    life.pass_time(days=7).pass_time(working_days=1).ok("request-escalation")
    first, second, third = stays(life.history)
    assert [stay.level for stay in (first, second, third)] == ["village", "township", "county"]
    assert (first.how, second.how, third.how) == ("handle_deadline_missed", "requested", None)
    assert first.used(calendar(), life.now) == 5 * DAY
    assert second.used(calendar(), life.now) == 3 * DAY, "the pause is not counted"
    assert [(end - begin).days for begin, end in second.pauses if end] == [7]
    assert all(before.ended == after.began for before, after in pairwise((first, second, third)))
    life.ok("resolve")
    assert stays(life.history)[-1].how == "resolved"


def test_days_off_are_weekends_and_holidays() -> None:
    days = days_off(calendar(), local_day(MONDAY), local_day(MONDAY.replace(day=8)))
    assert [day.isoformat() for day in days] == ["2026-03-07", "2026-03-08"]
    assert days_off(calendar(), local_day(MONDAY), local_day(MONDAY.replace(year=2030))) == []


def test_tasks_are_open_late_or_done() -> None:
    life = in_state("in_progress", "township")
    tasks = tuple(ask.Invitation(unit, "查看", life.now.replace(day=5 + index)) for index, unit in enumerate(("transport", "construction")))
    life.ok("invite", tasks=tasks)
    late, other = joint_tasks(life.history)
    assert (late.state, other.state) == ("open", "open")
    life.ok("complete-task", task_id=other.task.task_id, by=str(other.task.handler.officer_id)).pass_time(days=4)
    late, other = joint_tasks(life.history)
    assert (late.state, other.state, other.result) == ("lapsed", "done", "已查看")


def test_files_come_from_raising_progress_and_resolution() -> None:
    def photo(name: str) -> Evidence:
        return PHOTO.model_copy(update={"attachment_id": name})

    life = Life().raised(evidence=(photo("before"),)).fact(intake.AttachmentAdded(evidence=photo("more"))).ok("accept")
    life.ok("report-progress", evidence=(photo("during"),)).ok("resolve", evidence=(photo("after"),))
    assert [(file.evidence.attachment_id, file.source) for file in files(life.history)] == [
        ("before", "raised"),
        ("more", "added"),
        ("during", "progress"),
        ("after", "resolution"),
    ]


def test_changes_since_a_version_leave_out_what_no_decision_depends_on() -> None:
    life = Life().raised()
    seen = life.issue.version
    life.ok("report-progress").ok("accept")
    (change,) = changes(life.history, seen)
    assert (change.event, change.by) == ("Accepted", life.issue.handler and life.issue.handler.officer_id)
    assert changes(life.history, life.issue.version) == []


def test_every_event_that_changes_a_version_has_a_name() -> None:
    of_issues = {name for name, event in EVENTS.items() if event.aggregate == "issue"}
    assert set(EVENT_WORDS) == of_issues - UNVERSIONED - {"IssueRaised"}


@pytest.mark.parametrize("level", ["village", "township", "county"])
def test_what_was_foretold_is_what_happens(level: str) -> None:
    life = in_state("in_progress", level)
    told = list(prospects(life.issue, life.context))
    (handle,) = [one for one in told if one.kind == "handle"]
    life.until(handle.at)
    if level == "county":
        assert "催办" in handle.text[0]
        notice, criticism = (next(one for one in told if one.kind == kind).at for kind in ("supervise_notice", "supervise_criticism"))
        running = {deadline.kind: deadline.due_at for deadline in life.issue.running}
        assert (running["supervise_notice"], running["supervise_criticism"]) == (notice, criticism)
    else:
        assert {"township": "镇", "county": "县"}[str(life.issue.level)] in handle.text[0]


@pytest.mark.parametrize("state", ["assigned", "in_progress", "suspended", "resolved", "visit_due"])
def test_a_button_is_there_for_whom_the_command_would_be_taken(state: str) -> None:
    """By everybody who has a post around this issue: entitled, or refused as not in charge."""
    life = in_state(state, "township")
    for name in POSSIBLE_IN:
        if name == "complete-task":
            continue
        for officer in directory().officers.values():
            if officer.officer_id.endswith(("330182104000", "330182000000", "330182104228")):
                who = actor(officer.officer_id)
                refusal = decide(life.issue, example(name, life), who, life.context, expected_version=None).refusal
                assert entitled(who, name, life.issue) == (refusal is None or refusal.code != "not_in_charge"), (name, officer.officer_id)


def test_levels_are_called_as_the_place_itself_is() -> None:
    regions = Regions.load(DEMO / "regions.csv")
    assert level_names(regions, VILLAGE, "zh-CN") == {"village": "村", "township": "镇", "county": "市"}
    assert level_names(regions, VILLAGE, "en")["county"] == "County"
