"""Where the checker looks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.layout import Layout
from deploy.local.postgres import superuser_url
from shared.messaging.connection import NatsConnection, connect


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses of a stack, or of a test's own database and servers.

    Args:
        database: libpq address as the superuser.
        nats: address as the observer, or None: JetStream is not looked at.
        temporal: `host:port`, or None: workflows are not looked at.
        data: the data folder.
    """

    database: str
    nats: str | None
    temporal: str | None
    data: Path

    @classmethod
    def of(cls, layout: Layout) -> "Places":
        """A whole stack."""
        return cls(superuser_url(layout, "huiyin"), layout.nats_url("observer"), layout.temporal, layout.data)

    @asynccontextmanager
    async def observer(self) -> AsyncIterator[NatsConnection]:
        """A connection to NATS that can only read."""
        assert self.nats is not None
        connection = await connect(self.nats, "checker")
        try:
            yield connection
        finally:
            await connection.close()
