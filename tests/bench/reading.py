"""Row 9: how long reads take with a million issues, against ten thousand.

A county raises `A_DAY` issues a day; ten thousand are two weeks of it, a million nearly four years. The newest `OPEN` are open.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
import psycopg

from deploy.demo.staff import Api
from services.tracking.counts import ALIKE
from services.tracking.tables import LIVE
from shared.regions import Regions
from tests.bench.figures import percentile
from tests.bench.generator import REGIONS, VILLAGE
from tests.bench.load import Load, drive, get
from tests.bench.raising import UNLIMITED
from tests.bench.ratio import Ratio
from tests.bench.rig import Rig, rig

A_DAY = 720
SMALL, LARGE = 10_000, 1_000_000
CLIENTS = 2
COUNTY, TOWNSHIP = f"{VILLAGE[:6]}000000", f"{VILLAGE[:9]}000"
OFFICER, SUPERVISOR = f"officer-{TOWNSHIP}", f"supervisor-{COUNTY}"
PORTION = 50_000
OPEN = 1_500
"""Issues that are open at a time: about two days' worth, whatever lies behind."""

_NUMBERED = """
    SELECT n, md5('issue' || n) AS id, villages[1 + n %% cardinality(villages)] AS village, n < %(open)s AS is_open,
        now() - n * interval '1 day' / %(a_day)s AS raised_at
    FROM generate_series(%(first)s::int, %(last)s::int - 1) AS n, (SELECT %(villages)s::text[] AS villages) AS of
"""
_LEDGER = f"""
    INSERT INTO tracking.ledger (issue_id, number, county, township, village, channel, category, topic, priority, title, reporter, labels,
        tracking_digest, first_receiver_officer, state, level, handler_officer, handler_name, handler_unit, clocks, due_at, warned,
        raised_at, assigned_at, resolved_at, answered_at, closed_at, resolutions, answered, escalations, outcome, result, rating, how,
        version, stream_version)
    SELECT id, left(village, 6) || to_char(raised_at, '-YYYYMMDD-') || n, left(village, 6) || '000000', left(village, 9) || '000', village,
        'web', (ARRAY['hardship', 'shortcoming', 'proposal', 'conduct'])[1 + n %% 4], 'street_light', 'routine',
        '第' || n || '号路灯不亮', 'anonymous', '{{}}', md5(id) || md5(id || '2'), 'cadre-' || village,
        CASE WHEN is_open THEN 'in_progress' ELSE 'closed' END, 'township', 'officer-' || left(village, 9) || '000', '经办人',
        left(village, 9) || '000/construction',
        CASE WHEN is_open THEN jsonb_build_array(jsonb_build_object('deadline_id', id, 'kind', 'handle',
            'due_at', to_char(now() AT TIME ZONE 'UTC' + n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00'),
            'policy_version', 1, 'calendar_version', 1)) ELSE '[]' END,
        CASE WHEN is_open THEN now() + n * interval '1 minute' END, false, raised_at, raised_at,
        CASE WHEN NOT is_open THEN raised_at + interval '1 day' END, CASE WHEN NOT is_open THEN raised_at + interval '1 day' END,
        CASE WHEN NOT is_open THEN raised_at + interval '2 days' END, (NOT is_open)::int, (NOT is_open)::int, 0,
        CASE WHEN NOT is_open THEN 'solved' END, CASE WHEN NOT is_open THEN '已修复' END, CASE WHEN NOT is_open THEN 'satisfied' END,
        CASE WHEN NOT is_open THEN 'rated' END, 5, 6
    FROM ({_NUMBERED}) AS numbered
"""
_TIMELINE = f"""
    INSERT INTO tracking.timeline (issue_id, version, event_id, event, at, public, facts)
    SELECT id, version, md5(id || version), event, raised_at + version * interval '4 hours', true, '{{}}'
    FROM ({_NUMBERED}) AS numbered,
        unnest(ARRAY['IssueRaised', 'Accepted', 'Rated', 'Closed']) WITH ORDINALITY AS happened (event, version)
    WHERE version <= 2 OR NOT is_open
"""
_TRANSITIONS = f"""
    INSERT INTO tracking.transitions (issue_id, version, event, at, county, township, village, channel, category, topic, priority, unit,
        from_state, to_state, from_level, to_level, outcome, rating, on_time, since_raised, resolved_after)
    SELECT id, version, event, raised_at + version * interval '8 hours', left(village, 6) || '000000', left(village, 9) || '000', village,
        'web', 'hardship', 'street_light', 'routine', left(village, 9) || '000/construction', from_state, to_state, 'township', 'township',
        CASE WHEN event = 'Resolved' THEN 'solved' END, CASE WHEN event = 'Closed' THEN 'satisfied' END, true, version * 28800,
        CASE WHEN event = 'Resolved' THEN 86400 END
    FROM ({_NUMBERED}) AS numbered, (VALUES (1, 'Assigned', 'raised', 'assigned'), (2, 'Accepted', 'assigned', 'in_progress'),
        (3, 'Resolved', 'in_progress', 'resolved'), (4, 'Closed', 'resolved', 'closed')) AS happened (version, event, from_state, to_state)
    WHERE version <= 2 OR NOT is_open
"""
_ISSUES = f"""
    INSERT INTO routing.issues (issue_id, number, village, channel, category, topic, title, priority, state, level, unit, officer_id,
        first_receiver, labels, task_units, due_at, next_at, policy_version, version, stream_version, raised_at)
    SELECT id, left(village, 6) || to_char(raised_at, '-YYYYMMDD-') || n, village, 'web', 'hardship', 'street_light',
        '第' || n || '号路灯不亮', 'routine', CASE WHEN is_open THEN 'in_progress' ELSE 'closed' END, 'township',
        left(village, 9) || '000/construction', 'officer-' || left(village, 9) || '000', 'cadre-' || village, '{{}}', '{{}}',
        CASE WHEN is_open THEN now() + n * interval '1 minute' END, NULL, 1, 5, 6, raised_at
    FROM ({_NUMBERED}) AS numbered
"""
FILLS = {"tracking.ledger": _LEDGER, "tracking.timeline": _TIMELINE, "tracking.transitions": _TRANSITIONS, "routing.issues": _ISSUES}


