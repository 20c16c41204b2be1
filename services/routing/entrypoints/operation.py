"""What operators are shown of routing: deadlines that nobody enforced, and where a workflow can be looked at."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from services.routing import repository
from services.routing.bootstrap import App
from services.routing.overseer import GRACE
from services.routing.workflows import workflow_id
from shared.web.operation import Measure, Operation, Reading

DURABLES = ("routing", "timers")


def operation(app: App) -> Operation:
    """Over what `bootstrap` built."""

    async def lapsed(session: AsyncSession) -> Reading:
        count, longest = await repository.lapsed(session, await app.clock.now(session))
        return Reading(longest.total_seconds(), count)

    timers = Measure(
        "deadlines",
        "seconds",
        GRACE.total_seconds(),
        ("到了时间、还没有执行的期限", "Deadlines that passed and are not enforced yet"),
        (
            "计时进程或 Temporal 停了:用 huiyin status 看看,启动后自己会补上;还不动就 huiyin routing reseat --all。"
            "见 deploy/operating-pages.md。",
            "The worker or Temporal is down: see huiyin status; started again, they catch up. If not: huiyin routing reseat --all. "
            "deploy/operating-pages.md.",
        ),
        lapsed,
    )
    return Operation(durables=DURABLES, measures=(timers,), find=_find, workflow=_workflow(app))


async def _find(session: AsyncSession, number: str) -> str | None:
    return (await repository.find(session, [number])).get(number)


def _workflow(app: App) -> Callable[[str], str] | None:
    settings = app.settings
    if settings.temporal_ui is None:
        return None
    return lambda issue_id: f"{settings.temporal_ui}/namespaces/{settings.temporal_namespace}/workflows/{workflow_id(issue_id)}"
