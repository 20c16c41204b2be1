"""The four services over one real database, served over the wire, with a few issues and everybody's tokens."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from services.intake.__main__ import application as intake_application
from services.intake.bootstrap import bootstrap as intake_bootstrap
from services.intake.settings import Settings as IntakeSettings
from services.notify.bootstrap import App as Notify
from services.notify.bootstrap import bootstrap as notify_bootstrap
from services.notify.entrypoints.api import router as notify_router
from services.notify.entrypoints.failed import router as failed_notices_router
from services.notify.entrypoints.subscriber import handlers as notified
from services.notify.handlers import Handlers as NotifyHandlers
from services.notify.settings import Settings as NotifySettings
from services.routing.bootstrap import App as Routing
from services.routing.bootstrap import bootstrap as routing_bootstrap
from services.routing.entrypoints.api import make_api
from services.routing.settings import Settings as RoutingSettings
from services.tracking.bootstrap import bootstrap as tracking_bootstrap
from services.tracking.entrypoints.api import ROUTERS as TRACKING_ROUTERS
from services.tracking.settings import Settings as TrackingSettings
from shared.clock import PostgresClock
from shared.ids import new_id
from shared.outgoing import http_client
from shared.security.principal import Principal, Role
from shared.security.tokens import TokenVerifier, sign
from shared.security.trusted import token_verifier
from shared.settings import CommonSettings
from shared.web.app import create_app
from tests.integration.routing.staff_support import settings_for
from tests.integration.tracking.conftest import World
from tests.support.life import COUNTY, TOWNSHIP, VILLAGE
from tests.support.platform import settings
from tests.support.servers import NatsAddress, StackDatabase

SERVICES = ("intake", "routing", "tracking", "notify")
MUCH = 10**6
UNTHROTTLED = {
    f"{who}_{what}": MUCH for who in ("citizen", "staff", "lookup", "token_guesses") for what in ("rate_per_minute", "per_minute", "burst")
}
"""Settings with which nobody is throttled, so that bad input reaches what lies behind."""


@dataclass
class County:
    """Applications by service, who calls them, and what they know of each other."""

    routing: Routing
    world: World
    notify: Notify | None = None
    apps: dict[str, Starlette] = field(default_factory=dict[str, Starlette])

    async def follow(self, *issue_ids: str) -> None:
        """Have routing assign issues that were raised, and tracking and notify hear of it, as their subscribers do."""
        for issue_id in issue_ids:
            async with self.routing.database.transaction() as session:
                await self.routing.issues.settle(session, await self.routing.issues.load(session, issue_id))
        await self.world.publish()
        await self.world.sees(limit=10_000)
        assert self.notify is not None
        table = notified(NotifyHandlers(clock=PostgresClock(), regions=self.routing.regions, wake=self.notify.sender.wake))
        for issue_id in issue_ids:
            async with self.notify.database.transaction() as session:
                for recorded in (await self.world.reader.load(session, issue_id)).events:
                    await table[type(recorded.data)](session, recorded)

    def token(self, role: Role, *regions: str, subject: str | None = None, units: tuple[str, ...] = ()) -> str:
        """A token of the county's own key."""
        who = Principal(subject or f"{role}-{regions[0] if regions else ''}".rstrip("-"), role, role, regions, units)
        settings = self.routing.settings
        key = self.routing.staff.keys.newest()
        return sign(who, key, issuer=settings.issuer, audience="huiyin", now=datetime.now(UTC), lifetime=timedelta(minutes=15))

    def everybody(self) -> Mapping[str, str | None]:
        """A token of each kind of caller; None: a citizen."""
        hall = tuple(f"{TOWNSHIP}/{unit}" for unit in ("construction", "discipline"))
        return {
            "citizen": None,
            "cadre": self.token("cadre", VILLAGE, units=(f"{VILLAGE}/village_committee",)),
            "officer": self.token("officer", TOWNSHIP, units=hall),
            "dispatcher": self.token("dispatcher", TOWNSHIP),
            "supervisor": self.token("supervisor", COUNTY),
            "admin": self.token("admin", subject="admin"),
            "operator": self.token("operator", subject="operator"),
            "auditor": self.token("auditor", subject="auditor"),
        }


@asynccontextmanager
async def county(database: StackDatabase, nats: NatsAddress, folder: Path, **changes: Any) -> AsyncIterator[County]:
    """Every service as its `__main__` puts it together, without the background tasks. `changes` are to the settings of all."""
    common = settings_for(database, folder).model_dump() | {"secrets_dir": folder / "secrets"} | changes
    async with AsyncExitStack() as exits:
        enter = exits.enter_async_context
        routing = await enter(routing_bootstrap(RoutingSettings.model_validate(common)))
        await routing.seed()
        http = await enter(http_client())
        verifier = token_verifier(settings(), http, own_keys=routing.staff.keys)
        found = County(routing, World(database))
        exits.push_async_callback(found.world.close)

        def of(service: str) -> dict[str, Any]:
            return common | {"database_url": database.url(service), "nats_url": nats.url(service)}

        own = {"attachments_dir": folder / "attachments", "internal_token": "internal-secret"}
        intake = await enter(intake_bootstrap(IntakeSettings.model_validate(of("intake") | own)))
        found.apps["intake"] = intake_application(intake, verifier=verifier)
        found.apps["routing"] = await enter(make_api(routing))
        tracking = await enter(tracking_bootstrap(TrackingSettings.model_validate(of("tracking"))))
        found.apps["tracking"] = _app("tracking", tracking.reading.database, tracking.reading, TRACKING_ROUTERS, verifier, common)
        gateways = {"intake_url": "http://127.0.0.1:1", "internal_token": "internal-secret", "sms_secret": "s0123456789abcdef"}
        notify = await enter(notify_bootstrap(NotifySettings.model_validate(of("notify") | gateways)))
        found.notify = notify
        found.apps["notify"] = _app("notify", notify.database, notify, [notify_router, failed_notices_router], verifier, common)
        yield found


def _app(name: str, database: Any, services: Any, routers: Any, verifier: TokenVerifier, common: dict[str, Any]) -> Starlette:
    return create_app(
        name, settings=CommonSettings.model_validate(common), database=database, services=services, routers=routers, verifier=verifier
    )


def key() -> dict[str, str]:
    """A fresh Idempotency-Key."""
    return {"Idempotency-Key": new_id()}
