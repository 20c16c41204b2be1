"""Routing's tables: the only place. They stand in the schema `routing`, which is the search path of the role `routing`."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class RoutingTable(SQLModel, registry=registry()):
    """Base of routing's tables, with metadata of their own: another service may have a table of the same name."""


class Account(RoutingTable, table=True):
    """Somebody who can sign in. `username` is also the `officer_id` of those who stand in the directory.

    Without `password_hash` (argon2id, PHC string) the account cannot sign in here; an external OpenID provider may still vouch for it.
    """

    __tablename__ = "accounts"  # pyright: ignore[reportAssignmentType]

    username: str = Field(primary_key=True)
    password_hash: str | None = None
    name: str
    role: str
    regions: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    units: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    email: str | None = None
    active: bool = True
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    changed_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class SignInFailures(RoutingTable, table=True):
    """Failed sign-ins of late, by `account:<name>` and by `address:<ip>`. Unknown names are counted like known ones."""

    __tablename__ = "sign_in_failures"  # pyright: ignore[reportAssignmentType]

    source: str = Field(primary_key=True)
    failures: int
    last_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    locked_until: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class BrowserSession(RoutingTable, table=True):
    """A browser in which somebody is signed in. `digest` is the SHA-256 of the cookie's secret, which is kept nowhere.

    `id_token` is the OpenID provider's word for them, by which it knows the session that is to end; null: they gave a password.
    """

    __tablename__ = "browser_sessions"  # pyright: ignore[reportAssignmentType]

    digest: str = Field(primary_key=True)
    username: str = Field(foreign_key="accounts.username")
    browser: str
    begun_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    seen_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    id_token: str | None = None


class OpenIdAttempt(RoutingTable, table=True):
    """A browser that was sent to the OpenID provider and has not come back. `digest` is the SHA-256 of its cookie's secret.

    `state`, `nonce` and `verifier` (PKCE) are what the provider's answer must fit; `onward` is the page to go on to.
    """

    __tablename__ = "openid_attempts"  # pyright: ignore[reportAssignmentType]

    digest: str = Field(primary_key=True)
    state: str
    nonce: str
    verifier: str
    onward: str
    begun_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class IssueRow(RoutingTable, table=True):
    """The present state of an issue, written in the same transaction as its events: for worklists, previews and the overdue gauge.

    `due_at` is the soonest running deadline, `next_at` when something happens by itself (a deadline or a warning); both are null when
    nothing runs.
    `clocks` is what a roll-out needs to know of the deadlines (`services.routing.snapshot`); null: it must read the stream.
    `task_units` are the units with open tasks. `awaits_role` and `awaits_region` name who has to decide (an arbitration, an extension).
    """

    __tablename__ = "issues"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("issues_officer", "officer_id", "due_at", postgresql_where=text("state <> 'closed'")),
        Index("issues_unit", "unit", "due_at", postgresql_where=text("state <> 'closed'")),
        Index("issues_visit", "first_receiver", postgresql_where=text("state = 'visit_due'")),
        Index("issues_tasks", "task_units", postgresql_using="gin", postgresql_where=text("state <> 'closed'")),
        Index("issues_awaits", "awaits_region", "awaits_role", postgresql_where=text("awaits_role IS NOT NULL")),
        Index("issues_next", "next_at", postgresql_where=text("next_at IS NOT NULL")),
        Index("issues_number", "number"),
        Index("issues_open", "state", "level", postgresql_where=text("state <> 'closed'")),
    )

    issue_id: str = Field(primary_key=True)
    number: str
    village: str
    channel: str
    category: str
    topic: str
    title: str
    priority: str
    labels: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    state: str
    level: str | None = None
    unit: str | None = None
    officer_id: str | None = None
    first_receiver: str | None = None
    task_units: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    awaits_role: str | None = None
    awaits_region: str | None = None
    due_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    next_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    policy_version: int | None = None
    clocks: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    correlation_id: str | None = None
    version: int
    stream_version: int
    raised_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class SavedFilter(RoutingTable, table=True):
    """A filter of the worklist that somebody gave a name; `filter` holds what it narrows. A name is one's own once."""

    __tablename__ = "saved_filters"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (UniqueConstraint("username", "name"),)

    filter_id: str = Field(primary_key=True)
    username: str
    name: str
    filter: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))


class PolicyDraft(RoutingTable, table=True):
    """A policy that is being written. `version` counts its changes (optimistic locking); `by` wrote the last one."""

    __tablename__ = "policy_drafts"  # pyright: ignore[reportAssignmentType]

    draft_id: str = Field(primary_key=True)
    note: str
    rules: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    based_on: int | None = None
    version: int
    by: str
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    changed_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Rollout(RoutingTable, table=True):
    """A roll-out of a policy or calendar version to the open issues.

    `state`: waiting (for `begins_at`), running, paused, done, cancelled. `total` is known once it is planned; `moved`, `unchanged` and
    `failed` count issues that were reached. `rate` is the most issues in a second. `beat_at` is the last step; `swept`: at the end it was
    looked for issues that were decided by the former rules meanwhile.
    """

    __tablename__ = "rollouts"  # pyright: ignore[reportAssignmentType]

    rollout_id: str = Field(primary_key=True)
    policy_version: int
    calendar_version: int | None = None
    mode: str
    reason: str
    by: str
    state: str
    rate: int
    total: int | None = None
    moved: int = 0
    unchanged: int = 0
    failed: int = 0
    swept: bool = False
    beat_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    begins_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    ended_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))

    @property
    def reached(self) -> int:
        """How many issues had their turn."""
        return self.moved + self.unchanged + self.failed


class RolloutIssue(RoutingTable, table=True):
    """One issue of a roll-out. `place` is its turn: the soonest new deadline first.

    `outcome` is moved, unchanged or failed; null: its turn is to come. `wake_at` is its next instant, where that came forward and its
    workflow does not know yet.
    """

    __tablename__ = "rollout_issues"  # pyright: ignore[reportAssignmentType]

    rollout_id: str = Field(primary_key=True)
    place: int = Field(primary_key=True)
    issue_id: str
    outcome: str | None = None
    error: str | None = None
    wake_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
