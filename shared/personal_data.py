"""Finds personal data in texts that everybody may read: phone numbers, identity numbers, e-mail addresses.

Used to refuse titles, notes and results (decision 6), and to mask what a log line would otherwise tell.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Literal

Kind = Literal["identity_number", "phone", "email"]

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DASHES = re.compile("[\u2010-\u2015\u2212\u30fc]")

_OURS = re.compile(
    r"(?<![0-9A-Za-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9A-Za-z])"  # an id
    r"|(?<![0-9A-Za-z])[0-9a-f]{32,64}(?![0-9A-Za-z])"  # a hash, a trace id
    r"|(?<![0-9])[1-8][0-9]{5}-20(?:2[6-9]|[3-9][0-9])[01][0-9][0-3][0-9]-[0-9]{1,8}(?![0-9])"  # an issue's number
)
"""Our own identifiers hold long runs of digits. The year in an issue's number keeps it apart from an identity number with dashes."""

_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}")


def _digits(pattern: str, separator: str) -> str:
    """`pattern`, a list of one-digit patterns, with the separator allowed between any two."""
    return f"{separator}?".join(pattern.split())


_SEPARATORS = (" ", "-", r"\.", "·", "_")
_MOBILE = "1 [3-9] [0-9] [0-9] [0-9] [0-9] [0-9] [0-9] [0-9] [0-9] [0-9]"
_COUNTRY = r"(?:\+?86[ \-.]{0,2}|0086[ \-.]{0,2})?"
_PHONE = re.compile(
    "|".join(rf"(?<![0-9]){_COUNTRY}{_digits(_MOBILE, separator)}(?![0-9])" for separator in _SEPARATORS)
    + rf"|(?<![0-9]){_COUNTRY}1[3-9][0-9][ \-.]{{0,3}}[0-9]{{4}}[ \-.]{{0,3}}[0-9]{{4}}(?![0-9])"
    # Area codes: 010, 02x with eight digits; 03xx to 09xx with seven or eight (GB/T 15120 numbering plan).
    + r"|(?<![0-9])\(?(?:010|02[0-9])\)?[ \-.]{0,2}[2-8][0-9]{3}[ \-]?[0-9]{4}(?![0-9])"
    + r"|(?<![0-9])\(?0[3-9][0-9]{2}\)?[ \-.]{0,2}[2-8][0-9]{2,3}[ \-]?[0-9]{4}(?![0-9])"
)
_IDENTITY = re.compile("|".join(rf"(?<![0-9]){_digits('[1-9] ' + '[0-9] ' * 16 + '[0-9Xx]', s)}(?![0-9])" for s in _SEPARATORS))
_IDENTITY_GROUPS = re.compile(r"(?<![0-9])[1-9][0-9]{5}[ \-._]{0,3}[0-9]{8}[ \-._]{0,3}[0-9]{3}[ \-._]{0,1}[0-9Xx](?![0-9])")


def contains_personal_data(text: str) -> Kind | None:
    """What kind of personal data a text holds, the gravest first, or None.

    Full-width and other digits, invisible characters and separators between digits do not hide a number. What has the form of an
    identity number counts if it holds a date of birth (GB 11643).
    """
    plain = _OURS.sub("#", _plain(text))
    if any(True for _ in _identities(plain)):
        return "identity_number"
    if _PHONE.search(plain):
        return "phone"
    return "email" if _EMAIL.search(plain) else None


def masked(text: str) -> str:
    """The text with phone numbers, identity numbers and e-mail addresses replaced by `***`; our own identifiers stay."""
    parts: list[str] = []
    end = 0
    for match in _OURS.finditer(text):
        parts += [_masked(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, _masked(text[end:])])


def _masked(text: str) -> str:
    plain = _plain(text)
    spans = sorted([*_identities(plain), *(match.span() for pattern in (_PHONE, _EMAIL) for match in pattern.finditer(plain))])
    if not spans:
        return text
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            parts += [plain[end:start], "***"]
        end = max(end, stop)
    return "".join([*parts, plain[end:]])


def _plain(text: str) -> str:
    normal = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _DASHES.sub("-", "".join(_ascii_digit(character) for character in normal))


def _ascii_digit(character: str) -> str:
    value = unicodedata.decimal(character, -1)
    return str(value) if value >= 0 else character


def _identities(plain: str) -> Iterator[tuple[int, int]]:
    for pattern in (_IDENTITY, _IDENTITY_GROUPS):
        for match in pattern.finditer(plain):
            if _is_born(re.sub("[^0-9Xx]", "", match[0]).upper()):
                yield match.span()


def _is_born(number: str) -> bool:
    """Whether digits 7 to 14 are a date of birth. A wrong check digit does not matter: a mistyped number still points at somebody."""
    try:
        return date(1900, 1, 1) <= date.fromisoformat(number[6:14]) <= date(2100, 12, 31)
    except ValueError:
        return False
