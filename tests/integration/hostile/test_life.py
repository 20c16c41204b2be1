"""An issue's life through HTTP: every command in any order, by right and wrong people, seen from outside, against a small model.

`LONG=1` lives many more lives.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.routing.domain.state import Issue
from tests.integration.hostile.background import background
from tests.integration.hostile.life_model import STAFF, UNVERSIONED, VISITS, Model
from tests.integration.hostile.life_office import Desk, desk
from tests.support.life import COUNTY, TOWNSHIP, directory
from tests.support.servers import Servers, fresh_database
from tests.support.size import LONG, full

LIVES = full(300, 4)
STEPS = full(40, 25)
PHASES = (Phase.generate, Phase.shrink) if LONG else (Phase.generate,)
"""A life that went wrong is short enough to be read as it is."""

OTHER_TOWNSHIP, OTHER_COUNTY = "330182105000", "330523000000"
STRANGERS = (
    *(
        next(name for name in sorted(directory().officers) if name.startswith(f"{role}-{OTHER_TOWNSHIP[:9]}"))
        for role in ("cadre", "officer")
    ),
    f"dispatcher-{OTHER_COUNTY}",
    f"supervisor-{OTHER_COUNTY}",
)
"""Staff of other places. Roles that act on no case are `tests/unit/shared/test_access.py`'s."""


@pytest.fixture
def life(servers: Servers, tmp_path: Path) -> Iterator[type["IssueLife"]]:
    servers.start_postgres()
    with fresh_database(servers.layout, "test_life") as database, background() as loop:

        class Life(IssueLife):
            do = staticmethod(loop.do)
            desk = loop.enter(desk(database, tmp_path))

        yield Life


@pytest.mark.timeout(full(7200, 600))
def test_every_life_is_as_the_table_says(life: type["IssueLife"]) -> None:
    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            phases=PHASES,
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much),
        ),
    )


