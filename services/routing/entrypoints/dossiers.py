"""One issue as those see it who handle it: `GET /issues/{issue_id}`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.routing.bootstrap import App
from services.routing.domain.authority import entitled
from services.routing.domain.commands import Actor, Context
from services.routing.domain.countdown import countdown
from services.routing.domain.dossier import changes, files, joint_tasks
from services.routing.domain.event_words import EVENT_WORDS
from services.routing.domain.explain import explain
from services.routing.domain.explain_texts import sentences
from services.routing.domain.life import allowed
from services.routing.domain.prospects import prospects
from services.routing.domain.stays import Stay, days_off, local_day, stays
from services.routing.entrypoints.issues import actor_of, known
from services.routing.entrypoints.staff_views import (
    ChangeView,
    FileView,
    ProspectView,
    StaffIssue,
    StayView,
    TaskView,
    countdown_view,
)
from services.routing.handlers import Loaded
from services.routing.rules import Rules
from shared.problem_texts import Language
from shared.problems import language_of
from shared.security.access import ACTIONS, check
from shared.security.dependencies import Staff
from shared.web.call import describe
from shared.web.openapi import READ_PROBLEMS
from shared.web.requests import etag
from shared.worktime import Calendar, is_working

router = APIRouter(prefix="/v1", tags=["issues"])


@router.get("/issues/{issue_id}", summary="One issue, for those who handle it", responses=READ_PROBLEMS)
async def issue(
    issue_id: str,
    request: Request,
    response: Response,
    principal: Staff,
    since: Annotated[int | None, Query(ge=0, description="The version that was seen: tells what was decided since.")] = None,
) -> StaffIssue:
    """Where it stands, what the caller can do, tasks, files, its way up the ladder, what happens at each deadline, and why it is then."""
    describe("read_issue", issue_id=issue_id)
    app: App = request.app.state.services
    async with app.database.transaction() as session:
        loaded = await known(session, app, issue_id)
        found = loaded.issue
        describe("read_issue", region=found.village)
        check(principal, "read_issue", found.village, conduct=found.category == "conduct")
        context, rules = await app.contexts.fresh(session)
    response.headers["ETag"] = etag(found.version)
    actor = actor_of(principal)
    told = _Told(app, loaded, context, rules, actor, language_of(request))
    commands = [name for name in allowed(found) if actor.role in ACTIONS[name].parties and entitled(actor, name, found)]  # pyright: ignore[reportArgumentType]
    return told.issue(commands, since)


class _Told:
    """An issue with what is needed to tell it, in one language."""

    def __init__(self, app: App, loaded: Loaded, context: Context, rules: Rules, actor: Actor, language: Language) -> None:
        self._app = app
        self._loaded = loaded
        self._context = context
        self._rules = rules
        self._actor = actor
        self._language: Language = language
        self._index = 0 if language == "zh-CN" else 1

    def issue(self, commands: list[str], since: int | None) -> StaffIssue:
        found, context, history = self._loaded.issue, self._context, self._loaded.history
        calendar = context.calendar(found.village)
        topics = {code: (topic.zh, topic.en) for code, topic in context.directory.topics.items()}
        explained = explain(history, self._rules, context.now)
        runs = stays(history)
        last = max([context.now, *(run.due_at for run in runs[-1:] if run.due_at and run.ended is None)])
        return StaffIssue(
            issue_id=found.issue_id,
            number=found.number,
            village=found.village,
            channel=found.channel,
            title=found.title,
            category=found.category,
            topic=found.topic,
            topic_name=topics[found.topic][self._index] if found.topic in topics else found.topic,
            priority=found.priority,
            anonymous=found.anonymous,
            state=found.state or "",
            level=found.level,
            handler=found.handler,
            handler_unit=self._unit(found.handler.unit) if found.handler else None,
            first_receiver=found.first_receiver,
            version=found.version,
            raised_at=found.raised_at,
            clock=countdown_view(countdown(found.running, found.paused, found.lapsed, calendar, context.now)),
            working_day=int(calendar.working_day.total_seconds()),
            commands=commands,
            tasks=self._tasks(),
            files=[
                FileView(attachment_id=one.evidence.attachment_id, media_type=one.evidence.media_type, at=one.at, source=one.source)
                for one in files(history)
            ],
            stays=[self._stay(run, calendar) for run in runs],
            days_off=days_off(calendar, local_day(runs[0].began), local_day(last)) if runs else [],
            ahead=[ProspectView(at=one.at, kind=one.kind, text=one.text[self._index]) for one in prospects(found, context)],
            changes=self._changes(since),
            deadline=explained,
            text=sentences(explained, self._language, topics=topics),
        )

    def _tasks(self) -> list[TaskView]:
        return [
            TaskView(
                task_id=one.task.task_id,
                unit=one.task.unit,
                unit_name=self._unit(one.task.unit),
                task=one.task.task,
                due_at=one.task.due_at,
                state=one.state,
                ended=one.ended,
                result=one.result,
                own=one.task.unit in self._actor.units,
            )
            for one in joint_tasks(self._loaded.history)
        ]

    def _stay(self, run: Stay, calendar: Calendar) -> StayView:
        return StayView(
            level=run.level,
            unit_name=self._unit(run.unit),
            began=run.began,
            ended=run.ended,
            due_at=run.due_at,
            how=run.how,
            missed="missed" in (run.how or "") or (run.ended is None and self._loaded.issue.lapsed is not None),
            time="working" if is_working(run.allowance) else "clock",
            used=run.used(calendar, self._context.now),
            allowance=int(calendar.length(run.allowance).total_seconds()) if run.allowance else None,
            pauses=run.pauses,
        )

    def _changes(self, since: int | None) -> list[ChangeView]:
        if since is None:
            return []
        officers = self._context.directory.officers
        return [
            ChangeView(
                at=one.at,
                event=one.event,
                text=EVENT_WORDS[one.event][self._index],
                by=officers[one.by].name if one.by and one.by in officers else one.by,
            )
            for one in changes(self._loaded.history, since)
            if one.event in EVENT_WORDS
        ]

    def _unit(self, unit_id: str) -> str:
        region, _, code = unit_id.partition("/")
        unit = self._context.directory.units.get(unit_id)
        place = self._app.regions.name(region)
        if self._index == 0:
            return place + (unit.zh if unit else code)
        return f"{unit.en if unit else code}, {place}"
