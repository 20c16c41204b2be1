"""Whether a text that everybody may read names the reporter."""

import re
import unicodedata

_GAPS = re.compile(r"[\s·]")


def names(text: str, name: str) -> bool:
    """Whether `text` contains the person's `name`, whatever its case, width and spacing. A single character names nobody."""
    wanted, where = _folded(name), _folded(text)
    if wanted.isascii():
        words = r"\s+".join(re.escape(word) for word in wanted.split())
        return len(wanted.strip()) > 1 and re.search(rf"(?<![a-z]){words}(?![a-z])", where) is not None
    wanted = _GAPS.sub("", wanted)
    return len(wanted) > 1 and wanted in _GAPS.sub("", where)


def _folded(text: str) -> str:
    """Compatibility form in one case, without invisible (format) characters."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf").casefold()
