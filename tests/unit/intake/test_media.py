import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from services.intake.media import Refused, examined

CANARY = b"CANARY-13800001234"


def picture(kind: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> bytes:
    image = Image.new(mode, size, "red" if mode != "P" else 3)
    drawn = io.BytesIO()
    image.save(drawn, kind, **options)
    return drawn.getvalue()


def exif() -> Image.Exif:
    marks = Image.Exif()
    marks[0x010E] = CANARY.decode()
    marks[0x0112] = 6
    return marks


def pdf(*, inside: bytes = b"", before: bytes = b"", after: bytes = b"") -> bytes:
    return before + b"%PDF-1.7\n1 0 obj <<" + inside + b">> endobj\nxref\n0 1\ntrailer <<>>\nstartxref\n30\n%%EOF\n" + after


def zip_file() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "hello")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("PNG", mode="P"), "image/png"),
        (picture("PNG", mode="I;16"), "image/png"),
        (picture("PNG", mode="RGBA"), "image/png"),
        (picture("JPEG", mode="CMYK"), "image/jpeg"),
        (picture("JPEG", mode="L"), "image/jpeg"),
        (picture("WEBP", mode="RGBA"), "image/webp"),
        (pdf(), "application/pdf"),
    ],
)
def test_photos_and_documents_are_kept(content: bytes, media_type: str):
    kept = examined(content)
    assert kept.media_type == media_type
    assert examined(kept.content).media_type == media_type, "what is given out is of the same kind"


def test_images_lose_everything_but_their_pixels():
    marks = PngInfo()
    marks.add_text("Comment", CANARY.decode())
    for content in (
        picture("JPEG", exif=exif(), comment=CANARY),
        picture("JPEG", icc_profile=CANARY * 20),
        picture("PNG", pnginfo=marks, exif=exif()),
        picture("WEBP", exif=exif(), xmp=CANARY),
        picture("JPEG") + CANARY,
        picture("PNG") + zip_file() + CANARY,
    ):
        assert CANARY in content
        assert CANARY not in examined(content).content


def test_a_photo_is_turned_upright_before_its_orientation_is_lost():
    kept = examined(picture("JPEG", size=(40, 30), exif=exif())).content
    assert Image.open(io.BytesIO(kept)).size == (30, 40)


def flood(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "media_not_supported"),
        (b"hello", "media_not_supported"),
        (b"GIF89a" + b"\x00" * 50, "media_not_supported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "media_not_supported"),
        (b"MZ" + b"\x00" * 100, "media_not_supported"),
        (zip_file(), "media_not_supported"),
        (picture("BMP"), "media_not_supported"),
        (picture("TIFF"), "media_not_supported"),
        (b"\xff\xd8\xff" + b"\x00" * 100, "image_broken"),
        (picture("JPEG")[:-200], "image_broken"),
        (picture("PNG")[:60], "image_broken"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image_broken"),
        (flood(100, 100), "image_broken"),
        (flood(8000, 6000), "image_too_large"),
        (flood(60000, 60000), "image_too_large"),
        (flood(2**31 - 1, 2**31 - 1), "image_too_large"),
        (pdf(before=b"\n"), "media_not_supported"),
        (b"%PDF-1.7\nnothing", "pdf_broken"),
        (pdf(after=b"<script>alert(1)</script>"), "pdf_broken"),
        (pdf(after=zip_file()), "pdf_broken"),
        (pdf(after=zip_file() + b"\n%%EOF"), "media_not_supported"),
        (pdf(inside=zip_file()), "media_not_supported"),
        (pdf(inside=b"<html><body>"), "media_not_supported"),
        (pdf(inside=b"/S /JavaScript /JS (app.alert(1))"), "pdf_active"),
        (pdf(inside=b"/S /Launch /F (cmd.exe)"), "pdf_active"),
        (pdf(inside=b"/EmbeddedFiles 3 0 R"), "pdf_active"),
    ],
)
def test_anything_else_is_refused(content: bytes, code: str):
    with pytest.raises(Refused) as refused:
        examined(content)
    assert refused.value.code == code
