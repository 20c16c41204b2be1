"""A picture for the demo's evidence: plain colour with a number's worth of stripes, so that no two matters share one."""

from io import BytesIO

from PIL import Image, ImageDraw


def photo(number: int) -> bytes:
    """A small PNG that differs for each number."""
    image = Image.new("RGB", (160, 120), (21, 58, 94))
    draw = ImageDraw.Draw(image)
    for bit in range(8):
        if number >> bit & 1:
            draw.rectangle((bit * 20, 40, bit * 20 + 14, 80), fill=(255, 255, 255))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
