"""The baseline of raising an issue: `python -m tests.bench.plain PORT`, the same server and tracing, one SQLModel row and a commit."""

import os
import sys

from fastapi import FastAPI
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel

from services.intake.bootstrap import POOL_SIZE
from shared import telemetry
from shared.loop import run
from shared.web import server

TABLE = """
CREATE TABLE IF NOT EXISTS bench_plain (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, village_code text, channel text, category text, topic text, title text,
    narrative text, priority text, reporter jsonb)
"""


class Matter(SQLModel):
    """The same body."""

    village_code: str
    channel: str
    category: str
    topic: str
    title: str
    narrative: str
    priority: str
    reporter: dict[str, str] = Field(sa_column=Column(JSONB))


class Row(Matter, table=True):
    """One row of it."""

    __tablename__ = "bench_plain"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, primary_key=True)


def application(url: str) -> FastAPI:
    """POST /issues inserts and commits."""
    engine = create_async_engine(url, pool_size=POOL_SIZE, max_overflow=POOL_SIZE)
    sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
    app = FastAPI()
    telemetry.instrument(app)

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        return {}

    @app.post("/issues", status_code=201)
    async def insert(matter: Matter) -> dict[str, int | None]:
        row = Row.model_validate(matter)
        async with sessions() as session:
            session.add(row)
            await session.commit()
        return {"id": row.id}

    return app


if __name__ == "__main__":
    telemetry.setup("plain")
    run(server.run(application(os.environ["HUIYIN_DATABASE_URL"]), port=int(sys.argv[1])))
