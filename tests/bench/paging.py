"""How long the server works on a page with 100,000 issues, 1,500 of them open."""

import asyncio
import statistics

import httpx

from deploy.demo.staff import Api
from shared.web.pages.sessions import COOKIE
from tests.bench.figures import Figure
from tests.bench.load import get
from tests.bench.raising import UNLIMITED
from tests.bench.reading import COUNTY, OFFICER, SUPERVISOR, TOWNSHIP, grow, p95s
from tests.bench.rig import rig

ISSUES = 100_000
LONGEST = 100
"""Milliseconds."""

PUBLIC = {
    "tracking": (
        "/",
        "/board",
        f"/board/{COUNTY}",
        f"/board/{COUNTY}?standing=overdue",
        f"/board/{COUNTY}/notice",
        f"/board/{COUNTY}/lobby",
    ),
    "intake": ("/raise", f"/raise/what?village={TOWNSHIP[:9]}228", "/find"),
}
SIGNED_IN = {
    "routing": {"officer": ("/work", "/work?q=8", "/sessions"), "admin": ("/calendar", "/directory?tab=officers", "/rules")},
    "tracking": {"supervisor": ("/issues", "/issues?standing=late", "/figures", "/figures?by=officer")},
}
WHO = {"officer": OFFICER, "supervisor": SUPERVISOR, "admin": "admin"}


async def measure(rounds: int = 3, seconds: float = 1) -> list[Figure]:
    """One figure for each page: the median of the rounds' 95th percentiles, asked by one client without a rest."""
    with rig() as bench:
        bench.start("nats")
        bench.start("relay", "routing", env=UNLIMITED)
        bench.start("tracking", "intake", env=UNLIMITED)
        await asyncio.to_thread(grow, bench, 0, ISSUES)
        asked = {path: (bench.layout.port(service), get(path)) for service, paths in PUBLIC.items() for path in paths}
        async with httpx.AsyncClient(base_url=bench.layout.url("routing"), timeout=30, trust_env=False) as client:
            api = Api(client)
            for service, roles in SIGNED_IN.items():
                for role, paths in roles.items():
                    cookie = f"{COOKIE}={await api.token(WHO[role])}"
                    asked |= {path: (bench.layout.port(service), get(path, Cookie=cookie)) for path in paths}
        took = await p95s(asked, rounds, seconds, clients=1)
    p95 = {path: statistics.median(each) for path, each in took.items()}
    return [Figure(f"page {path}, {ISSUES:,} issues", f"p95 {ms:.0f} ms", f"under {LONGEST} ms", ms < LONGEST) for path, ms in p95.items()]
