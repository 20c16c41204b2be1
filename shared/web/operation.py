"""What operators are shown of a service: what can fall behind in it, and where its work on an issue can be followed."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.eventlog import relay_lag
from shared.messaging.inbox import TABLES

Text = tuple[str, str]
"""zh-CN, en."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A measure now. `count` says how many things a time in `value` is about."""

    value: float
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that can fall behind, as the service can read it of itself.

    Args:
        name: stable, for the API.
        unit: what `value` is.
        good_up_to: the largest value that asks for nothing.
        title: what it is.
        advice: what to do when it is more.
        read: asks the service's own database.
        page: where it can be dealt with, if there is a page.
    """

    name: str
    unit: Literal["seconds", "count"]
    good_up_to: float
    title: Text
    advice: Text
    read: Callable[[AsyncSession], Awaitable[Reading]]
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What one service tells operators.

    Args:
        durables: its consumers in JetStream.
        measures: its own, beside those of every service.
        find: the id of an issue by its number, where the service knows numbers.
        workflow: the address of an issue's workflow on Temporal's pages, where these are configured.
    """

    durables: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    find: Callable[[AsyncSession, str], Awaitable[str | None]] | None = None
    workflow: Callable[[str], str] | None = None


async def _relay(session: AsyncSession) -> Reading:
    lag = await relay_lag(session)
    return Reading(lag.seconds, lag.waiting)


async def _parked(session: AsyncSession) -> Reading:
    parked = TABLES.parked.c
    asked = select(func.coalesce(func.extract("epoch", func.clock_timestamp() - func.min(parked.parked_at)), 0), func.count())
    seconds, count = (await session.execute(asked.select_from(TABLES.parked))).one()
    return Reading(float(seconds), count)


async def _dead_letters(session: AsyncSession) -> Reading:
    asked = select(func.count()).select_from(TABLES.dead_letters).where(TABLES.dead_letters.c.settled_at.is_(None))
    return Reading((await session.execute(asked)).scalar_one())


RELAY = Measure(
    "relay",
    "seconds",
    10,
    ("已写入、还没有发布的事件", "Events that are written and not published yet"),
    (
        "用 huiyin status 看看,relay 或 NATS 停了就启动它;积压会自己发出去。见 deploy/operating-pages.md。",
        "See huiyin status: start relay or NATS if one is down; the backlog goes out by itself. deploy/operating-pages.md.",
    ),
    _relay,
)
"""The same for all services: each may ask the log."""

OF_EVERY_SERVICE = (
    Measure(
        "parked",
        "seconds",
        60,
        ("等前一个事件的事件", "Events that wait for an earlier one"),
        (
            "多半是前面有一个处理不了的事件:先在下面决定它。见 deploy/operating-pages.md。",
            "Most often a dead letter stands before them: decide on it below. deploy/operating-pages.md.",
        ),
        _parked,
    ),
    Measure(
        "dead_letters",
        "count",
        0,
        ("处理不了的事件", "Dead letters"),
        (
            "看内容和原因;原因排除后重新处理,实在不行才跳过,都要写理由。见 deploy/operating-pages.md。",
            "Look at each and at why; replay it once the cause is mended, discard it only if that cannot be. deploy/operating-pages.md.",
        ),
        _dead_letters,
    ),
)

CONSUMER_GOOD_UP_TO = 200
"""Events: one batch of a subscriber."""
CONSUMER: tuple[Text, Text] = (
    ("还没有处理的事件", "Events that are still to be taken"),
    (
        "数字在变小就等一等;不变就看 huiyin status 和这个服务的日志。见 deploy/operating-pages.md。",
        "Wait while it falls; if it does not, see huiyin status and this service's log. deploy/operating-pages.md.",
    ),
)
"""Title and advice for a durable's backlog."""


def is_good(value: float | None, good_up_to: float) -> bool:
    """Whether a reading asks for nothing; one that cannot be taken does."""
    return value is not None and not math.isnan(value) and value <= good_up_to
