"""One sentence for each event, made from the facts that the reader may see; a fact that is not there is not spoken of."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from services.tracking.domain.words import LEVELS, OUTCOMES, PRIORITIES, RATINGS, Language, local, say, word

Facts = Mapping[str, Any]


class Names(Protocol):
    """How units and topics are called."""

    def unit(self, unit_id: str) -> str:
        """The name of a unit."""
        ...

    def topic(self, code: str) -> str:
        """The name of a topic."""
        ...


_ESCALATED_BECAUSE = {
    "accept_deadline_missed": ("逾期未签收", "It was not accepted in time"),
    "handle_deadline_missed": ("逾期未办结", "It was not settled in time"),
    "arbitration_missed": ("逾期未裁定", "Nobody decided in time who is in charge"),
    "requested": ("本级难以解决", "This level cannot settle it"),
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
_SUPERVISED = {"urge": ("催办", "Urged"), "notice": ("通报", "Noticed"), "criticism": ("批评", "Criticised")}
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


def _until(facts: Facts, language: Language) -> str:
    due = next((deadline["due_at"] for deadline in facts.get("deadlines", ()) if deadline["kind"] == "handle"), None)
    return say(("期限 {}", "due {}"), language).format(local(due)) if due else ""


def _joined(language: Language, *parts: str) -> str:
    said = [part for part in parts if part]
    return (",".join(said) + "。") if language == "zh-CN" else (", ".join(said) + ".")


def _raised(facts: Facts, names: Names, language: Language) -> str:
    return say(("已登记,编号 {}。", "Received, number {}."), language).format(facts["number"])


def _assigned(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("已交办", "Assigned"), language), _in_charge(facts, names, language), _until(facts, language))


def _reassigned(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("已转办", "Handed over"), language), _in_charge(facts, names, language))


def _reclassified(facts: Facts, names: Names, language: Language) -> str:
    topic, priority = names.topic(facts["topic"]), word(PRIORITIES, facts["priority"], language)
    return say(("事项类型调整为{}({})。", "Now classified as {} ({})."), language).format(topic, priority)


def _escalated(facts: Facts, names: Names, language: Language) -> str:
    because = say(_ESCALATED_BECAUSE[facts["reason"]], language)
    to = word(LEVELS, facts["to_level"], language)
    lifted = say(("{},已上报至{}级", "{}; lifted to the level: {}"), language).format(because, to)
    return _joined(language, lifted, _in_charge(facts, names, language), _until(facts, language))


def _arbitrated(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("上级已裁定", "The level above decided"), language), _in_charge(facts, names, language))


def _suspended(facts: Facts, names: Names, language: Language) -> str:
    text = say(("办理暂停,等待:{},至 {}。", "Suspended until {1}, waiting for: {0}."), language)
    return text.format(facts["condition"], local(facts["until"]))


def _resumed(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("恢复办理", "The work goes on"), language), _until(facts, language))


def _referred(facts: Facts, names: Names, language: Language) -> str:
    text = say(("已上报{}协调,承诺于 {} 前答复。", "Referred to {}; an answer is promised by {}."), language)
    return text.format(facts["to"], local(facts["promised_by"]))


def _interim(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("阶段答复:仍在办理", "Still being worked on"), language), _in_charge(facts, names, language))


def _resolved(facts: Facts, names: Names, language: Language) -> str:
    said = f"{word(OUTCOMES, facts['outcome'], language)}: {facts['result']}"
    promise = facts.get("promised_by")
    promised = say(("承诺期限 {}", "promised by {}"), language).format(local(promise)) if promise else ""
    reason = say(("理由:{}", "reason: {}"), language).format(facts["reason"]) if facts.get("reason") else ""
    return _joined(language, said.rstrip("。."), promised, reason.rstrip("。."))


def _reopened(facts: Facts, names: Names, language: Language) -> str:
    why = word(_REOPENED_BECAUSE, facts["reason"], language)
    again = say(("重新办理({})", "Reopened ({})"), language).format(why)
    return _joined(language, again, _in_charge(facts, names, language), _until(facts, language))


def _rated(facts: Facts, names: Names, language: Language) -> str:
    return say(("反映人评价:{}。", "The reporter's rating: {}."), language).format(word(RATINGS, facts["rating"], language))


def _progress(facts: Facts, names: Names, language: Language) -> str:
    return say(("进展:{}", "Progress: {}"), language).format(facts["note"])


def _warned(facts: Facts, names: Names, language: Language) -> str:
    return say(("期限将至:{}。", "A deadline is near: {}."), language).format(local(facts["due_at"]))


def _returned(facts: Facts, names: Names, language: Language) -> str:
    return say(("承办单位退回:{}", "Returned by the unit: {}"), language).format(facts["reason"])


def _invited(facts: Facts, names: Names, language: Language) -> str:
    units = "、".join(names.unit(task["unit"]) for task in facts.get("tasks", ()))
    return say(("多单位会诊联办", "Several units handle it together"), language) + (f": {units}" if units else "")


def _task_completed(facts: Facts, names: Names, language: Language) -> str:
    return say(("联办任务完成:{}", "An invited unit finished: {}"), language).format(facts["result"])


def _extension_requested(facts: Facts, names: Names, language: Language) -> str:
    return say(("申请延期至 {}:{}", "Asked for more time, until {}: {}"), language).format(local(facts["until"]), facts["reason"])


def _extension_decided(facts: Facts, names: Names, language: Language) -> str:
    granted = say(
        ("同意延期" if facts["granted"] else "不同意延期", "Extension granted" if facts["granted"] else "Extension refused"), language
    )
    return _joined(language, granted, _until(facts, language))


def _deadline_changed(facts: Facts, names: Names, language: Language) -> str:
    return _joined(language, say(("期限调整", "The deadlines were changed"), language), _until(facts, language))


def _delivered(facts: Facts, names: Names, language: Language) -> str:
    return say(("通知已送出({})。", "A notice was sent ({})."), language).format(facts["channel"])


def _supervised(facts: Facts, names: Names, language: Language) -> str:
    kind, to = word(_SUPERVISED, facts["kind"], language), word(_ADDRESSEE, facts["to"], language)
    return say(("督办:{}{}。", "{}: {}."), language).format(kind, to)


_SENTENCES: Mapping[str, Callable[[Facts, Names, Language], str]] = {
    "IssueRaised": _raised,
    "IssueWithdrawn": _plain("反映人撤回了事项。", "The reporter withdrew the issue."),
    "Rated": _rated,
    "ReopenAsked": _plain("反映人申请重新办理。", "The reporter asked to reopen it."),
    "AttachmentAdded": _plain("补充了材料。", "A document was added."),
    "ReporterErased": _plain("反映人信息已删除。", "The reporter's data were erased."),
    "Assigned": _assigned,
    "Accepted": _plain("已签收,开始办理。", "Accepted; the work begins."),
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
