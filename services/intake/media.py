"""What an upload is, by its content alone: JPEG, PNG, WebP or PDF. Images are drawn anew, so nothing else they carried survives."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from PIL import Image, ImageOps

LARGEST_UPLOAD = 10 * 1024 * 1024
LARGEST_IMAGE = 40_000_000
"""Pixels. Phones make 12 to 50 million; drawing one takes four bytes a pixel, and a few kilobytes of PNG can claim billions."""
_PDF_TAIL = 1024
_ZIP_TAIL = 22 + 65_535
"""Where a ZIP's end-of-central-directory record must begin: 22 bytes and a comment of at most 65,535."""
_ACTIVE_PDF = (b"/JavaScript", b"/JS(", b"/JS (", b"/Launch", b"/EmbeddedFile", b"/RichMedia")
_IMAGE_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}

MediaType = Literal["image/jpeg", "image/png", "image/webp", "application/pdf"]


class Refused(ValueError):
    """Content that is not kept. `code` says why."""

    def __init__(self, code: Literal["media_not_supported", "image_too_large", "image_broken", "pdf_broken", "pdf_active"]) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Media:
    """Content as it is kept and given out again."""

    content: bytes
    media_type: str
    sha256: str


def examined(content: bytes) -> Media:
    """What to keep of an upload. Takes time and memory in proportion to the picture: call it in a thread. Raises `Refused`."""
    if content.startswith((b"%PDF-1.", b"%PDF-2.")):
        kept, media_type = _pdf(content), "application/pdf"
    elif content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP"):
        kept, media_type = _redrawn(content)
    else:
        raise Refused("media_not_supported")
    return Media(kept, media_type, hashlib.sha256(kept).hexdigest())


def _pdf(content: bytes) -> bytes:
    """A PDF as it is, if it ends as one, is no ZIP or page at the same time, and shows no active content in the clear."""
    if not content.rstrip(b"\x00\r\n\t ").endswith(b"%%EOF") or b"startxref" not in content[-_PDF_TAIL:]:
        raise Refused("pdf_broken")
    head = content[:_PDF_TAIL].lower()
    if b"PK\x05\x06" in content[-_ZIP_TAIL:] or b"<html" in head or b"<script" in head or b"<?php" in head:
        raise Refused("media_not_supported")
    if any(name in content for name in _ACTIVE_PDF):
        raise Refused("pdf_active")
    return content


def _redrawn(content: bytes) -> tuple[bytes, str]:
    """The first frame, upright, as pixels only: no EXIF, comments, profiles or bytes after the end."""
    try:
        with Image.open(BytesIO(content), formats=tuple(_IMAGE_TYPES)) as opened:
            if opened.width * opened.height > LARGEST_IMAGE:
                raise Refused("image_too_large")
            kind = opened.format or ""
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            picture = upright.convert("RGBA" if upright.has_transparency_data and kind != "JPEG" else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused("image_too_large") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused("image_broken") from error
    clean = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    drawn = BytesIO()
    clean.save(drawn, kind, **({"quality": 88} if kind != "PNG" else {}))
    return drawn.getvalue(), _IMAGE_TYPES[kind]
