"""Planted bugs: for each invariant a mistake in the product's code or in the model's, which the checker must find. Tests alone use them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from services.notify.domain.notice import message_id
from services.routing.domain.settle import settle
from services.tracking.domain.transitions import transition_of
from shared.contracts.intake import IssueRaised
from shared.messaging.subscriber import Subscriber
from tests.faults.simulator.parts import Cell, RoutingWorker
from tests.faults.simulator.people import NAME
from tests.faults.simulator.store import Transaction
from tests.faults.simulator.web import Api

Plant = Callable[[Cell], Any]


@contextmanager
def answers_before_it_commits(cell: Cell) -> Iterator[None]:
    """I1: a commit whose process dies has been answered already: now and then it keeps the answer and forgets the events."""
    commit = Transaction.commit

    def forgetful(self: Transaction) -> None:
        if self.process.kind == "routing-api" and self.appended and cell.loop.random.random() < 0.2:
            self.appended.clear()
        commit(self)

    with patch.object(Transaction, "commit", forgetful):
        yield


@contextmanager
def appends_without_a_fence(cell: Cell) -> Iterator[None]:
    """I2: `log.append` does not compare the head: two replicas write the same version."""
    cell.store.fenced = False
    yield


@contextmanager
def lapses_an_hour_early(cell: Cell) -> Iterator[None]:
    """I3: the timer's clock is an hour ahead of the one clock."""

    def hasty(issue: Any, context: Any) -> Any:
        return settle(issue, replace(context, now=context.now + timedelta(hours=1)))

    with patch("services.routing.handlers.settle", hasty):
        yield


@contextmanager
def closes_unanswered(cell: Cell) -> Iterator[None]:
    """I4: a rating or a withdrawal closes an issue whose reporter was never told."""

    def untold(issue: Any, how: str) -> tuple[()]:
        return ()

    with patch("services.routing.domain.consequences.answer_first", untold):
        yield


@contextmanager
def forgets_timers(cell: Cell) -> Iterator[None]:
    """I4: the consumer `timers` acknowledges what it did not signal, and no overseer looks."""

    async def asleep(self: RoutingWorker) -> None:
        return None

    async def deaf(self: Any, issue_id: str, version: int) -> None:
        return None

    with patch.object(RoutingWorker, "_look", asleep), patch("services.routing.timers.Timers.wake", deaf):
        yield


@contextmanager
def counts_live_alone(cell: Cell) -> Iterator[None]:
    """I5: the live projection leaves out what the rebuild has."""

    def careless(before: Any, after: Any, recorded: Any) -> Any:
        return None if recorded.name == "Accepted" else transition_of(before, after, recorded)

    with patch("services.tracking.projections.transition_of", careless):
        yield


@contextmanager
def new_message_at_each_try(cell: Cell) -> Iterator[None]:
    """I6: the message id holds the try, so that the gateway cannot know a repeat."""

    def fresh(notice: str, channel: Any, round: int) -> str:
        return message_id(f"{notice}{cell.loop.now}", channel, round)

    with patch("services.notify.sending.message_id", fresh):
        yield


@contextmanager
def acknowledges_before_it_commits(cell: Cell) -> Iterator[None]:
    """I7: what a crash takes is never delivered again; all that follows parks for ever."""
    take = Subscriber._take  # pyright: ignore[reportPrivateUsage]

    async def eager(self: Subscriber, messages: Sequence[Any]) -> int:
        for delivery, _ in messages:
            await delivery.ack()
        return await take(self, messages)

    with patch.object(Subscriber, "_take", eager):
        yield


@contextmanager
def audits_beside_the_effect(cell: Cell) -> Iterator[None]:
    """I8: the entry is no part of the command's transaction, and is forgotten."""
    once = Api.once

    async def careless(self: Api, request: str, key: str, action: str, work: Any) -> Any:
        async def alone(session: Transaction) -> Any:
            answer = await work(session)
            session.put = lambda table, *row: None if table == "audit" else Transaction.put(session, table, *row)  # type: ignore[method-assign]
            return answer

        return await once(self, request, key, action, alone)

    with patch.object(Api, "once", careless):
        yield


@contextmanager
def tells_the_name(cell: Cell) -> Iterator[None]:
    """I9: the reporter's name stands in the title."""
    dump = IssueRaised.model_dump

    def indiscreet(self: IssueRaised, **how: Any) -> Any:
        found = dump(self, **how)
        return found | {"title": f"{NAME}：{found['title']}"}

    with patch.object(IssueRaised, "model_dump", indiscreet):
        yield


PLANTED: dict[str, tuple[str, Plant]] = {
    "answers before it commits": ("I1", answers_before_it_commits),
    "appends without a fence": ("I2", appends_without_a_fence),
    "lapses an hour early": ("I3", lapses_an_hour_early),
    "closes unanswered": ("I4", closes_unanswered),
    "forgets timers": ("I4", forgets_timers),
    "counts live alone": ("I5", counts_live_alone),
    "new message at each try": ("I6", new_message_at_each_try),
    "acknowledges before it commits": ("I7", acknowledges_before_it_commits),
    "audits beside the effect": ("I8", audits_beside_the_effect),
    "tells the name": ("I9", tells_the_name),
}
"""The invariant that each breaks, and the mistake."""
