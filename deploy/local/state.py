"""What a running stack tells about itself: its state file, and what follows from it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil

from deploy.local.environment import environment
from deploy.local.layout import HOST, SERVICES, Layout, StackError

Phase = Literal["starting", "running", "stopping", "failed", "stopped"]

SILENT_AFTER = 15.0
"""Seconds after which a supervisor that wrote nothing is hung: it writes every 2 s."""


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack as its supervisor last described it."""

    layout: Layout
    phase: Phase
    failure: str | None
    supervisor: int
    supervisor_started: float
    written: datetime
    processes: tuple[Mapping[str, Any], ...]

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.layout.data

    @property
    def demo(self) -> bool:
        """Whether it was started with demo accounts."""
        return self.layout.demo

    @property
    def gateway(self) -> str:
        """`http://127.0.0.1:port` that people and scripts call."""
        return self.layout.url("gateway")

    @property
    def urls(self) -> Mapping[str, str]:
        """Service → `http://127.0.0.1:port` of its own, gateway not between."""
        return {service: self.layout.url(service) for service in SERVICES}

    @property
    def temporal(self) -> str:
        """`host:port` of Temporal's frontend."""
        return self.layout.temporal

    def database_url(self, role: str) -> str:
        """SQLAlchemy address as a role: a service's, `relay`, `operator`."""
        return self.layout.database_url(role)

    def nats_url(self, user: str) -> str:
        """Address as a user of NATS: a service's, `relay`, `observer`."""
        return self.layout.nats_url(user)

    def env_of(self, process: str) -> dict[str, str]:
        """The `HUIYIN_…` variables that a process of this stack was given."""
        return dict(environment(self.layout, process))

    @property
    def alive(self) -> bool:
        """Whether its supervisor runs."""
        return is_running(self.supervisor, self.supervisor_started)

    @property
    def healthy(self) -> bool:
        """Whether every part does its work, as of a few seconds ago."""
        silent = (datetime.now(UTC) - self.written).total_seconds() > SILENT_AFTER
        return self.alive and not silent and self.phase == "running" and all(process["healthy"] for process in self.processes)

    def describe(self) -> dict[str, Any]:
        """What `status --json` prints."""
        return {
            "data": str(self.data),
            "demo": self.demo,
            "replicas": self.layout.replicas,
            "phase": self.phase if self.alive else "stopped",
            "healthy": self.healthy,
            "gateway": self.gateway,
            **self.urls,
            "nats": f"nats://{HOST}:{self.layout.port('nats')}",
            "nats_observer": self.nats_url("observer"),
            "nats_servers": self.layout.nats_servers,
            "nats_monitoring": self.layout.url("nats_monitoring"),
            "temporal": self.temporal,
            "temporal_ui": self.layout.url("temporal_ui"),
            "temporal_metrics": f"{self.layout.url('temporal_metrics')}/metrics",
            "postgres": f"postgresql://{HOST}:{self.layout.port('postgres')}/huiyin",
            "sms_sink": f"{self.layout.url('sms_sink')}/messages",
            "mail_sink": f"{self.layout.url('sms_sink')}/mails",
            "smtp_sink": f"smtp://{HOST}:{self.layout.port('smtp_sink')}",
            "logs": str(self.layout.logs),
            "supervisor": {"pid": self.supervisor, "alive": self.alive},
            "processes": [dict(process) for process in self.processes],
        }


def load(data: Path) -> StackState:
    """The stack of a data folder. Raises `StackError` if none was ever started there."""
    path = data.absolute() / "stack.json"
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackError(f"No stack was started in {data}: `huiyin up --data {data}` starts one.") from None
    except PermissionError:
        raise StackError(f"{path} belongs to another user.") from None
    return StackState(
        layout=Layout(data.absolute(), stored["base"], stored["demo"], stored.get("replicas", 1), stored.get("nats_servers", 1)),
        phase=stored["phase"],
        failure=stored["failure"],
        supervisor=stored["supervisor"],
        supervisor_started=stored["supervisor_started"],
        written=datetime.fromisoformat(stored["at"]),
        processes=tuple(stored["processes"]),
    )


def save(state: StackState) -> None:
    """Write the state file: whole or not at all, readable by its owner only."""
    stored = {
        "base": state.layout.base,
        "demo": state.layout.demo,
        "replicas": state.layout.replicas,
        "nats_servers": state.layout.nats_servers,
        "phase": state.phase,
        "failure": state.failure,
        "supervisor": state.supervisor,
        "supervisor_started": state.supervisor_started,
        "at": state.written.isoformat(),
        "processes": list(state.processes),
    }
    draft = state.data / ".stack.json"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(stored, file, ensure_ascii=False, indent=1)
    draft.replace(state.data / "stack.json")


def is_running(pid: int | None, started: float) -> bool:
    """Whether the process of that id is the one that started then, and no later one with the same id."""
    if pid is None:
        return False
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
