"""The parts of the stack and what each waits for: what does not wait for another starts beside it."""

import signal
import sys

from deploy.local import gateway, nats, postgres, temporal
from deploy.local.environment import environment
from deploy.local.layout import SERVICES, Layout, kind_and_number
from deploy.local.processes import READY, Part, Probe, file_probe, http_probe, tied, yielding

YIELDING = {"tracking": 4, "notify": 8, "sinks": 8}
"""How far parts stand back that only tell of what was decided: on a machine that is short of CPU they lag, so that deadlines do not.

Somebody waits for a page of tracking; a message may come some seconds later.
"""


def parts(layout: Layout) -> tuple[Part, ...]:
    """Every part of the stack, each after those that it needs."""
    base = ("database", *layout.replicas_of("nats"))
    return (
        postgres.part(layout),
        *nats.parts(layout),
        temporal.part(layout),
        _database(layout),
        *(_python(layout, name, "shared.eventlog.relay", needs=base) for name in layout.replicas_of("relay")),
        *(_service(layout, name, base) for service in SERVICES for name in layout.replicas_of(service)),
        *(
            _python(layout, name, "services.routing.entrypoints.worker", needs=(*base, "temporal"))
            for name in layout.replicas_of("routing-worker")
        ),
        _python(layout, "sinks", "deploy.local.sinks", ready=http_probe(layout.port("sms_sink"), "/messages")),
        gateway.part(layout),
    )


def _database(layout: Layout) -> Part:
    """Roles, schemas and migrations: one process, so that the supervisor stays small, gone when it is done."""
    command = (sys.executable, "-m", "deploy.local.bootstrap_database")
    env = {"HUIYIN_DATA": str(layout.data), "HUIYIN_PORT_BASE": str(layout.base)}
    return Part("database", tied(command, signal.SIGKILL), ready=lambda: READY, env=env, needs=("postgres",), once=True)


def _service(layout: Layout, name: str, needs: tuple[str, ...]) -> Part:
    service, _ = kind_and_number(name)
    ready = http_probe(layout.port(name), f"/api/{service}/health/ready")
    return _python(layout, name, f"services.{service}", needs=needs, ready=ready)


def _python(layout: Layout, name: str, module: str, *, needs: tuple[str, ...] = (), ready: Probe | None = None) -> Part:
    command = tied((sys.executable, "-m", module), signal.SIGKILL)
    kind, _ = kind_and_number(name)
    if kind in YIELDING:
        command = yielding(command, YIELDING[kind])
    health = layout.health_file(name)
    # A report of the last run must not speak for this one.
    prepare = None if ready else lambda: health.unlink(missing_ok=True)
    return Part(name, command, ready=ready or file_probe(health), env=environment(layout, name), needs=needs, prepare=prepare)
