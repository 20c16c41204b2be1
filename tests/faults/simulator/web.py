"""The APIs and their clients. Mirrors services.routing.entrypoints.issues.give, intake's handlers, shared.idempotency and shared.audit.

A client that gets no answer repeats the request with the same key, a few times; what it was told stands in `Record`.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.intake.domain import raising
from services.intake.domain.commands import RaiseIssue
from services.intake.domain.reporter import Refusal, ReporterCommand, decide
from services.intake.domain.reporter_view import fold
from services.intake.handlers import digest
from services.routing.domain.commands import Actor, Command
from services.routing.handlers import ATTEMPTS, IssueHandlers, UnknownIssue
from shared.eventlog import ConcurrentAppend, Head
from tests.faults.simulator.loop import Crashed, Process, Task
from tests.faults.simulator.parts import Cell, issue_handlers
from tests.faults.simulator.store import Away, SimulatedLog, Transaction
from tests.support.county import villages
from tests.support.life import directory

PATIENCE = 10.0
"""Seconds that a client waits for an answer."""
REPEATS = 4


@dataclass
class Asked:
    """One request of a client, with all its repeats. `status` None: never answered; `unsure`: some try may have had its effect."""

    key: str
    actor: str
    command: str
    issue_id: str | None
    at: datetime
    status: int | None = None
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    unsure: bool = False
    tries: list[tuple[str, int | None]] = field(default_factory=list[tuple[str, "int | None"]])


@dataclass(frozen=True)
class Answer:
    """What an API says."""

    status: int
    body: dict[str, Any]


class Unavailable(Exception):
    """503."""


Work = Callable[[Transaction], Coroutine[Any, Any, Answer]]


class Api:
    """What both APIs do with a request: replay, work, audit, remember, in one transaction."""

    def __init__(self, cell: Cell, process: Process) -> None:
        self.cell = cell
        self.database = cell.database(process)

    async def once(self, request: str, key: str, action: str, work: Work) -> Answer:
        """Work until nobody else is faster."""
        for _ in range(ATTEMPTS):
            try:
                async with self.database.transaction() as session:
                    name = ("key", key)
                    if name in self.cell.store.locks:
                        return Answer(409, {"code": "idempotency_in_flight"})
                    await session.lock(name)
                    stored: Answer | None = session.get("keys", key)
                    answer = stored or await work(session)
                    if stored is None:
                        session.put("audit", request, {"key": key, "action": action, "status": answer.status, "effect": True})
                        session.put("keys", key, answer)
            except ConcurrentAppend:
                continue
            if stored is not None:
                await self._audit(request, key, action, answer.status)
            return answer
        raise Unavailable

    async def _audit(self, request: str, key: str, action: str, status: int) -> None:
        """The middleware's entry for a request that ended without one. As there, an answer goes out even where it cannot be written."""
        try:
            async with self.database.transaction() as session:
                session.put("audit", request, {"key": key, "action": action, "status": status, "effect": False})
        except Away:
            self.cell.unaudited.add(request)


class RoutingApi(Api):
    """Commands of staff."""

    def __init__(self, cell: Cell, process: Process) -> None:
        super().__init__(cell, process)
        self.issues: IssueHandlers
        self.issues, _ = issue_handlers(cell, process)

    async def give(self, request: str, key: str, name: str, issue_id: str, command: Command, actor: Actor, seen: int | None) -> Answer:
        """One command."""
        async with self.database.transaction() as session:
            try:
                first = await self.issues.load(session, issue_id)
            except UnknownIssue:
                first = None
        if first is None or first.issue.state is None:
            await self._audit(request, key, name, 404)
            return Answer(404, {"code": "issue_not_yet_known"})
        loads = [first]

        async def work(session: Transaction) -> Answer:
            loaded = loads.pop() if loads else await self.issues.load(session, issue_id)  # pyright: ignore[reportArgumentType]
            outcome = await self.issues.command(session, loaded, command, actor, expected_version=seen)  # pyright: ignore[reportArgumentType]
            if outcome.refusal is not None:
                return Answer(outcome.refusal.status, {"code": outcome.refusal.code})
            return Answer(200, {"issue_id": issue_id, "version": outcome.issue.version})

        return await self.once(request, key, name, work)


