"""Who is at work on the stack: reporters and staff with their issues, an administrator, and an integrator who reads the events."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.photo import photo
from deploy.demo.player import View
from services.routing.domain.default_policy import DEFAULT_RULES
from tests.faults.client import Ask, Client
from tests.faults.deeds import COUNTY, PICTURE, REPORTER, TOWNSHIP, VILLAGES, Deed, deed

BRIEF = "brief"
"""The label of issues whose clocks run out within a schedule; all others have working days."""

SLA = "/api/routing/v1/sla"
CALENDAR = "/api/routing/v1/calendars/cn"

REST = (0.1, 0.9)
"""Seconds between two deeds about one issue, at least and at most: time to read, and for somebody else to be faster."""


def rules(handle: int) -> list[dict[str, Any]]:
    """The policy of the fault stacks: the default one, and seconds for every clock of brief issues, `handle` of them to handle one."""
    seconds = {"accept": 3, "handle": handle, "arbitration": 3, "interim": 6, "answer": 5, "rating": 3, "visit": 4, "visit_again": 5}
    others = {"extension": 3, "supervise_notice": 4, "supervise_criticism": 8, "supervision_gap": 1, "grace": 2}
    brief = {name: {"amount": amount, "unit": "seconds"} for name, amount in {**seconds, **others}.items()}
    return [*(rule.model_dump(mode="json") for rule in DEFAULT_RULES), {"rule": BRIEF, "match": {"label": BRIEF}, "set": brief}]


@dataclass
class Matter:
    """One issue and everybody who has to do with it.

    Args:
        client: the way to the gateway.
        name: tells it from every other one on this stack; part of every key.
        seed: decides what it is about, and what is done at each step.
    """

    client: Client
    name: str
    seed: str
    village: str = field(init=False)
    body: dict[str, Any] = field(init=False)
    receiver: str = field(init=False)
    issue_id: str | None = None
    number: str | None = None
    token: str | None = None
    refused: bool = False

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        self.village = rng.choice(VILLAGES)
        conduct = rng.random() < 0.1
        staff = f"officer-{TOWNSHIP}" if conduct else f"cadre-{self.village}"
        self.receiver = "anonymous" if rng.random() < 0.25 else staff
        self.body = {
            "village_code": self.village,
            "channel": "web" if self.receiver == "anonymous" else "home_visit",
            "category": "conduct" if conduct else rng.choice(("hardship", "shortcoming", "proposal")),
            "topic": rng.choice(("street_light", "road")),
            "title": "村口路灯不亮",
            "narrative": f"金丝雀巷{rng.randrange(10**6):06d}号,晚上看不见路。",
            "priority": rng.choice(("routine", "routine", "urgent")),
        }
        if rng.random() < 0.2:
            self.body["anonymous"] = True
        else:
            # The endings make the sink refuse, falter, forget the receipt, tell of a failure, or send it twice.
            ending = rng.choice(("9999", "9998", "9997", "0001", "0002", "0003", "0004", "0005"))
            self.body["reporter"] = {"name": f"金丝雀{rng.randrange(10**6):06d}", "phone": f"13{rng.randrange(10**5):05d}{ending}"}
        labels = [BRIEF] if rng.random() < 0.7 else []
        if self.receiver != "anonymous":
            self.body["labels"] = labels
            if rng.random() < 0.1:
                self.body["resolved_on_the_spot"] = {"outcome": "explained", "result": "已当场说明。"}

    async def live(self, stop: asyncio.Event) -> None:
        """Raise it, and go on with it until `stop`."""
        await self.ask_to_raise()
        step = 0
        while not stop.is_set() and not self.refused:
            step += 1
            rng = random.Random(f"{self.seed}/{step}")
            await rest(stop, rng.uniform(*REST))
            if self.token is None:
                await self.ask_to_raise()
                continue
            if rng.random() < 0.05:
                await self._look_up(step)
            view = await self.view()
            if view is None or stop.is_set():
                continue
            done = deed(view, self.village, self.body["category"] == "conduct", rng)
            if done is not None:
                await self._do(done, step)

    async def view(self) -> View | None:
        """The issue as the county's supervisor sees it; None where nobody answers, or tracking has not heard of it."""
        answer = await self.client.look(f"/api/tracking/v1/issues/{self.issue_id}", by=f"supervisor-{COUNTY}")
        if answer is None or answer.status_code != 200 or answer.json().get("state") is None:
            return None
        body = answer.json()
        return View(body["state"], body["level"], body["version"], body)

    async def ask_to_raise(self) -> None:
        """Raise it, with the same key each time, unless its answer is known."""
        if self.token is not None or self.refused:
            return
        raised = await self.client.ask(Ask("raise", self.receiver, "/api/intake/v1/issues", self.body, self._key("raise")))
        if raised is None:
            return
        if not raised.ok or raised.body is None:
            self.refused = True
            return
        self.issue_id, self.number = str(raised.body["issue_id"]), str(raised.body["number"])
        self.token = str(raised.body["tracking_url"]).rstrip("/").rpartition("/")[2]

    async def withdraw(self, attempt: int) -> bool:
        """Withdraw it, whatever its state. Returns whether that is over: while a consequence is pending intake refuses.

        One that intake does not know any more cannot be withdrawn, and the checker says that it was lost.
        """
        ask = Ask("withdrawal", REPORTER, self._public("withdrawal"), {}, self._key("end", attempt), self.issue_id)
        entry = await self.client.ask(ask)
        return entry is not None and (entry.ok or entry.status == 404)

    async def _look_up(self, step: int) -> None:
        phone = self.body.get("reporter", {}).get("phone", "00000000000")
        body = {"number": self.number, "phone_last4": phone[-4:]}
        await self.client.ask(Ask("lookup", "anonymous", "/api/intake/v1/lookup", body, self._key("lookup", step)))

    async def _do(self, done: Deed, step: int) -> None:
        body: Mapping[str, Any] = done.body
        if PICTURE in body.get("evidence", ()):
            upload = Ask("upload", done.actor, "/api/intake/v1/attachments", photo(step), self._key("upload", step))
            stored = await self.client.ask(upload)
            if stored is None or not stored.ok or stored.body is None:
                return
            body = {**body, "evidence": [stored.body["receipt"]]}
        of_reporter = done.actor == REPORTER
        path = self._public(done.command) if of_reporter else f"/api/routing/v1/issues/{self.issue_id}/{done.command}"
        key = self._key(done.command, step)
        await self.client.ask(Ask(done.command, done.actor, path, body, key, self.issue_id, if_match=None if of_reporter else done.seen))

    def _public(self, command: str) -> str:
        return f"/api/intake/v1/public/{self.token}/{command}"

    def _key(self, *parts: object) -> str:
        return "-".join((self.name, *map(str, parts)))


