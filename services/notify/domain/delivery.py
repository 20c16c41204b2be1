"""What becomes of a message: channels in order, retries, receipts. Pure.

A message is one notice on one channel:

    sending ──accepted──▶ accepted ──receipt──▶ delivered
       │                     │  └──receipt failed, or none in time──▶ failed
       └──refused, retries used up──▶ failed ──late receipt──▶ delivered

A channel that failed for good hands the notice to the next one; after the last the notice has failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from services.notify.domain.addresses import Way
from shared.contracts.notify import NoticeChannel

MessageState = Literal["sending", "accepted", "delivered", "failed"]
NoticeState = Literal["queued", "accepted", "delivered", "failed", "skipped", "superseded"]
ReceiptStatus = Literal["delivered", "failed"]

WITH_RECEIPTS: frozenset[NoticeChannel] = frozenset({"sms"})
"""Channels on which acceptance is not the last word."""

MERGEABLE = frozenset({"received", "assigned", "escalated", "suspended", "referred", "interim"})
"""Kinds that a later notice of the same issue replaces when an outage held both back. A resolution is never merged away, nor what
follows it."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The channel took the message. `final`: no receipt will follow, so this is all that can be known."""

    final: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """The channel is not able now; the same message may be sent again. `reason` is a short code without any address."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The channel will never take this message. `reason` is a short code without any address."""

    reason: str


Attempt = Accepted | Retry | Refused


def next_way(ways: Sequence[Way], failed: frozenset[NoticeChannel]) -> Way | None:
    """The first way, in order of preference, whose channel has not failed for good."""
    return next((way for way in ways if way.channel not in failed), None)


def delay_after(tries: int, delays: Sequence[timedelta]) -> timedelta | None:
    """How long to wait after the try number `tries` (from 1), or None when that was the last: one try more than there are delays."""
    return delays[tries - 1] if tries <= len(delays) else None


def on_receipt(state: MessageState, status: ReceiptStatus) -> MessageState | None:
    """The state that a receipt leads to, or None when it says nothing new.

    Receipts come late, twice and in any order. `delivered` is the last word: what reached the phone is not undone by a later
    `failed`; a `delivered` that comes after `failed` (or after we gave up waiting) is believed, for the reporter did get it. A
    receipt may overtake the gateway's own answer (`sending`).
    """
    if state == "delivered":
        return None
    if status == "delivered":
        return "delivered"
    return None if state == "failed" else "failed"