def grow(bench: Rig, first: int, last: int) -> None:
    """Put issues number `first` to `last` (0 is the newest) into the read models; indexes are made anew afterwards, which is faster."""
    villages = [region.code for region in Regions.load(REGIONS) if region.level == "village" and region.code.startswith(VILLAGE[:6])]
    with psycopg.connect(bench.superuser, autocommit=True) as connection:
        for table, statement in FILLS.items():
            schema, name = table.split(".")
            indexes = connection.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %s AND tablename = %s AND indexname NOT LIKE '%%_pkey'",
                (schema, name),
            ).fetchall()
            for index, _ in indexes:
                connection.execute(f"DROP INDEX {schema}.{index}".encode())
            for begin in range(first, last, PORTION):
                values = {"first": begin, "last": min(begin + PORTION, last), "open": OPEN, "a_day": A_DAY, "villages": villages}
                connection.execute(statement.encode(), values)
            for _, definition in indexes:
                connection.execute(definition.encode())
            connection.execute(f"VACUUM ANALYZE {table}".encode())
        for counts, counted in ((LIVE.ledger_counts, LIVE.ledger), (LIVE.transition_counts, LIVE.transitions)):
            key = ", ".join(str(number) for number in range(1, len(counts.primary_key) + 1))
            connection.execute(f"TRUNCATE tracking.{counts.name}".encode())
            counting = f"SELECT {ALIKE[counts]}, count(*) FROM tracking.{counted.name} GROUP BY {key}"
            connection.execute(f"INSERT INTO tracking.{counts.name} {counting}".encode())
            connection.execute(f"VACUUM ANALYZE tracking.{counts.name}".encode())


async def measure(rounds: int = 5, seconds: float = 3, large: int = LARGE) -> list[Ratio]:
    """One ratio for each kind of page."""
    with rig() as bench:
        bench.start("nats")
        bench.start("relay", "routing", env=UNLIMITED)
        bench.start("tracking", env=UNLIMITED)
        times: list[dict[str, list[float]]] = []
        for first, last in ((0, SMALL), (SMALL, large)):
            await asyncio.to_thread(grow, bench, first, last)
            times.append(await p95s(await _asked(bench), rounds, seconds))
    small, big = times
    return [
        Ratio(f"{name}, p95 in ms with {large:,} issues", f"with {SMALL:,}", big[name], small[name], 1.5, at_least=False) for name in small
    ]


async def _asked(bench: Rig) -> Mapping[str, tuple[int, bytes]]:
    """Each page: port and request."""
    tracking, routing = bench.layout.port("tracking"), bench.layout.port("routing")
    async with httpx.AsyncClient(base_url=bench.layout.url("routing"), timeout=30, trust_env=False) as client:
        api = Api(client)
        officer, supervisor = await api.token(OFFICER), await api.token(SUPERVISOR)
    since = (datetime.now(UTC) - timedelta(days=7)).date()
    statistics = f"/api/tracking/v1/statistics?region={COUNTY}&from={since}&group_by=township"

    def by(token: str, path: str) -> bytes:
        return get(path, Authorization=f"Bearer {token}")

    return {
        "worklist": (routing, by(officer, "/api/routing/v1/worklist")),
        "ledger page": (tracking, by(supervisor, f"/api/tracking/v1/issues?region={COUNTY}")),
        "timeline": (tracking, by(supervisor, f"/api/tracking/v1/issues/{hashlib.md5(b'issue5000', usedforsecurity=False).hexdigest()}")),
        "board": (tracking, get(f"/api/tracking/v1/board/{COUNTY}")),
        "statistics of a week": (tracking, by(supervisor, statistics)),
    }


async def p95s(asked: Mapping[str, tuple[int, bytes]], rounds: int, seconds: float, *, clients: int = CLIENTS) -> dict[str, list[float]]:
    """By name of a request (port and bytes): its 95th percentile in ms, for each round."""
    found: dict[str, list[float]] = {name: [] for name in asked}
    for turn in range(rounds + 1):
        for name, (port, request) in asked.items():
            load: Load = await drive(port, lambda _, request=request: request, clients=clients, seconds=seconds if turn else 1)
            assert set(load.statuses) == {200}, (name, load.statuses)
            if turn:
                found[name].append(percentile(load.took, 0.95) * 1000)
    return found


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(*row.told(), sep=" · ")
