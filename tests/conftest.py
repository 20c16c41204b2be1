"""Fixtures that every test may use: real servers, a fresh database, NATS with its users."""

from collections import Counter
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from deploy.local.layout import Layout
from shared.loop import collect_seldom
from shared.messaging.api import NOT_FOUND, JetStreamError, call
from shared.messaging.connection import connect
from shared.messaging.topology import DEAD_STREAM, STREAM, ensure_topology
from tests.support.memory import in_memory
from tests.support.servers import NatsAddress, Servers, StackDatabase, free_base, fresh_database
from tests.support.waiting import eventually

_numbers = count(1)

# A busy machine is slow: properties are judged by their results.
settings.register_profile("huiyin", deadline=None)
settings.load_profile("huiyin")


STORIES = "tests/e2e/"
LONG_FILES = ("tests/faults/", "tests/integration/stack/", "tests/integration/hostile/", "tests/unit/routing/test_year.py")
"""Few tests that take long each: begun early, so that at the end no worker sits over one while the others have nothing left."""


class Spread(LoadFileScheduling):
    """Files are spread over the workers, the longest first. The stories share one stack, so one worker takes them all."""

    def _split_scope(self, nodeid: str) -> str:
        return STORIES if nodeid.startswith(STORIES) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Spread:
    """With `-n`: the order that `pytest_collection_modifyitems` made holds."""
    config.option.loadscopereorder = False
    return Spread(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stories first, for they take longest; then the other long files; then the files with most tests."""
    counts = Counter(item.path for item in items)
    items.sort(
        key=lambda item: (not item.nodeid.startswith(STORIES), not item.nodeid.startswith(LONG_FILES), -counts[item.path], str(item.path))
    )


def pytest_collection_finish() -> None:
    """Tests hold more modules than any service: as in `shared.loop`, they are not looked at over and over."""
    collect_seldom()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Real servers that start when first asked for and end with the test run, even a killed one."""
    with in_memory(tmp_path_factory.mktemp("stack")) as folder:
        layout = Layout(folder, free_base())
        layout.make_folders()
        servers = Servers(layout)
        yield servers
        servers.close()


@pytest.fixture
def stack_database(servers: Servers) -> Iterator[StackDatabase]:
    """A database of this test's own, with all roles, schemas and migrations."""
    servers.start_postgres()
    with fresh_database(servers.layout, f"test_{next(_numbers)}") as database:
        yield database


FOLDER_IN_USE = 10049
"""JetStream's answer while it still removes the files of the stream that had the name before."""


@pytest.fixture
async def nats(servers: Servers) -> NatsAddress:
    """NATS with the users of nats.conf; the streams are made anew and empty for each test."""
    servers.start_nats()
    address = NatsAddress(servers.layout)
    relay = await connect(address.url("relay"), "fixture")
    try:
        for stream in (STREAM, DEAD_STREAM):
            try:
                await call(relay, f"STREAM.DELETE.{stream}")
            except JetStreamError as error:
                if error.code not in NOT_FOUND:
                    raise

        async def made() -> bool:
            try:
                await ensure_topology(relay)
            except JetStreamError as error:
                if error.code != FOLDER_IN_USE:
                    raise
                return False
            return True

        await eventually(made)
    finally:
        await relay.close()
    return address


@pytest.fixture
def temporal(servers: Servers) -> str:
    """`host:port` of a Temporal dev server with the search attributes; shared by the test run, so use ids of your own."""
    servers.start_temporal()
    return servers.layout.temporal
