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
"""Who listens at base, base + 1, base + 2 … (contract, "Command line"; the last is ours). These never move."""

SHARED = (*SERVICES, "routing-worker", "relay")
"""Parts of which `--replicas` starts more than one; they share the work."""

NATS_SERVERS = (1, 3)
"""How many nats-servers a stack may have: one, or the smallest cluster that loses none of what it confirmed with one server."""

_PORTS_OF_A_REPLICA = (*SERVICES, "routing_worker_metrics")
_PORTS_OF_A_NATS_SERVER = ("nats", "nats_monitoring", "nats_route")


def numbered(kind: str, number: int) -> str:
    """The name of the n-th part of its kind: `intake`, `intake-2`, `intake-3` …"""
    return kind if number == 1 else f"{kind}-{number}"


def kind_and_number(name: str) -> tuple[str, int]:
    """What `numbered` made the name of: (`intake`, 2) for `intake-2`."""
    kind, _, number = name.rpartition("-")
    return (kind, int(number)) if number.isdigit() else (name, 1)


class StackError(Exception):
    """Why the stack cannot do what was asked: one clear sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A stack's folder and ports.

    Args:
        data: absolute path of the data folder.
        base: the gateway's port; the others follow it (`PORTS`).
        demo: whether demo accounts exist on this stack.
        replicas: processes of each of `SHARED`.
        nats_servers: one of `NATS_SERVERS`; with more than one they are a cluster, and each stream has a copy on each.
    """

    data: Path
    base: int
    demo: bool = False
    replicas: int = 1
    nats_servers: int = 1

    @property
    def ports(self) -> tuple[str, ...]:
        """Who listens at base, base + 1, base + 2 …: `PORTS`, then the further servers of a cluster, then the further replicas."""
        cluster = () if self.nats_servers == 1 else self._numbered(_PORTS_OF_A_NATS_SERVER, 1, self.nats_servers)
        more = self._numbered(_PORTS_OF_A_REPLICA, 2, self.replicas)
        return (*PORTS, *(name for name in (*cluster, *more) if name not in PORTS))

    @staticmethod
    def _numbered(kinds: tuple[str, ...], first: int, last: int) -> tuple[str, ...]:
        return tuple(numbered(kind, number) for number in range(first, last + 1) for kind in kinds)

    def replicas_of(self, kind: str) -> tuple[str, ...]:
        """The names of all parts of a kind: one of `SHARED`, or `nats`."""
        return self._numbered((kind,), 1, self.nats_servers if kind == "nats" else self.replicas)

    def port(self, name: str) -> int:
        """The port of one of `ports`."""
        return self.base + self.ports.index(name)

    def url(self, name: str) -> str:
        """`http://127.0.0.1:port` of one of `ports`."""
        return f"http://{HOST}:{self.port(name)}"

    @property
    def secrets(self) -> "Secrets":
        """The stack's secrets."""
        return Secrets(self.data / "secrets")

    @property
    def checkpoints(self) -> Path:
        """Signed checkpoints and the journal of erasures: `HUIYIN_CHECKPOINTS`, better on another disk, or in the data folder."""
        return Path(os.environ.get("HUIYIN_CHECKPOINTS") or self.data / "checkpoints")

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
        """Address of NATS as one user, password included; of a cluster all of them, with commas between."""
        password = self.secrets.get(f"nats-{user}")
        return ",".join(f"nats://{user}:{password}@{HOST}:{self.port(server)}" for server in self.replicas_of("nats"))

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
