"""Plays one matter: looks where it stands, does what its script says for that, and looks again.

What is to be done follows from how the issue stands alone, and every request carries a key made from the run and the matter. So a demo
that was killed goes on where it was, and nothing is done twice.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from deploy.demo.matters import Matter
from deploy.demo.photo import photo
from deploy.demo.staff import Api, DemoFailed
from shared.regions import at_level

LOOK_EVERY, SELDOM = 0.4, 1.2
"""Seconds between two looks at an issue: after something happened, and when nothing has for a while. Fourteen look side by side."""

SUSPENDED_FOR = timedelta(seconds=3)
FAR = timedelta(days=30)
"""A promise that will not lapse while the demo is looked at."""

OVERDUE = 300.0
"""Seconds after which a matter that does not move is given up."""

CONSULTED = ("agriculture", "water", "culture_tourism", "natural_resources", "transport")
"""County units that are invited for a joint handling: the first three that are not the lead."""

Told = Callable[[Matter, str], None]
"""Told of each step, for the progress display."""


@dataclass(frozen=True, slots=True)
class View:
    """An issue as tracking shows it to the county's supervisor."""

    state: str
    level: str | None
    version: int
    body: Mapping[str, Any]

    @property
    def stand(self) -> tuple[str, str | None, int]:
        """Changes with everything that happens: what was done for a stand need not be done again."""
        return self.state, self.level, len(self.body["timeline"])

    @property
    def events(self) -> list[str]:
        """Names of the events so far, oldest first."""
        timeline = sorted(self.body["timeline"], key=lambda entry: entry["version"])
        return [str(entry["event"]) for entry in timeline]

    def data_of(self, event: str) -> list[Mapping[str, Any]]:
        """What the events of that name carry."""
        return [entry["facts"] for entry in self.body["timeline"] if entry["event"] == event]

    def times(self, event: str) -> int:
        """How often an event happened."""
        return self.events.count(event)


