"""What the steps of raising say that is more than a label: choices, and what to do about what is missing or refused."""

from collections.abc import Mapping

from fastapi import Request

from shared.web.pages import Answer, chosen
from shared.web.pages.rendering import full_width

CATEGORIES = {
    "hardship": ("实际困难", "A hardship", "路灯、用水、补助这类要解决的事", "Street lights, water, allowances: something to be solved"),
    "shortcoming": ("工作不足", "Work that falls short", "该做没做好的事", "Something that is done badly or not at all"),
    "conduct": (
        "干部作风",
        "Conduct of an official",
        "由纪检部门受理,村里看不到,也不公示",
        "Goes to the discipline office; the village cannot see it, and it is never made public",
    ),
    "proposal": ("发展建议", "A proposal", "对村里、镇里发展的想法", "An idea for the village or township"),
}
PRIORITIES = {
    "routine": ("一般", "Routine"),
    "urgent": ("紧急:拖下去损失会变大", "Urgent: waiting makes it worse"),
}
"""A citizen may say that it is urgent; only staff make it an emergency (domain.md, default deadlines)."""

Pair = tuple[str, str]

NEEDED: Mapping[str, Pair] = {
    "category": ("请选一类", "Choose a kind"),
    "topic": ("请选这件事关于什么", "Choose what it is about"),
    "title": ("请用一句话说清楚是什么事", "Say in one line what it is"),
    "narrative": ("请说说详细情况", "Tell us more about it"),
    "name": ("请写姓名,或者选“匿名”", "Write your name, or choose to stay anonymous"),
    "phone": ("请写手机号,或者选“匿名”", "Write your phone number, or choose to stay anonymous"),
}
"""What is said where a step lacks something."""

_PHONE: Pair = ("手机号只写数字,例如 13800001234", "Write the phone number in digits, such as 13800001234")
_UNTYPED: Pair = ("里面有看不见的字符,请删掉重新打一遍", "There are invisible characters in it: delete it and type it again")
_PUBLIC: Pair = (
    "这一句会公示:请去掉电话、身份证号和邮箱",
    "This line is public: take out phone numbers, identity numbers and e-mail addresses",
)
_NAMED: Pair = ("这一句会公示:请去掉您的姓名", "This line is public: take out your name")
_AGAIN: Pair = ("照片没有存好,请重新选一张", "The photo was not kept: please choose it again")
_WRONG: Mapping[tuple[str, str], Pair] = {
    ("phone", "text_pattern"): _PHONE,
    ("phone", "text_control"): _PHONE,
    ("name", "text_control"): _UNTYPED,
    ("title", "text_control"): _UNTYPED,
    ("narrative", "text_control"): _UNTYPED,
    ("title", "personal_data_in_text"): _PUBLIC,
    ("title", "reporter_named"): _NAMED,
    ("category", "choice_expected"): NEEDED["category"],
    ("topic", "unknown_topic"): NEEDED["topic"],
    ("topic", "text_pattern"): NEEDED["topic"],
    ("narrative", "text_too_short"): NEEDED["narrative"],
    ("attachments", "receipt_not_valid"): _AGAIN,
    ("attachments", "receipt_used"): _AGAIN,
    ("number", "text_pattern"): (
        "编号是三段数字,例如 341282-20261109-0031",
        "The number has three groups of digits, such as 341282-20261109-0031",
    ),
    ("phone_last4", "text_pattern"): ("请写手机号的最后四位数字", "Write the last four digits of the phone number"),
}
"""What to do about a refusal of the API, by field and code; for others its own words."""


def needed(request: Request, name: str) -> str:
    """What is said where `name` is missing."""
    return _say(request, NEEDED[name])


def explained(request: Request, answer: Answer) -> dict[str, str]:
    """What is wrong with which field, and what to do about it; "" and the refusal as a whole where no field is named."""
    found: dict[str, str] = {}
    for error in answer.body.get("errors", ()):
        first, _, second = error["pointer"].lstrip("/").partition("/")
        name = second if first == "reporter" and second else first
        text = _WRONG.get((name, error["code"]))
        found.setdefault(name, _say(request, text) if text else error["detail"])
    return found or {"": answer.detail}


def _say(request: Request, text: Pair) -> str:
    return text[1] if chosen(request) == "en" else full_width(text[0])
