"""What a verifier can find, each in one line, in Chinese and English, with what to do."""

from dataclasses import dataclass
from typing import Any, Literal

Where = Literal["stream", "order", "message", "checkpoint"]

_PLACES: dict[Where, str] = {"stream": "事件链", "order": "总序", "message": "消息", "checkpoint": "检查点"}

Kind = Literal[
    "version_gap",
    "no_json",
    "wrong_hash",
    "not_chained",
    "wrong_columns",
    "wrong_head",
    "neither_or_both",
    "position_gap",
    "event_gone",
    "chain_broken",
    "unreadable_messages",
    "not_in_stream",
    "more_not_in_stream",
    "not_in_log",
    "differs",
    "wrong_subject",
    "message_gap",
    "tail_gone",
    "rewritten",
    "file_cut",
    "line_unreadable",
    "line_unchained",
    "line_unsigned",
    "line_unknown_key",
]

_TEXTS: dict[Kind, tuple[str, str]] = {
    "version_gap": ("版本{version}之前是{before}", "version {version} follows version {before}"),
    "no_json": ("版本{version}的内容不是JSON对象", "version {version}: its body is no JSON object"),
    "wrong_hash": ("版本{version}的哈希与内容不符", "version {version}: its hash is not that of its body"),
    "not_chained": ("版本{version}没有接上前一版本", "version {version}: it is not chained to the version before"),
    "wrong_columns": ("版本{version}的列与内容不符", "version {version}: its columns differ from its body"),
    "wrong_head": ("首行写着版本{version}，不是最后的事件", "its head row says version {version}, which is not its last event"),
    "neither_or_both": ("既不在发件箱也未发布，或两处都有", "is neither in the outbox nor published, or both"),
    "position_gap": ("位置{position}之前是{before}", "position {position} follows position {before}"),
    "event_gone": ("位置{position}的事件不见了", "position {position}: the event is gone"),
    "chain_broken": ("位置{position}的链断了", "position {position}: the chain is broken"),
    "unreadable_messages": ("{count}条消息读不出来", "{count} messages cannot be read"),
    "not_in_stream": ("已发布，但流中没有", "was published and is not in the stream"),
    "more_not_in_stream": ("另有{count}条已发布的不在流中", "{count} more that were published are not in the stream"),
    "not_in_log": ("日志中没有{id}", "{id} is not in the log"),
    "differs": ("与日志中的事件{id}不同", "differs from event {id} of the log"),
    "wrong_subject": ("主题不对: {subject}", "is on subject {subject}"),
    "message_gap": ("{stream}的版本{version}之前是{before}", "version {version} of {stream} follows version {before}"),
    "tail_gone": (
        "签名时已有{position}个事件，日志只到{last}，少了{count}个",
        "{position} events were signed for, the log ends at {last}: {count} positions are missing",
    ),
    "rewritten": (
        "位置{before}之后、{position}之前(含)被改写；另有{count}个检查点不符",
        "the log was rewritten behind position {before}, up to {position}; {count} more checkpoints disagree",
    ),
    "file_cut": (
        "数据库记得第{number}行，文件中没有: 末尾被截去或文件被换",
        "lacks line {number}, which the database remembers: its end was cut off, or it is another file",
    ),
    "line_unreadable": ("不是检查点", "is no checkpoint"),
    "line_unchained": (
        "没有接上前一行: 前面被改、被删或被换序",
        "does not follow the line before: something before it was changed, removed or moved",
    ),
    "line_unsigned": ("签名不符: 此行被改", "its signature does not fit: the line was changed"),
    "line_unknown_key": ("签名所用密钥不在密钥文件夹中", "was signed by a key that is not in the secrets folder"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: `stream`, `order` (the published order), `message` (JetStream), `checkpoint` (the signed file)."""

    where: Where
    subject: str
    kind: Kind
    zh: str
    en: str

    def line(self, remedy: str) -> str:
        """One line for a person at the terminal; `remedy` says what to do."""
        return f"{_PLACES[self.where]} {self.where} {self.subject}: {self.zh} {self.en} → {remedy}"


def fault(where: Where, subject: str, kind: Kind, /, **facts: Any) -> Fault:
    """A finding, told with its facts."""
    zh, en = _TEXTS[kind]
    return Fault(where, subject, kind, zh.format(**facts), en.format(**facts))


def remedy(found: Fault, faults: list[Fault]) -> str:
    """What to do about one of `faults`. Where the log itself is in doubt, JetStream may hold the only true copy: it is not refilled."""
    if any(each.where in ("stream", "order") or each.kind in ("tail_gone", "rewritten") for each in faults):
        return "deploy/recovery.md#the-log-was-changed"
    if found.where == "checkpoint":
        return "deploy/recovery.md#the-checkpoints-were-changed"
    return "huiyin events republish"
