"""Real servers for tests: the same launchers as the stack's, on free ports, in a temporary folder, gone with the test run."""

import random
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.local import bootstrap_database, nats, postgres, temporal
from deploy.local.layout import HOST, PORTS, Layout
from deploy.local.processes import Part, end, spawn, wait_ready
from deploy.local.reaper import Reaper

TEMPLATE = "huiyin_template"
"""A migrated database that each test's own is copied from."""

UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "scram_iterations": "1"}
"""The data of a test run need not survive the machine, and its passwords guard nothing: proving one costs 8 ms at each connection."""


def free_base(ports: int = len(PORTS)) -> int:
    """A port base whose whole range is free. Below the ports that the kernel gives to outgoing connections."""
    while True:
        base = random.randrange(10_000, 32_000, 20)
        if all(_is_free(base + offset) for offset in range(ports)):
            return base


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@dataclass
class Servers:
    """Servers that run until `close`; each starts when it is first asked for."""

    layout: Layout
    reaper: Reaper = field(default_factory=Reaper)
    running: dict[str, tuple[Part, "subprocess.Popen[bytes]"]] = field(default_factory=dict[str, tuple[Part, "subprocess.Popen[bytes]"]])

    def start(self, *parts: Part) -> None:
        """Start parts side by side and return when all are ready. A part that runs already is left alone."""
        new = [part for part in parts if part.name not in self.running]
        for part in new:
            if part.prepare:
                part.prepare()
            process = spawn(part, self.layout.logs)
            self.reaper.watch(process.pid, part.stop)
            self.running[part.name] = (part, process)
        for part in new:
            wait_ready(self.running[part.name][1], part, seconds=60)

    def stop(self, name: str) -> None:
        """Stop one server in good order."""
        part, process = self.running.pop(name)
        end(process, part)
        self.reaper.forget(process.pid)

    def kill(self, name: str) -> None:
        """End one server as `kill -9` does."""
        _, process = self.running.pop(name)
        process.kill()
        process.wait()
        self.reaper.forget(process.pid)

    def start_postgres(self) -> None:
        """Postgres, and the template database with all roles, schemas and migrations."""
        if "postgres" not in self.running:
            self.start(postgres.part(self.layout, UNSAFE))
            bootstrap_database.bootstrap(self.layout, database=TEMPLATE)
            with psycopg.connect(postgres.superuser_url(self.layout)) as server:  # initdb knew nothing of our settings
                password = sql.Literal(self.layout.secrets.get("postgres-postgres"))
                server.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(password))

    def start_nats(self) -> None:
        """NATS with the users of nats.conf."""
        self.start(nats.part(self.layout))

    def start_temporal(self) -> None:
        """Temporal's dev server with the search attributes."""
        self.start(temporal.part(self.layout))

    def close(self) -> None:
        """Stop everything."""
        for name in list(self.running):
            self.stop(name)
        self.reaper.close()


@dataclass(frozen=True, slots=True)
class StackDatabase:
    """One test's own database, with every role, schema and migration, and no rows."""

    layout: Layout
    name: str

    def url(self, role: str) -> str:
        """SQLAlchemy address as a role: intake, routing, tracking, notify, relay, operator, log_owner."""
        return self.layout.database_url(role, database=self.name)

    @property
    def superuser(self) -> str:
        """libpq address as the superuser: to look where no role may, and to plant damage."""
        return postgres.superuser_url(self.layout, self.name)


@contextmanager
def fresh_database(layout: Layout, name: str) -> Iterator[StackDatabase]:
    """A copy of the template, dropped afterwards whoever is still connected."""
    with psycopg.connect(postgres.superuser_url(layout), autocommit=True) as server:
        # Files are copied instead of logged: half the time, and a test's database need not survive anything.
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        server.execute(copy.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
        try:
            yield StackDatabase(layout, name)
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@dataclass(frozen=True, slots=True)
class NatsAddress:
    """Where NATS is, per user."""

    layout: Layout

    def url(self, user: str) -> str:
        """Address as relay, intake, routing, tracking, notify or observer."""
        return self.layout.nats_url(user)

    @property
    def store(self) -> Path:
        """JetStream's folder."""
        return self.layout.data / "nats"
