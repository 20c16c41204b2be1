"""Style sheets, scripts and the mark: each under an address that names its content, so that a browser keeps it for good."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Response

from shared.problems import not_found

FOLDER = Path(__file__).with_name("assets")
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

router = APIRouter()


@cache
def address(name: str) -> str:
    """Where an asset is served: `/assets/<digest>/<name>`."""
    return f"/assets/{_digest(name)}/{name}"


@cache
def _digest(name: str) -> str:
    return sha256(_contents()[name]).hexdigest()[:12]


@cache
def _contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in FOLDER.iterdir()}


@router.get("/assets/{digest}/{name}")
async def asset(digest: str, name: str) -> Response:
    """A file of this release. A page of an older one gets today's file too, but is not told to keep it."""
    kind = _TYPES.get(Path(name).suffix)
    if kind is None or name not in _contents():
        raise not_found()
    keep = "public, max-age=31536000, immutable" if digest == _digest(name) else "no-cache"
    return Response(_contents()[name], media_type=kind, headers={"Cache-Control": keep})
