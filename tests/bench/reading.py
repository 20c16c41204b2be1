"""Row 9: how long reads take with a million issues, against ten thousand.

A county raises `A_DAY` issues a day; ten thousand are two weeks of it, a million nearly four years. The newest `OPEN` are open.
"""

import asyncio
import csv
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
TOPICS = REGIONS.with_name("topics.csv")
OFFICER, SUPERVISOR = f"officer-{TOWNSHIP}", f"supervisor-{COUNTY}"
PORTION = 50_000
OPEN = 1_500
"""Issues that are open at a time: about two days' worth, whatever lies behind."""

_NUMBERED = """
    SELECT numbered.*, left(village, 6) || '000000' AS county, left(village, 9) || '000' AS township,
        left(village, 6) || to_char(raised_at, '-YYYYMMDD-') || n AS number, '第' || n || '号:' || topic AS title,
        CASE WHEN unit_code = 'discipline' THEN 'conduct' ELSE (ARRAY['hardship', 'shortcoming', 'proposal'])[1 + n %% 3] END AS category,
        left(village, 9) || '000/' || unit_code AS unit, 'officer-' || left(village, 9) || '000' AS officer,
        CASE WHEN is_open THEN now() + n * interval '1 minute' ELSE raised_at + interval '14 days' END AS due_at
    FROM (SELECT n, md5('issue' || n) AS id, villages[1 + n %% cardinality(villages)] AS village, n < %(open)s AS is_open,
            topics[1 + n * 7 %% cardinality(topics)] AS topic, units[1 + n * 7 %% cardinality(topics)] AS unit_code,
            now() - n * interval '1 day' / %(a_day)s AS raised_at
        FROM generate_series(%(first)s::int, %(last)s::int - 1) AS n,
            (SELECT %(villages)s::text[] AS villages, %(topics)s::text[] AS topics, %(units)s::text[] AS units) AS of) AS numbered
"""
_DEADLINE = """
    jsonb_build_object('deadline_id', 'handle-' || n, 'kind', 'handle', 'due_at', due_at, 'policy_version', 1, 'calendar_version', 1)
"""
_REASONS = """
    jsonb_build_object('started_at', raised_at, 'rule', 'bench', 'allowance', jsonb_build_object('amount', 10, 'unit', 'working_days'))
"""
_HANDLER = "jsonb_build_object('officer_id', officer, 'name', '经办人', 'unit', unit)"
_RECEIVER = "jsonb_build_object('officer_id', 'cadre-' || village, 'name', '村干部', 'unit', village || '/village')"
_LEDGER = f"""
    INSERT INTO tracking.ledger (issue_id, number, county, township, village, channel, category, topic, priority, title, reporter, labels,
        tracking_digest, first_receiver_officer, state, level, handler_officer, handler_name, handler_unit, clocks, due_at, warned,
        raised_at, assigned_at, resolved_at, answered_at, closed_at, resolutions, answered, escalations, outcome, result, rating, how,
        version, stream_version)
    SELECT id, number, county, township, village, 'web', category, topic, 'routine', title, 'anonymous', '{{}}',
        encode(sha256(convert_to('token' || n, 'UTF8')), 'hex'), 'cadre-' || village,
        CASE WHEN is_open THEN 'in_progress' ELSE 'closed' END, 'township', officer, '经办人', unit,
        CASE WHEN is_open THEN jsonb_build_array({_DEADLINE}) ELSE '[]' END, CASE WHEN is_open THEN due_at END, false,
        raised_at, raised_at, CASE WHEN NOT is_open THEN raised_at + interval '1 day' END,
        CASE WHEN NOT is_open THEN raised_at + interval '1 day' END, CASE WHEN NOT is_open THEN raised_at + interval '2 days' END,
        (NOT is_open)::int, (NOT is_open)::int, 0, CASE WHEN NOT is_open THEN 'solved' END, CASE WHEN NOT is_open THEN '已修复' END,
        CASE WHEN NOT is_open THEN 'satisfied' END, CASE WHEN NOT is_open THEN 'rated' END, 5, 6
    FROM ({_NUMBERED}) AS issue
"""
_TIMELINE = f"""
    INSERT INTO tracking.timeline (issue_id, version, event_id, event, at, public, facts)
    SELECT id, version, md5(id || version), event, raised_at + version * interval '4 hours', true, facts
    FROM ({_NUMBERED}) AS issue, LATERAL (VALUES
        (1, 'IssueRaised', jsonb_build_object('number', number, 'channel', 'web', 'category', category, 'topic', topic, 'title', title,
            'priority', 'routine', 'reporter', 'anonymous')),
        (2, 'Assigned', jsonb_build_object('level', 'township', 'handler', {_HANDLER}, 'first_receiver', {_RECEIVER},
            'deadlines', jsonb_build_array({_DEADLINE} || {_REASONS}))),
        (3, 'Accepted', jsonb_build_object('by', officer)),
        (4, 'Resolved', jsonb_build_object('outcome', 'solved', 'result', '已修复', 'level', 'township', 'handler', {_HANDLER},
            'resolution', 1, 'by', officer)),
        (5, 'Rated', jsonb_build_object('rating', 'satisfied')),
        (6, 'Closed', jsonb_build_object('how', 'rated', 'rating', 'satisfied'))) AS happened (version, event, facts)
    WHERE version <= 3 OR NOT is_open
"""
_TRANSITIONS = f"""
    INSERT INTO tracking.transitions (issue_id, version, event, at, county, township, village, channel, category, topic, priority, unit,
        from_state, to_state, from_level, to_level, outcome, rating, on_time, since_raised, resolved_after)
    SELECT id, version, event, raised_at + version * interval '8 hours', county, township, village, 'web', category, topic, 'routine', unit,
        from_state, to_state, 'township', 'township',
        CASE WHEN event = 'Resolved' THEN 'solved' END, CASE WHEN event = 'Closed' THEN 'satisfied' END, true, version * 28800,
        CASE WHEN event = 'Resolved' THEN 86400 END
    FROM ({_NUMBERED}) AS issue, (VALUES (1, 'Assigned', 'raised', 'assigned'), (2, 'Accepted', 'assigned', 'in_progress'),
        (3, 'Resolved', 'in_progress', 'resolved'), (4, 'Closed', 'resolved', 'closed')) AS happened (version, event, from_state, to_state)
    WHERE version <= 2 OR NOT is_open
"""
_ISSUES = f"""
    INSERT INTO routing.issues (issue_id, number, village, channel, category, topic, title, priority, state, level, unit, officer_id,
        first_receiver, labels, task_units, due_at, next_at, policy_version, clocks, version, stream_version, raised_at)
    SELECT id, number, village, 'web', category, topic, title, 'routine', CASE WHEN is_open THEN 'in_progress' ELSE 'closed' END,
        'township', unit, officer, 'cadre-' || village, '{{}}', '{{}}', CASE WHEN is_open THEN due_at END, NULL, 1,
        jsonb_build_object('anonymous', true, 'assigned_at', raised_at, 'paused', '[]'::jsonb,
            'deadlines', CASE WHEN is_open THEN jsonb_build_array({_DEADLINE} || {_REASONS}) ELSE '[]' END), 5, 6, raised_at
    FROM ({_NUMBERED}) AS issue
"""
FILLS = {"tracking.ledger": _LEDGER, "tracking.timeline": _TIMELINE, "tracking.transitions": _TRANSITIONS, "routing.issues": _ISSUES}