@dataclass
class Player:
    """One matter on its way."""

    api: Api
    matter: Matter
    run: str
    told: Told
    issue_id: str = ""
    number: str = ""
    tracking_url: str = ""

    async def play(self) -> dict[str, Any]:
        """From raising to the end. Returns the row of the report."""
        started = time.monotonic()
        await self._raise()
        view = await self._view()
        acted_on, moved, wait = None, time.monotonic(), LOOK_EVERY
        while not self._finished(view):
            if view.stand != acted_on:
                self.told(self.matter, view.state if view.level is None else f"{view.level}: {view.state}")
                await self._next(view)
                acted_on, moved, wait = view.stand, time.monotonic(), LOOK_EVERY
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, SELDOM)
            view = await self._view()
            if time.monotonic() - moved > OVERDUE:
                raise DemoFailed(f"matter {self.matter.no} stands still at {view.level} {view.state}")
        self.told(self.matter, "closed")
        return self._row(view, time.monotonic() - started)

    async def _raise(self) -> None:
        matter = self.matter
        body: dict[str, Any] = {
            "village_code": matter.village,
            "channel": matter.channel,
            "category": matter.category,
            "topic": matter.topic,
            "title": matter.title,
            "narrative": matter.narrative,
            "priority": "routine",
            "labels": [matter.label],
        }
        if matter.anonymous:
            body["anonymous"] = True
        else:
            body["reporter"] = {"name": f"演示{matter.no}号", "phone": f"13900{matter.no:03d}999"}
        if matter.on_the_spot:
            body["resolved_on_the_spot"] = {"outcome": matter.outcome, "result": "已当场向群众说明并办结。"}
        answer = await self.api.post("/api/intake/v1/issues", body, by=matter.receiver, key=self._key("raise"))
        if answer.status_code != 201:
            raise DemoFailed(f"matter {matter.no} was not taken: {answer.status_code} {answer.text}")
        raised = answer.json()
        self.issue_id, self.number, self.tracking_url = raised["issue_id"], raised["number"], raised["tracking_url"]

    async def _view(self) -> View:
        deadline = time.monotonic() + OVERDUE
        while time.monotonic() < deadline:
            answer = await self.api.get(f"/api/tracking/v1/issues/{self.issue_id}", by=self.matter.supervisor)
            if answer.status_code == 200 and answer.json().get("state") is not None:
                body = answer.json()
                return View(body["state"], body["level"], body["version"], body)
            if answer.status_code not in (200, 404):
                raise DemoFailed(f"matter {self.matter.no} cannot be read: {answer.status_code} {answer.text}")
            await asyncio.sleep(LOOK_EVERY)
        raise DemoFailed(f"matter {self.matter.no} never shows in tracking")

    def _finished(self, view: View) -> bool:
        if view.state != "closed":
            return False
        rated = self.matter.on_the_spot and self.matter.rating != "none"
        return not rated or view.times("Rated") > 0

    async def _next(self, view: View) -> None:
        match view.state:
            case "assigned" | "in_progress":
                await self._handle(view)
            case "raised" | "suspended" | "in_arbitration":
                return
            case "referred":
                if "InterimAnswered" in view.events[_last(view.events, "Referred") :]:
                    await self._resolve(view)
            case "answered":
                await self._rate(view)
            case "resolved":
                return
            case "visit_due":
                await self._command(view, "record-return-visit", {"result": "content"}, by=self._first_receiver(view))
            case "closed":
                await self._rate(view)
            case _:
                raise DemoFailed(f"matter {self.matter.no} is in an unknown state: {view.state}")

    async def _handle(self, view: View) -> None:
        level = view.level
        assert level in ("village", "township", "county")
        deed = self.matter.script[level] or "resolve"
        handler = self.matter.handler(level)
        if deed == "lapse_accept":
            return
        if view.state == "assigned":
            await self._command(view, "accept", {}, by=handler)
        elif deed == "ask":
            await self._command(view, "request-escalation", {"reason": "超出本级职权,请上级接手。"}, by=handler)
        elif deed == "joint_resolve":
            await self._jointly(view, handler)
        elif deed == "suspend_resume_resolve" and "Suspended" not in view.events:
            until = (datetime.now(UTC) + SUSPENDED_FOR).isoformat()
            await self._command(view, "suspend", {"condition": "等待用地调整批复", "until": until}, by=handler)
        elif deed == "refer_resolve" and "Referred" not in view.events:
            await self._command(view, "refer", {"to": "上级主管部门", "promised_by": _far()}, by=handler)
        elif deed != "lapse_handle":
            await self._resolve(view)

    async def _jointly(self, view: View, handler: str) -> None:
        county = at_level(self.matter.village, "county")
        if "UnitInvited" not in view.events:
            lead = str(view.body["handler"]["unit"])
            units = [f"{county}/{code}" for code in CONSULTED if f"{county}/{code}" != lead][:3]
            due_at = (datetime.now(UTC) + FAR).isoformat()
            tasks = [{"unit": unit, "task": "一起看现场,提出本部门意见。", "due_at": due_at} for unit in units]
            await self._command(view, "invite", {"tasks": tasks}, by=handler)
            return
        tasks = [task["task_id"] for data in view.data_of("UnitInvited") for task in data["tasks"]]
        done = {data["task_id"] for data in view.data_of("TaskCompleted")}
        for task_id in tasks:
            if task_id not in done:
                body = {"task_id": task_id, "result": "已看现场并书面答复。"}
                await self._command(view, "complete-task", body, by=f"officer-{county}", about=task_id)
        if done.issuperset(tasks):
            await self._resolve(view)

    async def _resolve(self, view: View) -> None:
        assert view.level in ("village", "township", "county")
        outcome = self.matter.outcome
        handler = self.matter.handler(view.level)
        body: dict[str, Any] = {"outcome": outcome, "result": "已按规定办理,结果已告知群众。", "evidence": []}
        if outcome == "solved":
            key = self._key("photo", view.times("Resolved"))
            body["evidence"] = [await self.api.upload(photo(self.matter.no), by=handler, key=key)]
        if outcome in ("planned", "referred"):
            body["promised_by"] = _far()
        await self._command(view, "resolve", body, by=handler)

    async def _rate(self, view: View) -> None:
        rating = self.matter.rating
        if rating == "none":
            return
        if rating == "dissatisfied_then_satisfied":
            rating = "satisfied" if view.times("Reopened") else "dissatisfied"
        token = self.tracking_url.rstrip("/").rpartition("/")[2]
        comment = "问题还在,请再办。" if rating == "dissatisfied" else "谢谢。"
        path = f"/api/intake/v1/public/{token}/rating"
        answer = await self.api.post(
            path, {"rating": rating, "comment": comment}, by=None, key=self._key("rate", rating, view.times("Resolved"))
        )
        if answer.status_code >= 300 and answer.status_code != 409:
            raise DemoFailed(f"matter {self.matter.no} was not rated: {answer.status_code} {answer.text}")

    async def _command(self, view: View, command: str, body: Mapping[str, Any], *, by: str, about: str = "") -> None:
        """Give a command once for how the issue stands, or once for what it is `about`. A refusal says that it stands otherwise by now."""
        path = f"/api/routing/v1/issues/{self.issue_id}/{command}"
        answer = await self.api.post(path, body, by=by, key=self._key(command, about or view.version, body))
        if answer.status_code >= 300 and answer.status_code not in (403, 409, 412):
            raise DemoFailed(f"matter {self.matter.no}, {command}: {answer.status_code} {answer.text}")

    def _first_receiver(self, view: View) -> str:
        receiver = view.body.get("first_receiver")
        return str(receiver["officer_id"]) if receiver and not self.matter.conduct else self.matter.supervisor

    def _key(self, *parts: object) -> str:
        """The idempotency key of one deed in one run."""
        return f"demo-{sha256(repr((self.run, self.matter.no, parts)).encode()).hexdigest()[:32]}"

    def _row(self, view: View, seconds: float) -> dict[str, Any]:
        climbed = [entry["facts"]["to_level"] for entry in view.body["timeline"] if entry["event"] == "Escalated"]
        return {
            "no": self.matter.no,
            "number": self.number,
            "issue_id": self.issue_id,
            "title": self.matter.title,
            "level_final": view.level or "on_the_spot",
            "outcome": view.body["outcome"],
            "escalations": climbed,
            "reopened": view.times("Reopened"),
            "answered": "Answered" in view.events,
            "closed": view.state == "closed",
            "seconds": round(seconds, 1),
        }


def _last(events: list[str], name: str) -> int:
    return len(events) - 1 - events[::-1].index(name)


def _far() -> str:
    return (datetime.now(UTC) + FAR).isoformat()
