"""The words of domain.md for people, in zh-CN and en."""

from collections.abc import Mapping
from typing import Literal
from zoneinfo import ZoneInfo

from shared.full_width import full_width
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
SUPERVISED: Words = {"urge": ("催办", "Urged"), "notice": ("通报", "Noticed"), "criticism": ("批评", "Criticised")}
NOBODY_YET = ("还没分派", "Not assigned yet")
NOBODY_ON_DUTY = ("没有人值班", "Nobody on duty")
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
    "accept": ("自动升到{above}接着办。", "It goes up to {above} by itself."),
    "handle": ("自动升到{above}接着办。", "It goes up to {above} by itself."),
    "arbitration": ("自动升到{above}来定。", "It goes up to {above} by itself."),
    "suspension": ("自动恢复办理,时钟接着走。", "The work goes on by itself, and the clock runs again."),
    "promise": ("催办承诺的单位,并上门回访您。", "The unit that promised is urged, and somebody visits you."),
    "interim": ("告诉您办到哪一步。", "You are told how far it is."),
    "answer": ("首访人上门回访。", "The first receiver visits you."),
    "rating": ("首访人上门回访;没留姓名的自动销号。", "The first receiver visits you; an anonymous matter is closed."),
    "visit": ("催办首访人。", "The first receiver is urged."),
}
"""What happens when a deadline lapses (domain.md's timer table). Deadlines among staff are left out."""

IF_MISSED_AT_THE_TOP: Words = {
    "accept": ("督办部门催办。", "The unit is urged."),
    "handle": ("督办部门催办、通报、批评,直到办结。", "The unit is urged, then noticed, then criticised, until it is settled."),
    "arbitration": ("催办督办人。", "The supervisor is urged."),
}
"""Where nothing is above."""

_SUFFIXES = ("街道", "社区", "村", "镇", "乡", "县", "市", "区")


def level_word(level: str, place: str, language: Language) -> str:
    """What people call a level where they live, as the place's own name ends: `镇`, `乡` or `街道`; `township`."""
    if language == "en":
        return LEVELS[level][1].lower()
    return next((suffix for suffix in _SUFFIXES if place.endswith(suffix)), LEVELS[level][0][0])


def inside(word: str) -> str:
    """`镇里`, and `街道` as it is."""
    return f"{word}里" if len(word) == 1 else word


def say(pair: tuple[str, str], language: Language) -> str:
    """The text in a language."""
    return full_width(pair[0]) if language == "zh-CN" else pair[1]


def word(words: Words, code: str | None, language: Language) -> str | None:
    """What people call a code; the code itself where no word is known, e.g. one that a newer release added."""
    if code is None:
        return None
    return say(words[code], language) if code in words else code


def if_missed(kind: str, level: str | None, above: str, language: Language) -> str | None:
    """What the reporter can count on when a deadline lapses at a level, and goes to the place `above`.

    None for deadlines that do not concern them.
    """
    texts = {**IF_MISSED, **IF_MISSED_AT_THE_TOP} if level == LADDER[-1] else IF_MISSED
    return say(texts[kind], language).format(above=above) if kind in texts else None
