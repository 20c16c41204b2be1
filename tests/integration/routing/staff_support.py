"""Routing's staff side on a database of its own, as `bootstrap` builds it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from services.routing.entrypoints import directory, sessions
from services.routing.staff import Staff, build_staff, seed_staff
from shared.clock import ManualClock, PostgresClock
from shared.database import Database
from shared.eventlog import EventLog
from shared.outgoing import http_client
from shared.regions import Regions
from shared.security.trusted import token_verifier
from shared.settings import CommonSettings
from shared.web.app import create_app
from tests.support.servers import StackDatabase

DEMO = Path("deploy/demo")
PLACES = ("330182000000", "330182104", "330182105000", "330523000000")
"""A county with a township and its villages, the next township, and another county: enough, and seeded in a moment."""


@dataclass(frozen=True)
class Services:
    """What the routers find as `app.state.services`."""

    staff: Staff
    settings: CommonSettings
    log: EventLog
    regions: Regions
    clock: ManualClock | PostgresClock

    async def seed(self) -> None:
        await seed_staff(self.settings, self.staff, self.log, self.regions, self.clock)


def settings_for(database: StackDatabase, folder: Path, *, demo: bool = True) -> CommonSettings:
    return CommonSettings(
        database_url=SecretStr(database.url("routing")),
        nats_url=SecretStr("nats://unused"),
        http_port=0,
        public_url="http://127.0.0.1:8080",
        jwks_url="http://127.0.0.1:8080/api/routing/v1/jwks.json",
        issuer="http://127.0.0.1:8080/api/routing",
        secrets_dir=folder,
        regions_file=_few_regions(folder) / "regions.csv",
        demo=demo,
    )


def _few_regions(folder: Path) -> Path:
    with (DEMO / "regions.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = file
    (folder / "regions.csv").write_text("".join([header, *(row for row in rows if row.startswith(PLACES))]), encoding="utf-8")
    for name in ("topics.csv", "units.csv"):
        shutil.copy(DEMO / name, folder)
    return folder


@asynccontextmanager
async def services_on(
    database: StackDatabase, folder: Path, *, demo: bool = True, clock: ManualClock | None = None
) -> AsyncIterator[Services]:
    settings = settings_for(database, folder, demo=demo)
    connections = Database(settings.database_url.get_secret_value())
    log, regions, time = EventLog("/huiyin/routing"), Regions.load(settings.regions_file), clock or PostgresClock()
    try:
        yield Services(build_staff(settings, connections, log, regions, time), settings, log, regions, time)
    finally:
        await connections.close()


@asynccontextmanager
async def client_of(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """The HTTP side, in process."""
    async with http_client() as keys:
        app = create_app(
            "routing",
            settings=services.settings,
            routers=[sessions.router, directory.router],
            database=services.staff.database,
            services=services,
            verifier=token_verifier(services.settings, keys, own_keys=services.staff.keys),
            body_limits={directory.IMPORT_PATH: directory.MAX_IMPORT},
        )
        transport = httpx.ASGITransport(app=app, client=("198.51.100.7", 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://routing") as client:
            yield client


async def token_of(client: httpx.AsyncClient, username: str, password: str = "huiyin-demo") -> dict[str, str]:
    """The Authorization header of an account."""
    answer = await client.post("/api/routing/v1/sessions", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
