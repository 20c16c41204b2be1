"""The shapes of what the API answers."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel


class HandlerView(BaseModel):
    """Who is in charge: the unit, and the officer by post. `officer_id` and `name` are null where nobody is on duty."""

    officer_id: str | None
    name: str | None
    unit: str
    unit_name: str


class PublicHandler(BaseModel):
    """Who is in charge, as the reporter sees it: the unit, and the officer by post, null where nobody is on duty."""

    unit: str
    unit_name: str
    name: str | None


class DeadlineView(BaseModel):
    """A running deadline. `left_text` is what is left of it in its own time, in words; null where it is over."""

    deadline_id: str
    kind: str
    text: str
    due_at: datetime
    left_text: str | None
    warned: bool


class IssueView(BaseModel):
    """An issue as staff see it in the ledger. `due_at` is the soonest running deadline; `version` is the ETag.

    `supervised` holds the steps taken since it came to whoever has it now: `urge`, `notice`, `criticism`.
    """

    issue_id: str
    number: str
    title: str
    region: str
    region_name: str
    channel: str
    category: str
    category_text: str
    topic: str
    topic_text: str
    priority: str
    reporter: str
    reporter_text: str
    first_receiver: HandlerView | None
    state: str
    state_text: str
    level: str | None
    level_text: str | None
    handler: HandlerView | None
    deadlines: list[DeadlineView]
    due_at: datetime | None
    overdue_since: datetime | None
    warned: bool
    supervised: list[str]
    raised_at: datetime
    occurred_at: datetime | None
    assigned_at: datetime | None
    accepted_at: datetime | None
    resolved_at: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    outcome_text: str | None
    result: str | None
    promised_by: datetime | None
    rating: str | None
    how: str | None
    resolutions: int
    escalations: int
    labels: list[str]
    version: int


class MomentView(BaseModel):
    """An event of the timeline: what happened, the sentence to it (empty where that is all), and the facts it was made from."""

    version: int
    event: str
    at: datetime
    title: str
    text: str
    facts: dict[str, Any]


class IssueWithTimeline(IssueView):
    """One issue, with everything that happened."""

    timeline: list[MomentView]


class Ledger(BaseModel):
    """A page of the ledger. `counts` (by state, whatever states were asked for) and `total` come with the first page only."""

    items: list[IssueView]
    next_cursor: str | None
    counts: dict[str, int] | None
    total: int | None


class PublicDeadline(BaseModel):
    """A deadline as the reporter sees it, and what follows if it is missed.

    `left_text` is what is left of it in its own time (working days where it counts them), in the largest unit, rounded down; null where it
    is over. `used_text` of `whole_text` is used, `used_percent` of it; null where it has no length.
    """

    kind: str
    text: str
    due_at: datetime
    left_text: str | None
    used_text: str | None
    whole_text: str | None
    used_percent: int | None
    if_missed: str | None


class Place(BaseModel):
    """A level of the ladder where the issue is: the region's name, and what one calls the level there (`镇`, `乡`, `街道`)."""

    level: str
    name: str
    word: str


class PublicAction(BaseModel):
    """What the reporter may do now: POST to `url`."""

    action: str
    url: str


class PublicView(BaseModel):
    """An issue as its reporter sees it, in plain words. Nothing that staff say to each other.

    `soon`: three quarters of a running deadline's time are used; `overdue_since`: a deadline was missed and is still owed; `paused_text`:
    what a pause has kept of the working time.
    """

    number: str
    places: list[Place]
    reporter: str
    title: str
    category: str
    category_text: str
    topic: str
    topic_text: str
    state: str
    state_text: str
    level: str | None
    level_text: str | None
    handler: PublicHandler | None
    due_at: datetime | None
    soon: bool
    overdue_since: datetime | None
    paused_text: str | None
    deadlines: list[PublicDeadline]
    if_missed: str | None
    raised_at: datetime
    resolved_at: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    outcome_text: str | None
    result: str | None
    promised_by: datetime | None
    rating: str | None
    actions: list[PublicAction]
    timeline: list[MomentView]


class BoardItem(BaseModel):
    """An issue on the public board. Where its topic shows the category only, everything but category, state and level is null.

    `due_at` is when it is to be settled, or what else is owed next; `left_text` is what is left until then, in the deadline's own time.
    `changed_at` is when it came to stand as it does.
    """

    number: str | None
    title: str | None
    category: str
    category_text: str
    topic: str | None
    topic_text: str | None
    state: str
    state_text: str
    level: str | None
    level_text: str | None
    region_name: str | None
    unit_name: str | None
    raised_at: datetime | None
    due_at: datetime | None
    left_text: str | None
    soon: bool | None
    overdue_since: datetime | None
    closed_at: datetime | None
    changed_at: datetime | None
    outcome: str | None
    outcome_text: str | None
    result: str | None


class BoardTopic(BaseModel):
    """A topic that a board can be narrowed to."""

    code: str
    text: str


class Board(BaseModel):
    """A page of a region's public board.

    `counts` (by state) and `overdue` are of everything that the other filters leave, whatever `standing` was asked for; `pages` are
    of what was asked for.
    """

    region: str
    region_name: str
    items: list[BoardItem]
    page: int
    pages: int
    counts: dict[str, int]
    overdue: int
    topics: list[BoardTopic]
