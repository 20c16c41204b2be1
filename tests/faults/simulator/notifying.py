"""notify's process: consumer, sender and receipts, as services.notify.bootstrap puts them together."""

from datetime import timedelta
from typing import Any, cast

from services.notify.entrypoints.subscriber import handlers as notify_table
from services.notify.handlers import Handlers
from services.notify.outcomes import Outcomes
from services.notify.receipts import Receipts
from services.notify.recipients import Recipients
from services.notify.sender import Sender
from services.notify.sending import Sending
from shared.regions import Regions
from tests.faults.simulator.alarm import Alarm
from tests.faults.simulator.gateway import Contacts, PlainTexts
from tests.faults.simulator.loop import Process
from tests.faults.simulator.parts import Cell, subscribe
from tests.faults.simulator.store import SimulatedLog, Transaction

LEASE, RECEIPT_TIMEOUT, MERGE_AFTER = timedelta(seconds=60), timedelta(hours=24), timedelta(minutes=15)
DELAYS = tuple(timedelta(seconds=each) for each in (60, 300, 900, 3600))
"""services.notify.settings' defaults."""


class NotifyProcess:
    """services.notify.bootstrap: consumer, sender, receipts."""

    def __init__(self, cell: Cell, process: Process) -> None:
        self.cell, self.process = cell, process
        database, log = cell.database(process), SimulatedLog("/huiyin/notify", cell.store)
        outcomes = Outcomes(log)
        recipients = Recipients(
            contacts=cast(Any, Contacts(cell.store)),
            channels=frozenset({"sms", "email"}),
            apprise_urls={},
            staff_language="zh-CN",
        )
        sending = Sending(
            database=database,
            clock=cell.clock,
            outcomes=outcomes,
            recipients=recipients,
            texts=cast(Any, PlainTexts()),
            channels={"sms": cell.gateway.channel("sms"), "email": cell.gateway.channel("email")},
            delays=DELAYS,
            merge_after=MERGE_AFTER,
            staff_max_age=timedelta(days=1),
        )
        self.sender = Sender(database=database, clock=cell.clock, sending=sending, lease=LEASE, workers=4)
        self.receipts = Receipts(database=database, clock=cell.clock, outcomes=outcomes, timeout=RECEIPT_TIMEOUT)
        self.worker = Alarm(cell.loop, process, self._work, "sender")
        self.overdue = Alarm(cell.loop, process, self._expire, "receipts")
        subscribe(cell, process, "notify", notify_table(Handlers(clock=cell.clock, regions=Regions([]), wake=self._wake)))
        cell.store.watchers.append(self._committed)
        process.on_death.append(lambda: cell.store.watchers.remove(self._committed))
        self._arm()

    async def _wake(self) -> None:
        self.worker.set(0)

    def _committed(self, transaction: Transaction) -> None:
        if any(table in ("notices", "messages") for table, _ in transaction.rows):
            self._arm()

    def _arm(self) -> None:
        """The next poll that can find something."""
        now, tables = self.cell.store.now, self.cell.store.tables
        due = [row.due_at for row in tables["notices"].values() if row.state == "queued"]
        if due:
            self.worker.set(max((min(due) - now).total_seconds(), 0) + self.cell.loop.random.uniform(0.01, 1))
        waits = [row.accepted_at for row in tables["messages"].values() if row.state == "accepted" and row.awaits_receipt]
        if waits:
            late = (min(waits) + RECEIPT_TIMEOUT - now).total_seconds()
            self.overdue.set(max(late, 0) + self.cell.loop.random.uniform(0.01, 5))

    async def _work(self) -> None:
        """As `Sender.run`: on to the next while there is one; what fails is tried at the next look."""
        try:
            while await self.sender.send_due():
                pass
        except Exception as error:
            self.cell.loop.tell("failed", f"sender: {type(error).__name__}")
        self._arm()

    async def _expire(self) -> None:
        try:
            await self.receipts.expire()
        except Exception as error:
            self.cell.loop.tell("failed", f"receipts: {type(error).__name__}")
        self._arm()