class IssueLife(RuleBasedStateMachine):
    """One issue, from its raising on. `do` runs in the loop of `desk`."""

    do: Any
    desk: Desk

    @initialize()
    def raise_issue(self) -> None:
        self.issue_id, self.token = self.do(self.desk.raised())
        self.model = Model()
        self.version = self.do(self.desk.issue(self.issue_id)).version

    @rule(chance=st.integers(0, 10_000), sees=st.booleans())
    def step(self, chance: int, sees: bool) -> None:
        """Something that the state allows, by somebody who may, and who says which version they saw, or does not."""
        rows = [row for row in STAFF if self.model.possible(row) and not self.is_not_a_villages(row)]
        if rows:
            self.command(rows[chance % len(rows)], sees)

    @rule(row=st.sampled_from(STAFF))
    def command_whatever_the_state_is(self, row: str) -> None:
        if not self.is_not_a_villages(row):
            self.command(row, sees=True)

    def command(self, row: str, sees: bool) -> None:
        answer = self.give_as_entitled(row, {"If-Match": f'"{self.version}"'} if sees else {})
        told = answer.json()
        if self.model.used_up(row):
            assert answer.status_code == 422, (row, answer.text)
        elif not self.model.possible(row):
            self.is_refused_by_the_state(row, answer)
        else:
            assert answer.status_code == 200, (row, answer.text)
            self.model = self.model.after(row)
            assert (told["state"], told["level"]) == (self.model.state, self.model.level), row
            assert answer.headers["etag"] == f'"{told["version"]}"'
            self.moved(row, told["version"])

    @rule(row=st.sampled_from(STAFF), off=st.sampled_from((-1, 1, 7)))
    def command_on_another_version(self, row: str, off: int) -> None:
        """Refused before the state is looked at: who saw something else decides anew."""
        if self.model.used_up(row) or self.is_not_a_villages(row):
            return
        answer = self.give_as_entitled(row, {"If-Match": f'"{self.version + off}"'})
        assert (answer.status_code, answer.json()["code"]) == (412, "version_mismatch"), (row, answer.text)

    @rule(row=st.sampled_from(STAFF), who=st.sampled_from((*STRANGERS, None)))
    def somebody_elses_business(self, row: str, who: str | None) -> None:
        """Refused whatever the state is, and before anything else is looked at."""
        issue = self.do(self.desk.issue(self.issue_id))
        answer = self.give(row, issue, self.desk.office.staff(who) if who else {}, {"If-Match": '"999"'})
        assert answer.status_code == (403 if who else 401), (row, who, answer.text)

    @rule(row=st.sampled_from(("satisfied", "dissatisfied", "reopening", "withdrawal")))
    def reporter(self, row: str) -> None:
        assert self.do(self.desk.say("0" * 32, row)).status_code == 404
        answer = self.do(self.desk.say(self.token, row))
        if not self.model.possible(row):
            assert (answer.status_code, answer.json()["code"]) == (409, "forbidden_by_state"), (row, answer.text)
            return
        assert answer.is_success, (row, answer.text)
        self.do(self.desk.office.settle(self.issue_id))
        self.model = self.model.after(row)
        self.moved(row, self.do(self.desk.issue(self.issue_id)).version)

    @rule()
    def delivered(self) -> None:
        answers = self.model.state == "resolved"
        self.do(self.desk.delivered(self.issue_id))
        self.model = self.model.after("delivered")
        if answers:
            self.version = self.do(self.desk.issue(self.issue_id)).version

    @rule(hours=st.sampled_from((1, 30, 100)))
    def time_passes(self, hours: int) -> None:
        happened = self.do(self.desk.wait(self.issue_id, hours))
        issue = self.do(self.desk.issue(self.issue_id))
        assert issue.state is not None
        assert issue.level is not None
        self.model = self.model.waited(issue.state, issue.level, set(happened))
        self.version = issue.version

    @invariant()
    def tracking_shows_it(self) -> None:
        shown = self.do(self.desk.shown(self.issue_id))
        assert shown.status_code == 200, shown.text
        document = shown.json()
        assert (document["state"], document["level"]) == (self.model.state, self.model.level)
        assert shown.headers["etag"] == f'"{self.version}"'

    @invariant()
    def a_refusal_names_all_that_is_possible(self) -> None:
        """Of three commands that no state allows together, one that this state does not."""
        row = next(row for row in ("accept", "arbitrate", "resume") if not self.model.possible(row))
        self.is_refused_by_the_state(row, self.give_as_entitled(row, {}))

    def is_refused_by_the_state(self, row: str, answer: httpx.Response) -> None:
        assert (answer.status_code, answer.json()["code"]) == (409, "not_possible_in_state"), (row, answer.text)
        assert set(answer.json()["allowed"]) - {"complete-task"} == self.model.allowed(), (row, self.model)

    def moved(self, row: str, version: int) -> None:
        """Check what a success does to the version."""
        assert version == self.version if row in UNVERSIONED else version > self.version, (row, self.version, version)
        self.version = version

    def is_not_a_villages(self, row: str) -> bool:
        """Whether a cadre could never do it, in no state: that is somebody else's business."""
        return row in ("invite", "refer") and self.model.level == "village"

    def give_as_entitled(self, row: str, tag: dict[str, str]) -> httpx.Response:
        issue = self.do(self.desk.issue(self.issue_id))
        return self.give(row, issue, self.desk.office.staff(self.entitled(row, issue)), tag)

    def give(self, row: str, issue: Issue, by: dict[str, str], tag: dict[str, str]) -> httpx.Response:
        answer: httpx.Response = self.do(self.desk.office.give(self.issue_id, VISITS.get(row, row), self.body(row, issue), by=by, **tag))
        assert answer.status_code < 500, answer.text
        return answer

    def entitled(self, row: str, issue: Issue) -> str:
        """An account that may, by domain.md's "Who"."""
        handler = (issue.handler.officer_id if issue.handler else None) or f"dispatcher-{TOWNSHIP}"
        here = f"dispatcher-{COUNTY}" if issue.level == "county" else f"dispatcher-{TOWNSHIP}"
        above = {"village": f"dispatcher-{TOWNSHIP}", "township": f"dispatcher-{COUNTY}", "county": f"supervisor-{COUNTY}"}
        match row:
            case "arbitrate" | "decide-extension":
                return above[self.model.level]
            case "suspend" if self.model.suspensions:
                return above[self.model.level]
            case "reclassify":
                return here
            case "supervise" | "content" | "not_content" | "reopen":
                return f"supervisor-{COUNTY}"
            case _:
                return handler

    def body(self, row: str, issue: Issue) -> dict[str, Any]:
        """Fields that fit the issue as it stands."""
        now = self.desk.office.clock.instant
        handle = issue.running_of("handle")
        unit = issue.handler.unit if issue.handler else ""
        bodies: dict[str, dict[str, Any]] = {
            "report-progress": {"note": "已到现场"},
            "resolve": {"outcome": "solved", "result": "路灯已装好", "evidence": [self.desk.photo()]},
            "request-escalation": {"reason": "需要经费"},
            "return": {"reason": "不属于本单位"},
            "arbitrate": {"unit": unit, "reason": "由该单位负责"},
            "reassign": {"unit": unit, "reason": "换人"},
            "reclassify": {"reason": "更正", "priority": "routine"},
            "invite": {"tasks": [{"unit": "transport", "task": "查看路面", "due_at": (now + timedelta(days=3)).isoformat()}]},
            "suspend": {"condition": "等鉴定报告", "until": (now + timedelta(days=7)).isoformat()},
            "request-extension": {"until": ((handle.due_at if handle else now) + timedelta(days=7)).isoformat(), "reason": "材料晚到"},
            "decide-extension": {"granted": True, "reason": "同意"},
            "refer": {"to": "市水利局", "promised_by": (now + timedelta(days=90)).isoformat()},
            "supervise": {"kind": "urge"},
            "content": {"result": "content"},
            "not_content": {"result": "not_content"},
            "reopen": {"reason": "问题又出现"},
        }
        return bodies.get(row, {})
