"""Chinese punctuation: source text is typed in half width, readers get it in full width."""

import re
from functools import cache

_HALF = re.compile(r"(?<=[\u3001-\u9fff\u201d])[,;:?!]|[,;:?!](?=[\u3001-\u9fff\u201c])")


@cache
def full_width(zh: str) -> str:
    """Chinese with the punctuation of Chinese: full width beside its characters. For texts of the program: each is kept."""
    wide = _HALF.sub(lambda found: chr(ord(found[0]) + 0xFEE0), zh)
    return re.sub(r"\((?=[\u3001-\u9fff{])([^()]*)\)", "\uff08\\1\uff09", wide)
