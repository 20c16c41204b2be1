"""The words of domain.md for people, in zh-CN and en."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from shared.regions import LADDER

Language = Literal["zh-CN", "en"]
Words = Mapping[str, tuple[str, str]]

SHANGHAI = ZoneInfo("Asia/Shanghai")

STATES: Words = {
    "raised": ("已登记", "Received"),
    "assigned": ("待签收", "Assigned"),
    "in_progress": ("办理中", "In progress"),
    "suspended": ("挂起", "Suspended"),
    "in_arbitration": ("待裁定", "In arbitration"),
    "referred": ("上报协调", "Referred upward"),
    "resolved": ("已办结待回音", "Resolved, answer on its way"),
    "answered": ("已回音待评价", "Answered, waiting for your rating"),
    "visit_due": ("待回访", "Return visit due"),
    "closed": ("已销号", "Closed"),
}
LEVELS: Words = {
    "on_the_spot": ("当场办结", "On the spot"),
    "village": ("村", "Village"),
    "township": ("镇(乡)", "Township"),
    "county": ("县", "County"),
}
CATEGORIES: Words = {
    "conduct": ("干部作风", "Conduct of officials"),
    "hardship": ("实际困难", "Hardship"),
    "shortcoming": ("工作不足", "Shortcoming"),
    "proposal": ("发展建议", "Proposal"),
}
PRIORITIES: Words = {"routine": ("一般", "Routine"), "urgent": ("紧急", "Urgent"), "emergency": ("特急", "Emergency")}
OUTCOMES: Words = {
    "solved": ("已解决", "Solved"),
    "planned": ("列入计划", "Planned"),
    "explained": ("政策解释", "Explained"),
    "referred": ("上报", "Referred upward"),
    "rejected": ("不予受理", "Rejected"),
}
RATINGS: Words = {"satisfied": ("满意", "Satisfied"), "fair": ("基本满意", "Fair"), "dissatisfied": ("不满意", "Dissatisfied")}
REPORTERS: Words = {"named": ("实名", "Named"), "anonymous": ("匿名", "Anonymous")}
DEADLINES: Words = {
    "accept": ("签收期限", "To be accepted"),
    "handle": ("办理期限", "To be settled"),
    "arbitration": ("裁定期限", "To be arbitrated"),
    "suspension": ("挂起截止", "Suspension ends"),
    "extension": ("延期审批期限", "Extension to be decided"),
    "task": ("联办任务期限", "Task of an invited unit"),
    "promise": ("承诺期限", "Promised date"),
    "interim": ("阶段答复期限", "Interim answer"),
    "answer": ("回音期限", "To be answered"),
    "rating": ("评价截止", "To be rated"),
    "visit": ("回访期限", "Return visit"),
    "supervise_notice": ("督办通报", "Supervision: notice"),
    "supervise_criticism": ("督办批评", "Supervision: criticism"),
}
IF_MISSED: Words = {
    "accept": ("逾期未签收将自动上报上一级,重新计时。", "If it is not accepted by then, it is lifted one level, with new deadlines."),
    "handle": ("逾期未办结将自动上报上一级,重新计时。", "If it is not settled by then, it is lifted one level, with new deadlines."),
    "arbitration": ("逾期未裁定将自动上报上一级。", "If nobody decides by then, it is lifted one level."),
    "suspension": ("到期自动恢复办理。", "Then the work goes on by itself."),
    "promise": ("到期未兑现将催办并安排回访。", "If the promise is not kept by then, the unit is urged and you are visited."),
    "interim": ("届时将向您作阶段答复。", "Then you are told how it stands."),
    "answer": ("届时仍未告知您结果,将安排回访。", "If you have not been told by then, you are visited."),
    "rating": ("届时未评价,将安排回访;匿名事项自动销号。", "If it is not rated by then, you are visited; an anonymous issue is closed."),
    "visit": ("逾期未回访将催办首访人。", "If nobody visits you by then, the first receiver is urged."),
}
"""What happens when a deadline lapses (domain.md's timer table). Deadlines among staff are left out."""

IF_MISSED_AT_THE_TOP: Words = {
    "accept": ("逾期未签收将由督办部门催办。", "If it is not accepted by then, the unit is urged."),
    "handle": ("逾期未办结将被催办、通报、批评。", "If it is not settled by then, the unit is urged, then noticed, then criticised."),
    "arbitration": ("逾期未裁定将催办督办人。", "If nobody decides by then, the supervisor is urged."),
}
"""Where nothing is above."""


def say(pair: tuple[str, str], language: Language) -> str:
    """The text in a language."""
    return pair[0] if language == "zh-CN" else pair[1]


def word(words: Words, code: str | None, language: Language) -> str | None:
    """What people call a code; the code itself where no word is known, e.g. one that a newer release added."""
    if code is None:
        return None
    return say(words[code], language) if code in words else code


def if_missed(kind: str, level: str | None, language: Language) -> str | None:
    """What the reporter can count on when a deadline lapses at a level; None for deadlines that do not concern them."""
    texts = {**IF_MISSED, **IF_MISSED_AT_THE_TOP} if level == LADDER[-1] else IF_MISSED
    return say(texts[kind], language) if kind in texts else None


def local(instant: datetime | str) -> str:
    """An instant as people read it: Asia/Shanghai, to the minute."""
    parsed = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return parsed.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
