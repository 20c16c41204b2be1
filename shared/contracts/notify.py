"""Events that notify emits: what became of a message to the reporter."""

from typing import Literal

from shared.contracts.event import Event

NoticeKind = Literal["received", "assigned", "escalated", "suspended", "interim", "resolved", "closed", "reopened", "referred"]
NoticeChannel = Literal["sms", "email", "apprise"]


class NoticeDelivered(Event, owner="notify"):
    """A notice to the reporter reached a gateway (`accepted`) or the phone (`delivered`).

    Emitted by notify when the gateway answers, and again when its receipt comes. `event_id` and `event_version` name the
    event that the notice tells of; a resolution counts as delivered at `delivered` for SMS, at `accepted` elsewhere.
    Never contains: the address, not even masked; the text.
    """

    notice_id: str
    kind: NoticeKind
    channel: NoticeChannel
    stage: Literal["accepted", "delivered"]
    event_id: str
    event_version: int


class NoticeFailed(Event, owner="notify"):
    """A notice to the reporter failed for good, on every channel that the reporter left.

    Emitted by notify after the last retry. `reason` is notify's own short code. Never contains: the address, the text.
    """

    notice_id: str
    kind: NoticeKind
    channel: NoticeChannel | None
    reason: str
    event_id: str
    event_version: int
