"""Telephone numbers and mail addresses: which channel they allow, how they are masked, how their owner is addressed."""

import re
from dataclasses import dataclass, field

from services.notify.domain.notice import Language
from shared.contracts.notify import NoticeChannel

_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9]\d{9})")
_SEPARATORS = re.compile(r"[\s\-().]")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_COMPOUND_SURNAMES = re.compile(
    "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|司空|夏侯|长孙|宇文|轩辕|端木|申屠|南宫|西门|独孤|澹台|呼延|闻人|万俟|赫连|公冶|濮阳|淳于|太史|钟离"
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to reach somebody. `to` is never kept nor logged; `masked` is what the table keeps."""

    channel: NoticeChannel
    to: tuple[str, ...] = field(repr=False)
    masked: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A reporter as intake knows them at this moment. Does not show what it holds when it is printed."""

    name: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    email: str | None = field(repr=False)
    language: Language
    tracking_url: str = field(repr=False)

    def ways(self) -> tuple[Way, ...]:
        """SMS where the telephone is a mobile, then mail: the order in which they are tried."""
        ways: list[Way] = []
        if digits := mobile(self.phone):
            ways.append(Way("sms", (digits,), mask_phone(digits)))
        if address := mail(self.email):
            ways.append(Way("email", (address,), mask_mail(address)))
        return tuple(ways)


def mobile(phone: str | None) -> str | None:
    """The eleven digits of a mobile number of mainland China (工信部 numbering plan: 1, then 3–9), else None: a landline gets no SMS."""
    match = _MOBILE.fullmatch(_SEPARATORS.sub("", phone or ""))
    return match.group(1) if match else None


def mail(email: str | None) -> str | None:
    """The address if it is one plain address (RFC 5321 dot-string, ASCII) that a mail header cannot misread, else None."""
    text = (email or "").strip()
    return text if _MAIL.fullmatch(text) else None


def mask_phone(digits: str) -> str:
    """`138****2207`."""
    return f"{digits[:3]}****{digits[-4:]}"


def mask_mail(address: str) -> str:
    """`w***@example.cn`."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}***@{domain}"


def salutation(name: str | None, language: Language) -> str:
    """How to address a reporter without giving the whole name away: the family name where the name is Chinese."""
    text = (name or "").strip()
    if re.fullmatch(r"[\u4e00-\u9fff]{2,4}", text):
        family = text[:2] if len(text) > 2 and _COMPOUND_SURNAMES.match(text) else text[:1]
        return f"{family}先生/女士" if language == "zh-CN" else f"Mr/Ms {family}"
    return ("您好" if language == "zh-CN" else "Hello") if not text else text.split()[0][:20]
