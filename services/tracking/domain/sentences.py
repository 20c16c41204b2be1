"""One sentence for each event, made from the facts that the reader may see; a fact that is not there is not spoken of."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from services.tracking.domain.words import OUTCOMES, PRIORITIES, RATINGS, SUPERVISED, Language, inside, say, word

Facts = Mapping[str, Any]


class Names(Protocol):
    """How units, topics, levels and instants are called."""

    def unit(self, unit_id: str) -> str:
        """The name of a unit."""
        ...

    def topic(self, code: str) -> str:
        """The name of a topic."""
        ...

    def level(self, level: str) -> str:
        """A level, as one says it where the issue is: `镇` or `township`."""
        ...

    def when(self, instant: str) -> str:
        """An instant."""
        ...


_ESCALATED_BECAUSE = {
    "accept_deadline_missed": ("{}没有按期签收,系统自动升级", "The {} did not accept it in time"),
    "handle_deadline_missed": ("{}没有按期办结,系统自动升级", "The {} did not finish in time"),
    "arbitration_missed": ("{}没有按期定下由谁办,系统自动升级", "The {} did not settle in time who is in charge"),
    "requested": ("{}解决不了,请上一级接着办", "The {} cannot settle it and asked the level above"),
    "dissatisfied": ("反映人不满意", "The reporter was dissatisfied"),
    "visit_not_content": ("回访时反映人不满意", "The reporter was not content when visited"),
    "reopened": ("事项重新办理", "It was reopened"),
    "reclassified": ("事项类型变更", "It was reclassified"),
}
_VISIT_BECAUSE = {
    "not_answered": ("未能按时告知结果", "the outcome was not told in time"),
    "notice_failed": ("通知未能送达", "the notice could not be delivered"),
    "not_rated": ("尚未评价", "it was not rated"),
    "promise_lapsed": ("承诺期限已到", "the promised date has come"),
    "dissatisfied_again": ("多次办理后仍不满意", "the reporter is still dissatisfied"),
}
_VISITED = {
    "content": ("反映人表示认可", "the reporter is content"),
    "not_content": ("反映人不认可", "the reporter is not content"),
    "unreachable": ("未能联系到反映人", "the reporter could not be reached"),
    "final": ("作最终答复", "a final answer was given"),
}
_ANSWERED_BY = {
    "notice": ("通知已送达", "by a notice"),
    "return_visit": ("回访告知", "in person"),
    "rating": ("反映人已评价", "the reporter has rated it"),
    "withdrawal": ("反映人已撤回", "the reporter withdrew it"),
    "tracking_page": ("在查询页公布", "on this page"),
    "on_the_spot": ("当场告知", "on the spot"),
}
_CLOSED_BECAUSE = {
    "rated": ("反映人已评价", "the reporter rated it"),
    "return_visit": ("回访认可", "the reporter was content when visited"),
    "window_lapsed": ("评价期已过", "the time for a rating has passed"),
    "withdrawn": ("反映人撤回", "the reporter withdrew it"),
    "on_the_spot": ("当场办结", "it was settled on the spot"),
    "final": ("最终答复", "a final answer was given"),
}
_REOPENED_BECAUSE = {
    "dissatisfied": ("反映人不满意", "the reporter was dissatisfied"),
    "visit_not_content": ("回访时反映人不认可", "the reporter was not content when visited"),
    "reopened": ("申请重新办理", "it was asked for"),
}
_ADDRESSEE = {
    "handler": ("主办单位", "the unit in charge"),
    "unit": ("联办单位", "an invited unit"),
    "first_receiver": ("首访人", "the first receiver"),
    "supervisor": ("督办人", "the supervisor"),
}


def sentence(event: str, facts: Facts, names: Names, language: Language) -> str:
    """What happened, in one sentence. Raises KeyError for an event that has none."""
    return _SENTENCES[event](facts, names, language)


def _plain(zh: str, en: str) -> Callable[[Facts, Names, Language], str]:
    return lambda facts, names, language: say((zh, en), language)


def _because(zh: str, en: str, field: str, reasons: Mapping[str, tuple[str, str]]) -> Callable[[Facts, Names, Language], str]:
    """A sentence that names its reason in `{}`."""
    return lambda facts, names, language: say((zh, en), language).format(word(reasons, facts[field], language))


def _in_charge(facts: Facts, names: Names, language: Language) -> str:
    handler: dict[str, Any] = facts.get("handler") or {}
    if not handler.get("unit"):
        return ""
    post: str | None = handler.get("name")
    who = " ".join(part for part in (names.unit(handler["unit"]), post) if part)
    return say(("由{}负责", "{} is in charge"), language).format(who)


def _until(facts: Facts, names: Names, language: Language) -> str:
    due = next((deadline["due_at"] for deadline in facts.get("deadlines", ()) if deadline["kind"] == "handle"), None)
    return say(("期限到{}", "due {}"), language).format(names.when(due)) if due else ""


def _joined(language: Language, *parts: str) -> str:
    said = [part for part in parts if part]
    return ("\uff0c".join(said) + "。") if language == "zh-CN" else (", ".join(said) + ".")


def _raised(facts: Facts, names: Names, language: Language) -> str:
    return say(("记入台账,编号{}。", "Entered in the ledger as {}."), language).format(facts["number"])


def _assigned(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, _in_charge(facts, names, language), _until(facts, names, language))


def _reassigned(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, _in_charge(facts, names, language) or say(("已转办", "Handed over"), language))


def _reclassified(facts: Facts, names: Names, language: Language) -> str:
    topic, priority = names.topic(facts["topic"]), word(PRIORITIES, facts["priority"], language)
    return say(("事项类型调整为{}({})。", "Now classified as {} ({})."), language).format(topic, priority)


def _escalated(facts: Facts, names: Names, language: Language) -> str:
    level = names.level(facts["from_level"])
    because = say(_ESCALATED_BECAUSE[facts["reason"]], language).format(inside(level) if language == "zh-CN" else level)
    return _joined(language, because, _in_charge(facts, names, language), _until(facts, names, language))


def _arbitrated(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("上级已裁定", "The level above decided"), language), _in_charge(facts, names, language))


def _suspended(facts: Facts, names: Names, language: Language) -> str:
    text = say(("等待：{}，最晚到{}。", "Waiting for: {}; until {} at the latest."), language)
    return text.format(facts["condition"], names.when(facts["until"]))


def _resumed(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("接着办", "The work goes on"), language), _until(facts, names, language))


def _referred(facts: Facts, names: Names, language: Language) -> str:
    text = say(("已上报{}协调,承诺在{}前答复。", "Referred to {}; an answer is promised by {}."), language)
    return text.format(facts["to"], names.when(facts["promised_by"]))


def _interim(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("仍在办理", "Still being worked on"), language), _in_charge(facts, names, language))


def _resolved(facts: Facts, names: Names, language: Language) -> str:
    said = say(("{}：{}", "{}: {}"), language).format(word(OUTCOMES, facts["outcome"], language), facts["result"])
    promise = facts.get("promised_by")
    promised = say(("承诺期限{}", "promised by {}"), language).format(names.when(promise)) if promise else ""
    reason = say(("理由:{}", "reason: {}"), language).format(facts["reason"]) if facts.get("reason") else ""
    return _joined(language, said.rstrip("。."), promised, reason.rstrip("。."))


def _reopened(facts: Facts, names: Names, language: Language) -> str:
    why = say(_REOPENED_BECAUSE[facts["reason"]], language)
    return _joined(language, why, _in_charge(facts, names, language), _until(facts, names, language))


def _rated(facts: Facts, names: Names, language: Language) -> str:
    return say(("反映人评价:{}。", "The reporter's rating: {}."), language).format(word(RATINGS, facts["rating"], language))


def _progress(facts: Facts, names: Names, language: Language) -> str:
    return str(facts["note"])


def _warned(facts: Facts, names: Names, language: Language) -> str:
    return say(("期限快到了:{}。", "A deadline is near: {}."), language).format(names.when(facts["due_at"]))


def _returned(facts: Facts, names: Names, language: Language) -> str:
    return say(("承办单位退回:{}", "Returned by the unit: {}"), language).format(facts["reason"])


def _invited(facts: Facts, names: Names, language: Language) -> str:
    units = "、".join(names.unit(task["unit"]) for task in facts.get("tasks", ()))
    together = say(("多单位会诊联办", "Several units handle it together"), language)
    return say(("{}：{}", "{}: {}"), language).format(together, units) if units else together


def _task_completed(facts: Facts, names: Names, language: Language) -> str:
    return say(("联办任务完成:{}", "An invited unit finished: {}"), language).format(facts["result"])


def _extension_requested(facts: Facts, names: Names, language: Language) -> str:
    return say(("申请延期到{}：{}", "Asked for more time, until {}: {}"), language).format(names.when(facts["until"]), facts["reason"])


def _extension_decided(facts: Facts, names: Names, language: Language) -> str:
    granted = say(
        ("同意延期" if facts["granted"] else "不同意延期", "Extension granted" if facts["granted"] else "Extension refused"), language
    )
    return _joined(language, granted, _until(facts, names, language))


def _deadline_changed(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("按新的规则重新算", "Counted anew by the rules in force"), language), _until(facts, names, language))


def _delivered(facts: Facts, names: Names, language: Language) -> str:
    return say(("通知已送出({})。", "A notice was sent ({})."), language).format(facts["channel"])


def _supervised(facts: Facts, names: Names, language: Language) -> str:
    kind, to = word(SUPERVISED, facts["kind"], language), word(_ADDRESSEE, facts["to"], language)
    return say(("督办:{}{}。", "{}: {}."), language).format(kind, to)


_SENTENCES: Mapping[str, Callable[[Facts, Names, Language], str]] = {
    "IssueRaised": _raised,
    "IssueWithdrawn": _plain("反映人撤回了事项。", "The reporter withdrew the issue."),
    "Rated": _rated,
    "ReopenAsked": _plain("反映人申请重新办理。", "The reporter asked to reopen it."),
    "AttachmentAdded": _plain("补充了材料。", "A document was added."),
    "ReporterErased": _plain("反映人信息已删除。", "The reporter's data were erased."),
    "Assigned": _assigned,
    "Accepted": _plain("开始办理。", "The work begins."),
    "Reassigned": _reassigned,
    "Reclassified": _reclassified,
    "ProgressReported": _progress,
    "DeadlineWarned": _warned,
    "Escalated": _escalated,
    "Returned": _returned,
    "Arbitrated": _arbitrated,
    "UnitInvited": _invited,
    "TaskCompleted": _task_completed,
    "TaskLapsed": _plain("联办任务逾期。", "An invited unit is late."),
    "Suspended": _suspended,
    "Resumed": _resumed,
    "ExtensionRequested": _extension_requested,
    "ExtensionDecided": _extension_decided,
    "DeadlineChanged": _deadline_changed,
    "Supervised": _supervised,
    "Referred": _referred,
    "InterimAnswered": _interim,
    "Resolved": _resolved,
    "Answered": _because("已告知结果({})。", "The outcome was told ({}).", "how", _ANSWERED_BY),
    "VisitDue": _because("将安排回访({})。", "A return visit is due ({}).", "reason", _VISIT_BECAUSE),
    "ReturnVisited": _because("已回访:{}。", "Visited: {}.", "result", _VISITED),
    "Reopened": _reopened,
    "Closed": _because("已销号({})。", "Closed ({}).", "how", _CLOSED_BECAUSE),
    "NoticeDelivered": _delivered,
    "NoticeFailed": _plain("通知未能送达。", "A notice could not be delivered."),
}
