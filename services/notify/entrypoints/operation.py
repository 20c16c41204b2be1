"""What operators are shown of notify: the queue, and what failed of late."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import repository
from services.notify.bootstrap import App
from services.notify.entrypoints.subscriber import DURABLE
from shared.web.operation import Measure, Operation, Reading

FAILED = "/operate/notify/notices"
OF_LATE = timedelta(days=1)


def operation(app: App) -> Operation:
    """Over what `bootstrap` built."""

    async def queue(session: AsyncSession) -> Reading:
        count, longest = await repository.queued(session, await app.commands.now(session))
        return Reading(longest.total_seconds(), count)

    async def failed(session: AsyncSession) -> Reading:
        since = await app.commands.now(session) - OF_LATE
        return Reading(sum((await repository.failed_by_reason(session, since)).values()))

    waiting = Measure(
        "notices",
        "seconds",
        60,
        ("等着发出的通知", "Notices that wait to be sent"),
        (
            "通知服务忙不过来,或者受理服务不应答(要向它问联系方式):先看这两个服务。见 deploy/operating-pages.md。",
            "The sender has too much to do, or intake, which knows the contacts, does not answer: look at both. deploy/operating-pages.md.",
        ),
        queue,
    )
    given_up = Measure(
        "failed_notices",
        "count",
        0,
        ("24 小时内没送到的通知", "Notices that failed within 24 hours"),
        (
            "打开看原因;网关或邮件恢复以后再发一次。见 deploy/operating-pages.md。",
            "Open them to see why; send them again once the gateway or the mail server is back. deploy/operating-pages.md.",
        ),
        failed,
        FAILED,
    )
    return Operation(durables=(DURABLE,), measures=(waiting, given_up))
