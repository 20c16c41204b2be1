"""How long the server works on a page with 100,000 issues, 1,500 of them open."""

import asyncio
import statistics

import httpx

from deploy.demo.staff import Api
from shared.database import Database
from shared.web.pages.sessions import COOKIE
from tests.bench.figures import Figure
from tests.bench.generator import VILLAGE
from tests.bench.load import get
from tests.bench.open_issues import make_open
from tests.bench.raising import UNLIMITED
from tests.bench.reading import COUNTY, OFFICER, SUPERVISOR, TOWNSHIP, grow, issue_id, p95s, token
from tests.bench.rig import Rig, rig

ISSUES = 100_000
LONGEST = 100
"""Milliseconds."""
REPORTS = 10
"""Of progress, at each level, on the issue whose page is asked for."""

PUBLIC = {
    "tracking": (
        "/",
        "/board",
        f"/board/{COUNTY}",
        f"/board/{COUNTY}?standing=overdue",
        f"/board/{COUNTY}/notice",
        f"/board/{COUNTY}/lobby",
        f"/t/{token(10)}",
        f"/t/{token(50_000)}",
    ),
    "intake": ("/raise", f"/raise/what?village={TOWNSHIP[:9]}228", "/find"),
}
SIGNED_IN = (
    ("routing", "officer", ("/work", "/work?q=8", "/sessions")),
    ("routing", "admin", ("/calendar", "/directory?tab=officers", "/rules")),
    ("tracking", "supervisor", ("/issues", "/issues?standing=late", f"/issues/{issue_id(10)}", f"/issues/{issue_id(50_000)}")),
    ("tracking", "supervisor", ("/figures", "/figures?by=officer")),
)
WHO = {"officer": OFFICER, "supervisor": SUPERVISOR, "admin": "admin"}


async def measure(rounds: int = 3, seconds: float = 1) -> list[Figure]:
    """One figure for each page: the median of the rounds' 95th percentiles, asked by one client without a rest."""
    with rig() as bench:
        bench.start("nats")
        bench.start("relay", "routing", env=UNLIMITED)
        bench.start("tracking", "intake", env=UNLIMITED)
        await asyncio.to_thread(grow, bench.superuser, 0, ISSUES)
        asked = {path: (bench.layout.port(service), get(path)) for service, paths in PUBLIC.items() for path in paths}
        async with httpx.AsyncClient(base_url=bench.layout.url("routing"), timeout=30, trust_env=False) as client:
            api = Api(client)
            handled = f"/work/{await _handled(bench, api)}"
            for service, role, paths in (*SIGNED_IN, ("routing", "officer", (handled,))):
                cookie = f"{COOKIE}={await api.token(WHO[role])}"
                asked |= {path: (bench.layout.port(service), get(path, Cookie=cookie)) for path in paths}
        took = await p95s(asked, rounds, seconds, clients=1)
    p95 = {path: statistics.median(each) for path, each in took.items()}
    return [Figure(f"page {path}, {ISSUES:,} issues", f"p95 {ms:.0f} ms", f"under {LONGEST} ms", ms < LONGEST) for path, ms in p95.items()]


async def _handled(bench: Rig, api: Api) -> str:
    """The id of an issue that went through many hands, in the log: a page folds its whole stream."""
    intake, routing = (Database(bench.layout.database_url(service)) for service in ("intake", "routing"))
    try:
        (issue,) = await make_open(intake, routing, 1, village=VILLAGE)
    finally:
        await intake.close()
        await routing.close()

    async def give(command: str, by: str, **body: str) -> None:
        answer = await api.post(f"/api/routing/v1/issues/{issue}/{command}", body, by=by)
        assert answer.status_code == 200, answer.text

    for officer in (f"cadre-{VILLAGE}", OFFICER):
        await give("accept", officer)
        for _ in range(REPORTS):
            await give("report-progress", officer, note="现场看过了")
        if officer != OFFICER:
            await give("request-escalation", officer, reason="需要镇里")
    return issue
