"""Parts of a stack for one figure at a time: only what that figure needs runs, on Postgres and NATS as durable as in production."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from deploy.local import bootstrap_database, postgres
from deploy.local.layout import Layout
from deploy.local.parts import parts
from deploy.local.processes import Part, Probe, tied
from tests.support.servers import Servers, free_base


@dataclass(frozen=True)
class Rig:
    """Servers and services that are started and stopped by name."""

    layout: Layout
    servers: Servers

    def start(self, *names: str, env: Mapping[str, str] | None = None) -> None:
        """Start parts of the stack (`deploy.local.parts`) and return when they are ready; `env` for each of them."""
        known = {part.name: part for part in parts(self.layout)}
        self.servers.start(*(_with(known[name], env or {}) for name in names))

    def start_module(self, module: str, *words: str, name: str, ready: Probe, env: Mapping[str, str]) -> None:
        """Start a program of the bench's own."""
        self.servers.start(Part(name, tied((sys.executable, "-m", module, *words), signal.SIGKILL), ready=ready, env=env))

    def stop(self, *names: str) -> None:
        """Stop parts in good order."""
        for name in names:
            self.servers.stop(name)

    @property
    def superuser(self) -> str:
        """libpq address of the stack's database as the superuser."""
        return postgres.superuser_url(self.layout, bootstrap_database.DATABASE)

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser, each by itself."""
        with psycopg.connect(self.superuser, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


def _with(part: Part, env: Mapping[str, str]) -> Part:
    return Part(part.name, part.command, ready=part.ready, env={**part.env, **env}, prepare=part.prepare, stop=part.stop, grace=part.grace)


@contextmanager
def rig() -> Iterator[Rig]:
    """Postgres with every role, schema and migration, in a temporary folder; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        layout = Layout(Path(folder) / "data", free_base(), demo=True)
        layout.make_folders()
        servers = Servers(layout)
        try:
            servers.start(postgres.part(layout))
            bootstrap_database.bootstrap(layout)
            yield Rig(layout, servers)
        finally:
            servers.close()


def machine() -> str:
    """Cores and memory of this machine, for the results."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB"
