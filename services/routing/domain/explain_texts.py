"""An explanation as short sentences in zh-CN and en, for those whom a deadline concerns. Times are Asia/Shanghai."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Literal

from services.routing.domain.explain_words import CRITERIA, DAYS, KINDS, LEVELS, SENTENCES, STATES, UNITS, VALUES, Words
from shared.worktime import SHANGHAI

Language = Literal["zh-CN", "en"]


def sentences(explanation: Mapping[str, Any], language: Language, *, topics: Words | None = None) -> list[str]:
    """What `explain` found, told in sentences: first how the issue stood, then each deadline, then each stopped clock.

    Args:
        explanation: what `explain` returned.
        language: of the sentences. Names of rules, reasons and conditions stand as people wrote them.
        topics: code → (zh, en) of the directory's topics; a topic that is not among them is told by its code.
    """
    return list(_Speaker(language, topics or {}).all(explanation))


def sums(explanation: Mapping[str, Any], language: Language) -> list[dict[str, str]]:
    """Each running deadline in short: `kind`, `rule` (and policy version), `allowance`, `used`, `left` ("" where unknown), `due_at`."""
    return list(_Speaker(language, {}).sums(explanation))


class _Speaker:
    def __init__(self, language: Language, topics: Words) -> None:
        self._index = 0 if language == "zh-CN" else 1
        self._topics = topics

    def all(self, told: Mapping[str, Any]) -> Iterator[str]:
        yield self._standing(told)
        for deadline in told["deadlines"]:
            yield from self._running(deadline, told["at"])
        for clock in told["paused"]:
            yield from self._stopped(clock)

    def sums(self, told: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        for each in told["deadlines"]:
            known = each["seconds_left"] is not None
            given = each["allowance"]
            yield {
                "kind": self._word(KINDS, each["kind"]),
                "rule": f"{each['rule']} · {each['policy_version']}" if each["rule"] else "",
                "allowance": self._amount(given) if given else "",
                "used": self._length(each["seconds_used"], each) if known else "",
                "left": self._length(each["seconds_left"], each) if known else "",
                "due_at": each["due_at"].isoformat() if isinstance(each["due_at"], datetime) else each["due_at"],
            }

    def _standing(self, told: Mapping[str, Any]) -> str:
        state = self._word(STATES, told["state"] or "raised")
        level = f"{self._say('comma')}{self._word(LEVELS, told['level'])}" if told["level"] else ""
        none = "" if told["deadlines"] or told["paused"] else self._say("none")
        return self._say("standing", number=told["number"], at=_time(told["at"]), state=state, level=level) + none

    def _running(self, told: Mapping[str, Any], at: datetime) -> Iterator[str]:
        yield self._say("due", kind=self._word(KINDS, told["kind"]), due=_time(told["due_at"])) + self._reason(told)
        yield from self._happened(told)
        if told["seconds_left"] is not None:
            lapsed = told["due_at"] <= at
            used, left = (self._length(told[name], told) for name in ("seconds_used", "seconds_left"))
            yield self._say("lapsed" if lapsed else "used", used=used, left=left)
        if told["warn_at"] is not None:
            share = self._say("share", share=told["share"]) if told["share"] is not None else ""
            yield self._say("warned", at=_time(told["warn_at"]), share=share)
        yield from self._doubts(told)
        yield from self._lost(told)

    def _stopped(self, told: Mapping[str, Any]) -> Iterator[str]:
        left = self._length(told["seconds_left"], told)
        yield self._say("stopped", kind=self._word(KINDS, told["kind"]), left=left) + self._reason(told)
        yield from self._happened(told)
        yield from self._doubts(told)
        yield from self._lost(told)

    def _reason(self, told: Mapping[str, Any]) -> str:
        """Why this length: the rule, or who chose the date."""
        if told["extended"]:
            return self._say("rule_before", rule=told["rule"] or "–", allowance=self._amount(told["allowance"]), start=_time(told["start"]))
        if told["chosen"]:
            return self._say("chosen", start=_time(told["start"]))
        grace = self._say("grace") if told["setting"] == "grace" else ""
        parts = {"rule": told["rule"] or "–", "version": told["policy_version"], "allowance": self._amount(told["allowance"])}
        start = told["counted_from"] if grace else told["start"]
        return grace + self._say("recurring" if told["kind"] == "interim" and not grace else "ruled", **parts, start=_time(start))

    def _happened(self, told: Mapping[str, Any]) -> Iterator[str]:
        for extension in told["extensions"]:
            yield self._say("extended", at=_time(extension["at"]), until=_time(extension["until"]), reason=extension["reason"])
        for pause in told["pauses"]:
            until = _time(pause["until"]) if pause["until"] else None
            name = "pause" if until else "pausing"
            yield self._say(name, since=_time(pause["from"]), until=until, condition=pause["condition"])
        for move in told["moves"]:
            former, now = _time(move["former_due_at"]), _time(move["due_at"])
            grace = self._say("moved_with_grace") if move["grace"] else ""
            yield self._say("moved", at=_time(move["at"]), reason=move["reason"], former=former, due=now) + grace
        left: int | None = told["left"]
        resumed = told["pauses"] and told["pauses"][-1]["until"]
        if resumed and left is not None and told["setting"] != "grace" and told["kind"] != "interim":
            yield self._say("counted", start=_time(told["counted_from"]), left=self._length(left, told))
        yield from self._days(told["special_days"] or [])

    def _days(self, days: list[dict[str, str]]) -> Iterator[str]:
        for kind in DAYS:
            listed = [self._day(day) for day in days if day["kind"] == kind]
            if listed:
                yield self._say("days", days=self._say("list_comma").join(listed), what=self._word(DAYS, kind))

    def _day(self, day: Mapping[str, str]) -> str:
        found = date.fromisoformat(day["day"])
        return self._say("day", day=found.isoformat(), note=self._say("note", note=day["note"]) if day["note"] else "")

    def _doubts(self, told: Mapping[str, Any]) -> Iterator[str]:
        if told["announced"] is False and told["time"] == "working" and not told["chosen"]:
            yield self._say("unannounced")
        if told["announced"] is None:
            yield self._say("unknown_calendar", version=told["calendar_version"])
        if told["losers"] is None:
            yield self._say("unknown_policy", version=told["policy_version"])
        if told["holds"] is False:
            yield self._say("differs", recomputed=_time(told["recomputed"]))

    def _lost(self, told: Mapping[str, Any]) -> Iterator[str]:
        losers: list[dict[str, Any]] = told["losers"] or []
        for loser in losers:
            if loser["why"] == "less_specific":
                yield self._say("less_specific", rule=loser["rule"], winner=told["rule"] or "–")
            else:
                criteria = self._say("list_comma").join(self._criterion(each) for each in loser["criteria"])
                yield self._say("does_not_fit", rule=loser["rule"], criteria=criteria)

    def _criterion(self, each: Mapping[str, Any]) -> str:
        criterion: str = each["criterion"]
        found: list[str] = each["found"] if criterion == "label" else [each["found"]]
        has = self._say("list_comma").join(self._value(criterion, one) for one in found)
        wanted = self._value(criterion, each["wanted"])
        return self._say("criterion", criterion=self._word(CRITERIA, criterion), wanted=wanted, found=has or self._say("no_label"))

    def _value(self, criterion: str, value: str) -> str:
        return self._word(self._topics if criterion == "topic" else VALUES.get(criterion, {}), value)

    def _amount(self, allowance: Mapping[str, Any] | None) -> str:
        if allowance is None:
            return "–"
        return self._count(allowance["amount"], allowance["unit"])

    def _length(self, seconds: int, told: Mapping[str, Any]) -> str:
        """A length in its own time, in at most two units, e.g. 3 working days 2 hours."""
        working, day = told["time"] == "working", told["working_day"] or 0
        sizes = [("working_days", day), ("working_hours", 3600)] if working else [("days", 86400), ("hours", 3600)]
        parts: list[str] = []
        rest = seconds
        for unit, size in (*sizes, ("minutes", 60), ("seconds", 1)):
            count = rest // size if size else 0
            rest -= count * size
            if count and len(parts) < 2:
                parts.append(self._count(count, unit))
        return " ".join(parts) if parts else self._count(0, "working_hours" if working else "hours")

    def _count(self, amount: int, unit: str) -> str:
        word = self._word(UNITS, unit)
        return f"{amount} {word}" if self._index == 0 or amount != 1 else f"1 {word.removesuffix('s')}"

    def _word(self, words: Words, code: str) -> str:
        return words[code][self._index] if code in words else code

    def _say(self, name: str, **parts: object) -> str:
        return SENTENCES[name][self._index].format(**parts)


def _time(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
