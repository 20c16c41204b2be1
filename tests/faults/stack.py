"""A real stack that faults are struck at: started as an operator starts it, in a folder of its own."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.local.layout import Layout
from deploy.local.processes import ROOT
from deploy.local.state import StackState, load
from tests.faults.injectors.proxies import Proxies
from tests.faults.record import Record
from tests.support.servers import free_base

HUIYIN = (sys.executable, "-m", "deploy.cli")

PLANTED = Path(__file__).with_name("planted")
"""Every Python process of the stack finds its `sitecustomize.py` there. Without names in HUIYIN_PLANTED it does nothing."""

UNLIMITED = {
    "HUIYIN_CITIZEN_RATE_PER_MINUTE": "60000",
    "HUIYIN_CITIZEN_BURST": "10000",
    "HUIYIN_STAFF_RATE_PER_MINUTE": "60000",
    "HUIYIN_STAFF_BURST": "10000",
}
"""All citizens of a schedule call from one address. Looking up keeps its limit: it is part of what is tried."""

COMMAND_PATIENCE = 400
"""Seconds that one `huiyin` command may take on a busy machine."""


def planted_beside(data: Path) -> Path:
    """HUIYIN_PLANTED_DIR of the stack with that data folder."""
    return data.parent / "planted"


class StackFailed(RuntimeError):
    """A `huiyin` command ended with another code than 0, or the stack did not get well; the message holds what it said."""


@dataclass
class FaultStack:
    """A stack in its own folder, with proxies between its parts and their servers. `close` ends both.

    Args:
        folder: holds the data folder, the client's record, and what planted bugs remember.
        base: the gateway's port.
        env: variables of all parts.
    """

    folder: Path
    base: int = field(default_factory=free_base)
    env: dict[str, str] = field(default_factory=dict[str, str])
    proxies: Proxies = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.proxies = Proxies(self.layout)

    @property
    def data(self) -> Path:
        """The stack's data folder."""
        return self.folder / "data"

    @property
    def planted(self) -> Path:
        """Where planted bugs and crash points remember what they did (HUIYIN_PLANTED_DIR)."""
        return planted_beside(self.data)

    @property
    def record_file(self) -> Path:
        """The client's record of everything that was ever asked of this stack."""
        return self.folder / "record.jsonl"

    @property
    def layout(self) -> Layout:
        """Ports, addresses and secrets."""
        return Layout(self.data.absolute(), self.base, demo=True)

    @property
    def state(self) -> StackState:
        """How its supervisor last described it."""
        return load(self.data)

    def record(self) -> Record:
        """The client's record, read from its file."""
        return Record(self.record_file)

    def up(self, env: Mapping[str, str] | None = None) -> None:
        """Start it and return when every part is healthy. Blocks: call it in a thread where a loop runs.

        Args:
            env: variables for all parts, e.g. HUIYIN_PLANTED; they are kept for the next `up`, which may change them.
        """
        self.env.update(env or {})
        self.planted.mkdir(parents=True, exist_ok=True)
        self.huiyin("up", "--port-base", str(self.base), "--demo", "--detach")

    def down(self) -> None:
        """Stop it; data stays. Blocks, like `up`."""
        self.huiyin("down")

    def close(self) -> None:
        """Stop it if it runs, and the proxies. Blocks."""
        try:
            if (self.data / "stack.json").exists():
                self.down()
        finally:
            self.proxies.close()

    def huiyin(self, *words: str) -> str:
        """`huiyin WORDS --data …`; returns what it printed. Raises `StackFailed`."""
        path = os.pathsep.join(filter(None, (str(PLANTED), os.environ.get("PYTHONPATH"))))
        env = {**os.environ, **UNLIMITED, "PYTHONPATH": path, "HUIYIN_PLANTED_DIR": str(self.planted), **self.proxies.env, **self.env}
        done = subprocess.run(
            [*HUIYIN, *words, "--data", str(self.data)],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_PATIENCE,
        )
        if done.returncode != 0:
            raise StackFailed(f"huiyin {' '.join(words)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def pid(self, name: str) -> int:
        """The process of a part as `huiyin status` names it. Raises `LookupError` while it does not run."""
        for process in self.state.processes:
            if process["name"] == name and process["pid"] is not None:
                return int(process["pid"])
        raise LookupError(f"{name} does not run")

    async def wait_healthy(self, seconds: float = 90) -> None:
        """Return when every part and every service says that it is well. Raises `StackFailed`."""
        deadline = time.monotonic() + seconds
        async with httpx.AsyncClient(base_url=self.layout.url("gateway"), timeout=5, trust_env=False) as client:
            while True:
                amiss = self._amiss() or await _unready(client)
                if not amiss:
                    return
                if time.monotonic() > deadline:
                    raise StackFailed(f"not healthy after {seconds:.0f} s: {amiss}; see {self.layout.logs}")
                await asyncio.sleep(0.2)

    def _amiss(self) -> str:
        """What the supervisor finds amiss; its word is as old as its last look, at most some seconds."""
        state = self.state
        parts = [f"{process['name']} ({process['detail']})" for process in state.processes if not process["healthy"]]
        return ", ".join(parts) or ("" if state.healthy else f"the stack is {state.phase}")


async def _unready(client: httpx.AsyncClient) -> str:
    """The first service that does not answer at this moment that it is ready, asked through the gateway."""
    for service in ("intake", "routing", "tracking", "notify"):
        try:
            answer = await client.get(f"/api/{service}/health/ready")
        except httpx.TransportError as error:
            return f"{service} ({type(error).__name__})"
        if answer.status_code != 200:
            return f"{service} ({answer.status_code} {answer.text[:200]})"
    return ""
