"""Row 1: raising an issue, durable, with tracing, by 32 clients."""

import asyncio
from collections.abc import Mapping

import orjson

from deploy.local.processes import http_probe
from shared.ids import new_id
from shared.regions import Regions
from tests.bench.generator import REGIONS, VILLAGE
from tests.bench.load import Load, Request, drive, post
from tests.bench.plain import TABLE
from tests.bench.ratio import Ratio
from tests.bench.rig import Rig, rig
from tests.support.otlp import receiver
from tests.support.raising import issue_body

CLIENTS = 32
UNLIMITED = {f"HUIYIN_{who}_{what}": "1000000000" for who in ("CITIZEN", "STAFF") for what in ("RATE_PER_MINUTE", "BURST")}
"""The load comes from one address and one account; how much of it is too much is another figure's matter."""
NARRATIVE = "村口第三根电线杆上的路灯从上周起不亮，晚上走路看不清，请来修一下。" * 3


def body(village: str) -> bytes:
    """What a citizen sends."""
    return orjson.dumps(issue_body(village_code=village, narrative=NARRATIVE))


def raising(villages: list[str]) -> Request:
    """The n-th issue of a citizen, in one village after the other."""
    bodies = [body(village) for village in villages]
    return lambda number: post("/api/intake/v1/issues", bodies[number % len(bodies)], Idempotency_Key=new_id())


async def measure(rounds: int = 5, seconds: float = 6) -> list[Ratio]:
    """Both figures: villages spread over the counties, and all in one county."""
    regions = Regions.load(REGIONS)
    villages = [region.code for region in regions if region.level == "village"]
    county = [code for code in villages if code.startswith(VILLAGE[:6])]
    with rig() as bench, receiver() as traces:
        plain = bench.layout.port("temporal")
        _start(bench, traces.endpoint, plain)
        asked: Mapping[str, tuple[int, Request]] = {
            "plain": (plain, lambda _: post("/issues", body(VILLAGE))),
            "spread": (bench.layout.port("intake"), raising(villages)),
            "one county": (bench.layout.port("intake"), raising(county)),
        }
        loads: dict[str, list[Load]] = {name: [] for name in asked}
        for port, request in asked.values():
            await drive(port, request, clients=CLIENTS, seconds=2)
        for _ in range(rounds):
            for name, (port, request) in asked.items():
                loads[name].append(await drive(port, request, clients=CLIENTS, seconds=seconds))
    for name, rows in loads.items():
        assert all(set(load.statuses) == {201} for load in rows), (name, [load.statuses for load in rows])
    rates = {name: [load.rate for load in rows] for name, rows in loads.items()}
    return [
        Ratio(f"POST an issue, {name}, requests/s", "FastAPI + SQLModel, one row", rates[name], rates["plain"], 0.9)
        for name in ("spread", "one county")
    ]


def _start(bench: Rig, traces: str, plain: int) -> None:
    """Intake alone, with the directory that routing published; and the baseline beside it on the same Postgres."""
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": traces, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}
    bench.start("nats")
    bench.start("relay", "routing")
    bench.stop("routing", "relay")
    bench.start("intake", env=UNLIMITED | traced)
    bench.execute(TABLE.replace("bench_plain", "intake.bench_plain"), "GRANT ALL ON intake.bench_plain TO intake")
    env = traced | {"HUIYIN_DATABASE_URL": bench.layout.database_url("intake")}
    bench.start_module("tests.bench.plain", str(plain), name="plain", env=env, ready=http_probe(plain, "/ready"))


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(*row.told(), sep=" · ")