class IntakeApi(Api):
    """What citizens ask: the domain is intake's, the vault is rows."""

    def __init__(self, cell: Cell, process: Process) -> None:
        super().__init__(cell, process)
        self._log = SimulatedLog("/huiyin/intake", cell.store)

    async def raise_issue(self, request: str, key: str, issue_id: str, command: RaiseIssue) -> Answer:
        """Mirrors `Handlers.raise_issue`."""

        async def work(session: Any) -> Answer:
            now = await self.cell.clock.now(session)
            known = command.village_code in villages()
            facts = raising.Facts(now, None, known, command.topic in directory().topics, None, ())
            if raising.faults(command, facts):
                return Answer(422, {"code": "invalid"})
            number = f"{command.village_code[:6]}-{now:%Y%m%d}-{len(self.cell.store.tables['keys']):04}"
            event = raising.raised(command, facts, number=number, tracking_digest=digest(key))
            reporter = command.reporter
            secret = {"name": reporter.name if reporter else None, "phone": reporter.phone if reporter else None}
            session.put("vault", issue_id, {**secret, "email": reporter.email if reporter else None, "narrative": command.narrative})
            region = command.village_code
            await self._log.append(
                session, issue_id, [event], after=Head(), now=now, region=region, correlation_id=issue_id, causation_id=None
            )
            return Answer(201, {"issue_id": issue_id, "number": number})

        return await self.once(request, key, "raise_issue", work)

    async def reporter(self, request: str, key: str, issue_id: str, command: ReporterCommand) -> Answer:
        """Mirrors `Handlers.reporter_command`."""

        async def work(session: Any) -> Answer:
            now = await self.cell.clock.now(session)
            loaded = await self._log.load(session, issue_id)
            if not loaded.events:
                return Answer(404, {"code": "not_found"})
            words = f"words-{key}"
            decided = decide(fold(loaded.events), command, now=now, words=words)
            if isinstance(decided, Refusal):
                return Answer(409, {"code": decided.code})
            session.put("words", words, {"issue_id": issue_id, "text": getattr(command, "comment", None) or getattr(command, "reason", "")})
            await self._log.append(
                session,
                issue_id,
                [decided],
                after=loaded.head,
                now=now,
                region=loaded.head.region,
                correlation_id=key,
                causation_id=None,
            )
            return Answer(200, {"issue_id": issue_id})

        return await self.once(request, key, type(command).__name__, work)


class Clients:
    """Everybody outside: they ask one of the replicas, wait, and ask again."""

    def __init__(self, cell: Cell) -> None:
        self.cell, self.loop = cell, cell.loop
        self.process = Process(cell.loop, "client", "clients")
        self.routing: dict[Process, RoutingApi] = {}
        self.intake: dict[Process, IntakeApi] = {}
        self.record: list[Asked] = []

    def serve(self, process: Process) -> None:
        """Boot an API process."""
        api: dict[Process, Any] = {"routing-api": self.routing, "intake": self.intake}[process.kind]
        api[process] = RoutingApi(self.cell, process) if process.kind == "routing-api" else IntakeApi(self.cell, process)
        process.on_death.append(lambda: api.pop(process, None))

    async def ask(self, asked: Asked, apis: dict[Process, Any], call: Callable[[Any, str], Coroutine[Any, Any, Answer]]) -> Asked:
        """A request until it is answered, or given up."""
        self.record.append(asked)
        for attempt in range(REPEATS):
            request = f"{asked.key}#{attempt}"
            status, body, reached = await self._try(apis, call, request)
            asked.tries.append((request, status))
            self.loop.tell("answered", f"{request} {status}")
            if status is not None and status < 500 and body.get("code") not in ("idempotency_in_flight", "issue_not_yet_known"):
                asked.status, asked.body = status, body
                return asked
            asked.unsure = asked.unsure or (reached and body.get("code") != "issue_not_yet_known")
            await self.loop.sleep(self.loop.random.uniform(0.2, 8))
        return asked

    async def _try(
        self, apis: dict[Process, Any], call: Callable[[Any, str], Coroutine[Any, Any, Answer]], request: str
    ) -> tuple[int | None, dict[str, Any], bool]:
        """Status, body, and whether anybody may have taken the request."""
        ready = [process for process in apis if process.alive]
        if not ready:
            return 503, {}, False
        process = self.loop.random.choice(ready)
        task: Task = self.loop.spawn(process, call(apis[process], request), request)
        if not await task.done.wait(PATIENCE):
            return None, {}, True
        if isinstance(task.error, Crashed):
            return None, {}, True
        if task.error is not None:
            return 503, {}, True
        answer: Answer = task.result
        return answer.status, answer.body, True
