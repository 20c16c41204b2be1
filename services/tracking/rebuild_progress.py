"""How far a rebuild is: a row that is written in the transaction of each batch, so that a killed rebuild can go on."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.tables import RebuildProgress
from shared.database import table_of

_TABLE = table_of(RebuildProgress)


@dataclass(frozen=True, slots=True)
class Begun:
    """Position in the published order up to which the shadows are filled, and how many events of issues were read for that."""

    position: int
    read: int


async def found(session: AsyncSession) -> Begun | None:
    """Where a killed rebuild stopped; None if there is none, or another release or another log made it."""
    row = (await session.execute(select(_TABLE).where(_TABLE.c.release == _release()))).one_or_none()
    if row is None or row.chain != await _chain(session, row.position):
        return None
    return Begun(row.position, row.read)


async def begin(session: AsyncSession) -> Begun:
    """Note that nothing is filled yet."""
    await session.execute(insert(_TABLE).values(release=_release(), position=0, read=0, chain=""))
    return Begun(0, 0)


async def advance(session: AsyncSession, position: int, read: int) -> None:
    """Note how far it is."""
    await session.execute(update(_TABLE).values(position=position, read=read, chain=await _chain(session, position)))


async def forget(session: AsyncSession) -> None:
    """The rebuild is over."""
    await session.execute(delete(_TABLE))


async def _chain(session: AsyncSession, position: int) -> str:
    query = text("SELECT chain FROM log.published WHERE position = :position")
    return (await session.execute(query, {"position": position})).scalar_one_or_none() or ""


def _release() -> str:
    """A digest of all that makes projections: this service's modules."""
    digest = sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
