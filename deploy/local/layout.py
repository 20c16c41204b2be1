"""Where a stack keeps its files and on which ports it listens: everything derives from a data folder and a port base."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

SERVICES = ("intake", "routing", "tracking", "notify")
"""The four services, in the order in which an issue meets them."""

HOST = "127.0.0.1"
"""Everything binds to the loopback address; reaching it from outside is a production deployment's matter."""

PORTS = (
    "gateway",
    *SERVICES,
    "nats",
    "nats_monitoring",
    "temporal",
    "temporal_ui",
    "temporal_metrics",
    "postgres",
    "sms_sink",
    "smtp_sink",
    "routing_worker_metrics",
)
"""Who listens at base, base + 1, base + 2 … (contract, "Command line"; the last is ours)."""


class StackError(Exception):
    """Why the stack cannot do what was asked: one clear sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A stack's folder and ports.

    Args:
        data: absolute path of the data folder.
        base: the gateway's port; the others follow it (`PORTS`).
        demo: whether demo accounts exist on this stack.
    """

    data: Path
    base: int
    demo: bool = False

    def port(self, name: str) -> int:
        """The port of one of `PORTS`."""
        return self.base + PORTS.index(name)

    def url(self, name: str) -> str:
        """`http://127.0.0.1:port` of one of `PORTS`."""
        return f"http://{HOST}:{self.port(name)}"

    @property
    def secrets(self) -> "Secrets":
        """The stack's secrets."""
        return Secrets(self.data / "secrets")

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.data / "logs"

    def health_file(self, process: str) -> Path:
        """Where a process without HTTP writes that it is well."""
        return self.data / "run" / f"{process}.health"

    def database_url(self, role: str, *, database: str = "huiyin") -> str:
        """SQLAlchemy address of Postgres as one role, password included."""
        return f"postgresql+psycopg://{role}:{self.secrets.get(f'postgres-{role}')}@{HOST}:{self.port('postgres')}/{database}"

    def nats_url(self, user: str) -> str:
        """Address of NATS as one user, password included."""
        return f"nats://{user}:{self.secrets.get(f'nats-{user}')}@{HOST}:{self.port('nats')}"

    @property
    def temporal(self) -> str:
        """`host:port` of Temporal's frontend."""
        return f"{HOST}:{self.port('temporal')}"

    def make_folders(self) -> None:
        """Make the data folder and what is in it; only its owner may look inside."""
        for folder in (self.data, self.data / "secrets", self.logs, self.data / "run", self.data / "attachments", self.data / "sinks"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Random secrets, each a file that only its owner can read, made when first asked for."""

    folder: Path

    def get(self, name: str) -> str:
        """The secret of that name: letters and digits, 256 bits."""
        path = self.folder / name
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The leading letter keeps it a string in every configuration language.
        secret = "s" + secrets.token_hex(32)
        draft = self.folder / f".{name}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secret)
        try:
            os.link(draft, path)  # whoever comes first wins, and nobody ever reads half a secret
        except FileExistsError:
            return path.read_text(encoding="ascii")
        finally:
            draft.unlink()
        return secret
