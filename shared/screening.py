"""What may not stand in a published text: phone and identity numbers, e-mail addresses, the reporter's name.

Titles, notes and official results travel in events, which nobody can change afterwards, so they are refused before they are recorded.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date

_NUMERALS = str.maketrans("〇零幺一二三四五六七八九", "001123456789")
_SEPARATORS = r"[\s.·()/_+—–-]{0,3}"
_LONGEST = 18
_RUN = re.compile(rf"\d(?:{_SEPARATORS}\d)+[xX]?(?![0-9A-Za-z])")
_ISSUE_NUMBER = re.compile(r"(?<!\d)\d{6}-\d{8}-\d{4,}(?!\d)")
_MOBILE = re.compile(r"(?:0{0,2}86)?1[3-9]\d{9}")
_LANDLINE = re.compile(r"(?:0{0,2}86)?0(?:10|2\d|[3-9]\d{2})\d{7,8}|400\d{7}|800\d{7}")
_IDENTITY = re.compile(r"[1-8]\d{5}((?:19|20)\d{6})\d{3}[\dX]")
"""GB 11643: region, date of birth, serial, check digit. A wrong check digit is a typing error, not another kind of number."""
_EMAIL = re.compile(r"[\w.%+-]@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}", re.IGNORECASE | re.ASCII)
_OLD_IDENTITY = re.compile(r"[1-8]\d{5}(\d{6})\d{3}")


def has_personal_number(text: str) -> bool:
    """Whether `text` holds a Chinese phone number, a resident identity number or an e-mail address.

    Full-width digits, Chinese numerals, separators and invisible characters do not hide one. Issue numbers, dates, amounts and
    region codes pass.
    """
    folded = _folded(text)
    if _EMAIL.search(folded):
        return True
    plain = _ISSUE_NUMBER.sub(" ", folded.translate(_NUMERALS))
    return any(_is_personal(number) for run in _RUN.finditer(plain) for number in _joined(re.findall(r"\d+[xX]?", run.group())))


def names(text: str, name: str) -> bool:
    """Whether `text` contains the person's `name`, whatever the case, width and spacing. A single character names nobody."""
    wanted = _folded(name).casefold()
    if wanted.isascii():
        words = r"\s+".join(re.escape(word) for word in wanted.split())
        return len(wanted.strip()) > 1 and re.search(rf"(?<![a-z]){words}(?![a-z])", _folded(text).casefold()) is not None
    wanted = re.sub(r"[\s·]", "", wanted)
    return len(wanted) > 1 and wanted in re.sub(r"[\s·]", "", _folded(text).casefold())


def has_control_characters(text: str, *, allowed: str = "") -> bool:
    """Whether `text` holds control characters or marks that reorder text (bidirectional overrides), other than `allowed`."""
    return any(char not in allowed and (unicodedata.category(char) == "Cc" or char in _REORDERING) for char in text)


_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _folded(text: str) -> str:
    """Compatibility form without invisible (format) characters."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")


def _joined(groups: list[str]) -> Iterator[str]:
    """Every stretch of neighbouring digit groups as one number, so that "5楼 138 1234 5678" shows its phone number."""
    for start in range(len(groups)):
        number = ""
        for group in groups[start:]:
            number += group
            if len(number) > _LONGEST:
                break
            yield number.upper()


def _is_personal(number: str) -> bool:
    if _MOBILE.fullmatch(number) or _LANDLINE.fullmatch(number):
        return True
    if found := _IDENTITY.fullmatch(number):
        return _is_date(found.group(1))
    found = _OLD_IDENTITY.fullmatch(number)
    return found is not None and _is_date("19" + found.group(1))


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True
