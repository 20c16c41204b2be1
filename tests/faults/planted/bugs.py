"""The planted bugs: for each its modules, and what is done to them once they are imported. `names.BUGS` says what each breaks."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.faults.planted.hook import Patch

EARLY = timedelta(seconds=1.5)


def _every(nth: int) -> Callable[[], bool]:
    """Whether it is the turn of the `nth` call, its double, and so on."""
    calls = itertools.count(1)
    return lambda: next(calls) % nth == 0


def _of_every_second(issue_id: str) -> bool:
    """The same half of all issues in every process."""
    return issue_id[-1] in "13579bdf"


def _answers_without_commit(module: Any) -> None:
    turn, pipelined = _every(2), module.pipelined

    @asynccontextmanager
    async def rolled_back(session: Any) -> AsyncIterator[None]:
        async with pipelined(session):
            yield
        await session.rollback()

    def deceiving(session: Any) -> Any:
        return rolled_back(session) if turn() else pipelined(session)

    module.pipelined = deceiving


def _raises_twice(module: Any) -> None:
    turn, raise_issue, new_id = _every(5), module.Handlers.raise_issue, module.new_id

    async def raising(self: Any, session: Any, issue_id: str, *given: Any) -> Any:
        if turn():
            await raise_issue(self, session, new_id(), *given)
        return await raise_issue(self, session, issue_id, *given)

    module.Handlers.raise_issue = raising


def _publishes_a_gap(module: Any) -> None:
    turn, publish = _every(10), module.StreamCopy.publish

    async def publishing(self: Any, events: Any, *, after: int) -> int:
        return await publish(self, [event for event in events if not turn()], after=after)

    module.StreamCopy.publish = publishing


def _swaps_messages(module: Any) -> None:
    publish = module.StreamCopy.publish

    async def publishing(self: Any, events: Any, *, after: int) -> int:
        events = list(events)
        for nth in range(1, len(events)):
            if events[nth].stream == events[nth - 1].stream:
                events[nth - 1 : nth + 1] = events[nth], events[nth - 1]
                break
        return await publish(self, events, after=after)

    module.StreamCopy.publish = publishing


def _settles_early(module: Any) -> None:
    def early(due: Any) -> Any:
        def looking(issue: Any, now: Any) -> Any:
            soon = due(issue, now + EARLY)
            # Only those that are not set again at once: an interim answer that comes early is owed at the same instant still.
            return soon if soon is not None and soon.kind in ("accept", "handle") else due(issue, now)

        return looking

    module._lapsed, module._warned = early(module._lapsed), early(module._warned)


def _looks_early(module: Any) -> None:
    seen = module.seen

    def seeing(issue: Any) -> Any:
        told = seen(issue)
        if told.next_at is not None:
            told = type(told)(**{**vars(told), "next_at": told.next_at - EARLY})
        return told

    module.seen = seeing


def _climbs_two_levels(module: Any) -> None:
    def twice(lapse: Any) -> Any:
        def lapsing(issue: Any, deadline: Any, context: Any) -> Any:
            events = lapse(issue, deadline, context)
            climbed = next((event for event in events if type(event).__name__ == "Escalated"), None)
            if climbed is None or climbed.to_level != "township":
                return events
            return (*events, climbed.model_copy(update={"from_level": "township", "to_level": "county"}))

        return lapsing

    for kind in ("accept", "handle"):
        module.LAPSES[kind] = twice(module.LAPSES[kind])


def _never_lapses(module: Any) -> None:
    running = module.Issue.running.fget
    module.Issue.running = property(
        lambda issue: tuple(each for each in running(issue) if each.kind != "handle" or not _of_every_second(issue.issue_id))
    )


def _starts_no_workflow(module: Any) -> None:
    wake = module.Timers.wake

    async def waking(self: Any, issue_id: str, version: int) -> None:
        if not _of_every_second(issue_id):
            await wake(self, issue_id, version)

    module.Timers.wake = waking


def _closes_unanswered(module: Any) -> None:
    def silent(issue: Any, how: str) -> tuple[()]:
        return ()

    module.answer_first = silent


def _overlooks_accepted(module: Any) -> None:
    turn, evolve = _every(3), module.evolve

    def evolving(before: Any, recorded: Any) -> Any:
        after = evolve(before, recorded)
        if recorded.name == "Accepted" and turn():
            return type(before)(**{**vars_of(before), "version": after.version, "stream_version": after.stream_version})
        return after

    def vars_of(entry: Any) -> dict[str, Any]:
        return {name: getattr(entry, name) for name in entry.__dataclass_fields__}

    module.evolve = evolving


def _sends_twice(module: Any) -> None:
    turn, send = _every(5), module.SmsGateway.send

    async def sending(self: Any, message: Any) -> Any:
        if turn():
            await send(self, type(message)(str(uuid4()), message.to, message.subject, message.body, message.sent_at))
        return await send(self, message)

    module.SmsGateway.send = sending


def _queues_less(module: Any) -> None:
    turn, queue = _every(5), module.queue

    async def queueing(*given: Any, **named: Any) -> bool:
        return False if turn() else await queue(*given, **named)

    module.queue = queueing


def _stands_still(module: Any) -> None:
    turn, on_batch = _every(5), module.Subscriber._on_batch

    async def consuming(self: Any, deliveries: Any) -> None:
        if self._durable == "tracking" and turn():
            await asyncio.Event().wait()
        await on_batch(self, deliveries)

    module.Subscriber._on_batch = consuming


def _skips_the_audit(module: Any) -> None:
    turn, record = _every(5), module.record

    async def recording(session: Any, entry: Any) -> None:
        call = module.current_call()
        if call is not None and turn():
            module.after_commit(session, call.mark_audited)
        else:
            await record(session, entry)

    module.record = recording


def _logs_the_narrative(module: Any) -> None:
    raise_issue = module.Handlers.raise_issue

    async def raising(self: Any, session: Any, issue_id: str, command: Any, *given: Any) -> Any:
        logging.getLogger("services.intake").warning("raised: %s %s", command.narrative, command.reporter)
        return await raise_issue(self, session, issue_id, command, *given)

    module.Handlers.raise_issue = raising


def _shows_the_phone(module: Any) -> None:
    begin = module.Sending._begin

    async def beginning(self: Any, session: Any, *given: Any) -> Any:
        begun = await begin(self, session, *given)
        if begun is not None:
            way, message, *_ = begun
            message.masked = way.to[0]
        return begun

    module.Sending._begin = beginning


PATCHES: Mapping[str, Mapping[str, Patch]] = {
    "answers-without-commit": {"services.intake.arrivals": _answers_without_commit},
    "raises-twice": {"services.intake.handlers": _raises_twice},
    "publishes-a-gap": {"shared.eventlog.copy": _publishes_a_gap},
    "swaps-messages": {"shared.eventlog.copy": _swaps_messages},
    "lapses-early": {"services.routing.domain.settle": _settles_early, "services.routing.handlers": _looks_early},
    "climbs-two-levels": {"services.routing.domain.lapses": _climbs_two_levels},
    "forgets-a-lapse": {"services.routing.domain.state": _never_lapses},
    "drops-a-signal": {"services.routing.timers": _starts_no_workflow},
    "closes-unanswered": {"services.routing.domain.consequences": _closes_unanswered},
    "forgets-a-projection": {"services.tracking.projections": _overlooks_accepted},
    "sends-twice": {"services.notify.channels.sms": _sends_twice},
    "sends-in-silence": {"services.notify.repository": _queues_less},
    "stops-consuming": {"shared.messaging.subscriber": _stands_still},
    "skips-the-audit": {"shared.audit": _skips_the_audit},
    "logs-the-narrative": {"services.intake.handlers": _logs_the_narrative},
    "shows-the-phone": {"services.notify.sending": _shows_the_phone},
}
"""Name → module → what is done to it."""
