"""The commands as forms: what each is called, what it does to the clock, what it asks for, and the body that it becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from shared.security.access import Action
from shared.worktime import SHANGHAI

Pair = tuple[str, str]
Form = Mapping[str, str]
Kind = Literal["text", "choice", "day", "unit", "task", "topic", "photo", "check"]

PRIORITIES: dict[str, Pair] = {"routine": ("一般", "Routine"), "urgent": ("紧急", "Urgent"), "emergency": ("特急", "Emergency")}


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a form asks for; `choices` are code → (zh, en)."""

    name: str
    label: Pair
    kind: Kind = "text"
    required: bool = True
    hint: Pair = ("", "")
    choices: Mapping[str, Pair] = field(default_factory=dict[str, Pair])


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Args:
        label: on the button.
        effect: what it does to the clock.
        fields: what it asks for.
        body: turns the filled form into the API's body. Raises ValueError for a date that is none.
        icon: beside the label.
    """

    label: Pair
    effect: Pair
    fields: tuple[Field, ...]
    body: Callable[[Form], dict[str, Any]]
    icon: str = "pen"


IMPERSONAL: Pair = ("不要写个人信息。", "No personal data.")
PHOTO = Field(
    "evidence",
    ("照片或文件", "Photo or document"),
    "photo",
    required=False,
    hint=(
        "先选文件,再按“上传”;拍摄地点会去掉。最大 10 MB。",
        "Choose a file, then upload it; the place it was taken is removed. 10 MB at most.",
    ),
)
CATEGORIES: dict[str, Pair] = {
    "hardship": ("实际困难", "Hardship"),
    "shortcoming": ("工作不足", "Shortcoming"),
    "conduct": ("干部作风(转纪检)", "Conduct (goes to the discipline office)"),
    "proposal": ("发展建议", "Proposal"),
}
REASON = Field("reason", ("理由", "Reason"), hint=IMPERSONAL)
UNIT = Field("unit", ("单位", "Unit"), "unit")


def _same(*names: str) -> Callable[[Form], dict[str, Any]]:
    return lambda form: {name: form[name].strip() for name in names if form.get(name, "").strip()}


def _day(form: Form, name: str) -> str:
    """The end of office hours on a day, as an instant. Raises ValueError."""
    return datetime.strptime(form[name], "%Y-%m-%d").replace(hour=17, tzinfo=SHANGHAI).isoformat()


def _with_evidence(body: Callable[[Form], dict[str, Any]]) -> Callable[[Form], dict[str, Any]]:
    return lambda form: body(form) | {"evidence": form.get("evidence", "").split()}


def _with_day(name: str, *others: str) -> Callable[[Form], dict[str, Any]]:
    same = _same(*others)
    return lambda form: same(form) | ({name: _day(form, name)} if form.get(name) else {})


COMMANDS: dict[Action, Command] = {
    "accept": Command(
        ("签收", "Accept"),
        ("签收不改变办理期限:时钟从派单时就开始走。", "Accepting moves no deadline: the clock runs since dispatch."),
        (),
        _same(),
        "person",
    ),
    "resolve": Command(
        ("办结", "Resolve"),
        ("办理时钟停下,系统马上告诉反映人;没送达就安排回访。", "The clock stops; the reporter is told at once, or visited if that fails."),
        (
            Field(
                "outcome",
                ("结果", "Outcome"),
                "choice",
                choices={
                    "solved": ("已解决(要有照片或文件)", "Solved (needs a photo or document)"),
                    "planned": ("列入计划(要有日期)", "Planned (needs a date)"),
                    "explained": ("政策解释", "Explained"),
                    "referred": ("上报(要有日期)", "Referred (needs a date)"),
                    "rejected": ("不予受理(镇以上,要有理由)", "Rejected (township and above, with a reason)"),
                },
            ),
            Field(
                "result",
                ("办成什么样(反映人看得到)", "What came of it (the reporter sees it)"),
                hint=IMPERSONAL,
            ),
            PHOTO,
            Field("promised_by", ("承诺日期(列入计划、上报时)", "Promised date (if planned or referred)"), "day", required=False),
            Field("reason", ("理由(不予受理时)", "Reason (if rejected)"), required=False),
        ),
        _with_evidence(_with_day("promised_by", "outcome", "result", "reason")),
        "done",
    ),
    "report-progress": Command(
        ("报进展", "Report progress"),
        ("时钟照走。", "The clock runs on."),
        (Field("note", ("进展", "Progress"), hint=("只有工作人员看得到。", "Only staff see it.")), PHOTO),
        _with_evidence(_same("note")),
    ),
    "request-escalation": Command(
        ("上报上一级", "Ask the level above"),
        ("转到上一级,按上一级的期限重新计时。", "The level above takes over, with its own deadlines."),
        (REASON,),
        _same("reason"),
        "up",
    ),
    "return": Command(
        ("退回", "Return"),
        (
            "由上一级在裁定期限内定由谁办;没人定就自动升级。办理时钟照走。",
            "The level above decides who handles it; nobody deciding lifts it. The clock runs on.",
        ),
        (REASON,),
        _same("reason"),
        "back",
    ),
    "arbitrate": Command(
        ("裁定", "Arbitrate"),
        ("定下由谁办,按新的办理期限计时。", "Puts a unit in charge, with deadlines of its own."),
        (UNIT, REASON),
        _same("unit", "reason"),
    ),
    "reassign": Command(("改派", "Reassign"), ("时钟不变。", "No clock moves."), (UNIT, REASON), _same("unit", "reason"), "person"),
    "reclassify": Command(
        ("改分类", "Reclassify"),
        ("对反映人承诺过的期限只会提前,不会推后。", "What the reporter was promised never gets later."),
        (
            Field("priority", ("紧急程度", "Priority"), "choice", required=False, choices=PRIORITIES),
            Field("topic", ("事项类型", "Topic"), "topic", required=False),
            Field("category", ("类别", "Category"), "choice", required=False, choices=CATEGORIES),
            REASON,
        ),
        _same("priority", "topic", "category", "reason"),
    ),
    "invite": Command(
        ("邀请联办", "Invite a unit"),
        ("主办的时钟不变;联办单位有自己的期限。", "The lead's clock is unchanged; the invited unit gets a date of its own."),
        (UNIT, Field("task", ("要做什么", "Its part")), Field("due_at", ("什么时候完成", "Until"), "day")),
        lambda form: {"tasks": [_with_day("due_at", "unit", "task")(form)]},
        "person",
    ),
    "complete-task": Command(
        ("完成联办", "Complete the task"),
        ("联办的期限停下,主办的时钟不变。", "The task's date ends; the lead's clock is unchanged."),
        (Field("task_id", ("哪一项", "Which task"), "task"), Field("result", ("做了什么", "What was done"), hint=IMPERSONAL)),
        _same("task_id", "result"),
        "done",
    ),
    "suspend": Command(
        ("挂起", "Suspend"),
        (
            "时钟停走,余下的工作时间留着;到日子自动恢复。反映人会被告知。",
            "The clock stops and keeps what is left; it goes on by itself on that day. The reporter is told.",
        ),
        (
            Field("condition", ("等什么(反映人看得到)", "What is waited for (the reporter sees it)")),
            Field("until", ("最晚到", "At the latest until"), "day"),
        ),
        _with_day("until", "condition"),
        "pause",
    ),
    "resume": Command(
        ("恢复办理", "Resume"), ("时钟接着走,用挂起前余下的时间。", "The clock goes on with what was left."), (), _same(), "act"
    ),
    "request-extension": Command(
        ("申请延期", "Request extension"),
        ("申请后时钟照走;没批复就按原期限。", "Asking does not stop the clock; unanswered, the old deadline holds."),
        (Field("until", ("延到", "Until"), "day"), REASON),
        _with_day("until", "reason"),
        "calendar",
    ),
    "decide-extension": Command(
        ("批复延期", "Decide the extension"),
        ("同意则按新期限;不同意则按原期限。", "Granted: the new deadline holds. Refused: the old one."),
        (Field("granted", ("同意延期", "Grant it"), "check", required=False), REASON),
        lambda form: {"granted": form.get("granted") == "yes"} | _same("reason")(form),
        "calendar",
    ),
    "refer": Command(
        ("上报县外协调", "Refer beyond the county"),
        ("办理时钟停下;到承诺日期没兑现就催办并回访。", "The clock stops; the promised date is watched."),
        (Field("to", ("报给哪里", "To whom")), Field("promised_by", ("承诺日期", "Promised by"), "day")),
        _with_day("promised_by", "to"),
        "up",
    ),
    "supervise": Command(
        ("督办", "Supervise"),
        ("时钟不变,主办单位马上收到。", "No clock moves; the unit is told at once."),
        (
            Field(
                "kind",
                ("程度", "Degree"),
                "choice",
                choices={"urge": ("催办", "Urge"), "notice": ("通报", "Notice"), "criticism": ("批评", "Criticise")},
            ),
        ),
        _same("kind"),
        "bell",
    ),
    "record-return-visit": Command(
        ("记回访", "Record the visit"),
        ("满意就销号;不满意就重新办理。", "Content closes it; not content reopens it."),
        (
            Field(
                "result",
                ("反映人怎么说", "What the reporter said"),
                "choice",
                choices={
                    "content": ("满意", "Content"),
                    "not_content": ("不满意", "Not content"),
                    "unreachable": ("联系不上(要写理由)", "Unreachable (with a reason)"),
                    "final": ("终结:第三次办结仍不满意(督办人员,要写理由)", "Final: dissatisfied with the third resolution (supervisor)"),
                },
            ),
            Field("reason", ("理由", "Reason"), required=False),
        ),
        _same("result", "reason"),
        "person",
    ),
    "reopen": Command(
        ("重新办理", "Reopen"), ("由上一级接手,重新计时。", "One level up, with new deadlines."), (REASON,), _same("reason"), "up"
    ),
}
"""In the order of the buttons."""