def issue_id(number: int) -> str:
    """The id of an issue that `grow` made."""
    return hashlib.md5(f"issue{number}".encode(), usedforsecurity=False).hexdigest()


def token(number: int) -> str:
    """Its tracking token."""
    return f"token{number}"


def grow(superuser: str, first: int, last: int) -> None:
    """Put issues number `first` to `last` (0 is the newest) into the read models; indexes are made anew afterwards, which is faster."""
    villages = [region.code for region in Regions.load(REGIONS) if region.level == "village" and region.code.startswith(VILLAGE[:6])]
    with TOPICS.open(encoding="utf-8") as rows:
        topics = [(row["code"], row["township_unit"]) for row in csv.DictReader(rows)]
    of = {"villages": villages, "topics": [code for code, _ in topics], "units": [unit for _, unit in topics]}
    with psycopg.connect(superuser, autocommit=True) as connection:
        for table, statement in FILLS.items():
            schema, name = table.split(".")
            indexes = connection.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %s AND tablename = %s AND indexname NOT LIKE '%%_pkey'",
                (schema, name),
            ).fetchall()
            for index, _ in indexes:
                connection.execute(f"DROP INDEX {schema}.{index}".encode())
            for begin in range(first, last, PORTION):
                values = {"first": begin, "last": min(begin + PORTION, last), "open": OPEN, "a_day": A_DAY, **of}
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
            await asyncio.to_thread(grow, bench.superuser, first, last)
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
    statistics = f"/api/tracking/v1/statistics?region={COUNTY}&from={since}&group_by=region"

    def by(token: str, path: str) -> bytes:
        return get(path, Authorization=f"Bearer {token}")

    return {
        "worklist": (routing, by(officer, "/api/routing/v1/worklist")),
        "ledger page": (tracking, by(supervisor, f"/api/tracking/v1/issues?region={COUNTY}")),
        "timeline": (tracking, by(supervisor, f"/api/tracking/v1/issues/{issue_id(5000)}")),
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
