"""Fixtures of the hostile tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.hostile.background import Background, background
from tests.integration.hostile.county import UNTHROTTLED, County, county
from tests.support.passwords import cheap_passwords
from tests.support.servers import NatsAddress, Servers, fresh_database

LIMITS = {"token_guesses_burst": 100, "token_guesses_per_minute": 60, "lookup_burst": 10, "lookup_rate_per_minute": 6}
"""So low that a slow machine meets them too."""


@dataclass(frozen=True)
class Served:
    """The county, over the wire, and the loop in which it runs."""

    county: County
    urls: dict[str, str]
    loop: Background


@contextmanager
def serving(servers: Servers, folder: Path, **changes: Any) -> Iterator[Served]:
    """All four services over a database of their own; `changes` are to their settings."""
    servers.start_postgres()
    servers.start_nats()
    with fresh_database(servers.layout, folder.name) as database, background() as loop:
        # Only while it is made: it is kept for the whole session, and other tests measure what a hash really costs.
        with cheap_passwords():
            running = loop.enter(county(database, NatsAddress(servers.layout), folder, **changes))
        yield Served(running, {name: f"http://127.0.0.1:{loop.serve(app)}" for name, app in running.apps.items()}, loop)


@pytest.fixture(scope="session")
def served(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A county where nobody is throttled, for all hostile tests together: it is to bear them."""
    with serving(servers, tmp_path_factory.mktemp("hostile"), **UNTHROTTLED) as running:
        yield running


@pytest.fixture(scope="module")
def throttled(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A county where who guesses is soon throttled."""
    with serving(servers, tmp_path_factory.mktemp("throttled"), **LIMITS) as running:
        yield running