@dataclass
class Administrator:
    """Drafts and publishes policies, and changes calendar days, each with a roll-out to open issues.

    Args:
        client: the way to the gateway.
        name: part of every key.
        seed: decides.
    """

    client: Client
    name: str
    seed: str

    async def live(self, stop: asyncio.Event) -> None:
        """One change every few seconds until `stop`."""
        step = 0
        while not stop.is_set():
            step += 1
            rng = random.Random(f"{self.seed}/{step}")
            await rest(stop, rng.uniform(1, 6))
            if stop.is_set():
                return
            if rng.random() < 0.5:
                await self.publish(step, rng.randint(4, 7), rng.choice(("keep", "recompute", "recompute_if_better")))
            else:
                await self._close_day(step, f"2027-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}")

    async def publish(self, step: int, handle: int, mode: str) -> bool:
        """Draft as one administrator, publish as the other. Returns whether it was published."""
        body = {"note": f"{handle} s", "rules": rules(handle)}
        drafted = await self.client.ask(Ask("begin-draft", "admin", f"{SLA}/policies/drafts", body, f"{self.name}-draft-{step}"))
        if drafted is None or not drafted.ok or drafted.body is None:
            return False
        path = f"{SLA}/policies/drafts/{drafted.body['draft_id']}/publish"
        publish = Ask("publish-policy", "admin2", path, {"open_issues": mode}, f"{self.name}-publish-{step}", if_match=1)
        published = await self.client.ask(publish)
        return published is not None and published.ok

    async def _close_day(self, step: int, day: str) -> None:
        found = await self.client.look(CALENDAR, by="admin")
        if found is None or found.status_code != 200:
            return
        overrides = [*found.json()["overrides"][-20:], {"region": COUNTY[:6], "day": day, "kind": "closed", "note": "台风"}]
        unique = list({(each["region"], each["day"]): each for each in overrides}.values())
        body = {"note": "台风", "overrides": unique}
        key, version = f"{self.name}-calendar-{step}", int(found.headers["ETag"].strip('"'))
        await self.client.ask(Ask("change-calendar", "admin", CALENDAR, body, key, method="PUT", if_match=version))


def told(client: Client, since: int) -> Counter[str]:
    """How the requests since the record's entry `since` ended."""
    counts: Counter[str] = Counter()
    for entry in client.record.entries[since:]:
        counts["requests"] += 1
        counts["unanswered" if entry.status is None else "failed" if entry.unknown else "done" if entry.ok else "refused"] += 1
    return counts


async def rest(stop: asyncio.Event, seconds: float) -> None:
    """Wait that long, or until `stop`."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
